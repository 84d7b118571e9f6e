"""What is seen of files while they become documents."""

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from kotaemon_async.cli.client import Json
from kotaemon_async.cli.render import coloured, named, note, print_warnings
from kotaemon_async.cli.terminal import Terminal


class IngestBars:
    """A bar for all files and one for each file under way; plain lines where there is no terminal."""

    def __init__(self, files: int, *, silent: bool) -> None:
        self._silent = silent
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Terminal(stderr=True), disable=silent,
        )  # fmt: skip
        self._all = self.progress.add_task("all files", total=files)
        self._tasks: dict[str, TaskID] = {}

    def expect(self, files: int) -> None:
        """Count files that came out of an archive."""
        known = next(task.total for task in self.progress.tasks if task.id == self._all)
        self.progress.update(self._all, total=(known or 0) + files)

    def sending(self, name: str, size_bytes: int) -> TaskID:
        """Add a bar over the bytes of an upload."""
        return self.progress.add_task(f"{escape(name)}: sending", total=size_bytes)

    def sent(self, task: TaskID) -> None:
        """Remove the upload's bar."""
        self.progress.remove_task(task)

    def show(self, document: Json) -> None:
        """Update the bar of a document that is under way."""
        progress = document.get("progress") or {}
        if document["id"] not in self._tasks:
            self._tasks[document["id"]] = self.progress.add_task(escape(document["name"]), total=None)
        words = f"{escape(document['name'])}: {note(document) or document['status']}"
        self.progress.update(
            self._tasks[document["id"]], description=words, completed=progress.get("pages_done", 0),
            total=progress.get("pages_total"),
        )  # fmt: skip

    def finish(self, document: Json) -> None:
        """Remove the bar of a finished document and print its final status."""
        task = self._tasks.pop(document.get("id", ""), None)
        if task is not None:
            self.progress.remove_task(task)
        self.progress.advance(self._all)
        if not self._silent:
            line = f"{coloured(document['status'])}  {escape(named(document))}  {escape(note(document))}"
            self.progress.console.print(line.rstrip(), highlight=False, soft_wrap=True)
            print_warnings([document], self.progress.console)
