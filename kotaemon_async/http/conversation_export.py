"""Conversations that are taken away: questions, answers and sources as Markdown or as a Word document."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Annotated, Final, Literal, Protocol

import anyio.to_thread
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from kotaemon_async.answers import phrases
from kotaemon_async.domain.model import Citation
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.conversations import ONE
from kotaemon_async.http.dependencies import GivenCaller, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.http.sources import source_line
from kotaemon_async.http.unlinked import unlinked
from kotaemon_async.http.word_files import Paragraph, WordFile
from kotaemon_async.stores.conversations import Turn

_MEDIA_TYPES: Final = {
    "md": "text/markdown; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
# Its type is that of the format.
_FILE = ResponseSpec(bytes, generate_examples=False, description="The conversation.", media_type="*/*")
#: A larger file waits on the disk until it is sent.
_IN_MEMORY_BYTES: Final = 4 * 1024**2
_PIECE_BYTES: Final = 256 * 1024


@get(
    f"{ONE}/export",
    media_type="text/markdown",
    responses={200: _FILE, **responses("bad_request", "not_found", "ledger_unavailable")},
    summary="Take one away as Markdown or as a Word document",
)
async def export_conversation(
    services: GivenServices,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    kind: Annotated[Literal["md", "docx"], QueryParameter(name="format")] = "md",
) -> Stream:
    """Return the questions, answers and sources as a file, of however many turns."""
    history = services.answer_history
    found = await history.head(caller, conversation_id)
    cited: dict[str, Citation] = {}  # one of each document, for those of one name
    async for turns in history.pages(caller, conversation_id):
        cited |= {one.document_id: one for turn in turns for one in turn.answer.citations}
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - it is closed when it is sent
    writer = _WRITERS[kind](file, found.title)
    async for turns in history.pages(caller, conversation_id):
        await anyio.to_thread.run_sync(writer.write, turns, cited.values())
    await anyio.to_thread.run_sync(writer.close)
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(found.id)}.{kind}"'}
    return Stream(_pieces(file), headers=headers, media_type=_MEDIA_TYPES[kind])


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece


class _Writer(Protocol):
    """Writes a conversation, turn by turn."""

    def __init__(self, file: IO[bytes], title: str) -> None: ...

    def write(self, turns: Iterable[Turn], cited: Iterable[Citation]) -> None: ...

    def close(self) -> None: ...


class Markdown:
    """Writes a heading for each question, its answer, and the quotes that it rests on."""

    def __init__(self, file: IO[bytes], title: str) -> None:
        self._file = file
        self._line(f"# {_line(title)}\n")

    def write(self, turns: Iterable[Turn], cited: Iterable[Citation]) -> None:
        """Add the turns; documents of one name are told apart among those that are `cited`."""
        for turn in turns:
            self._line(f"## {_line(turn.answer.question)}\n\n{turn.answer.answer}\n")
            for line in _sources(turn, cited):
                self._line(f"{line}\n")
            self._line(f"*{_served(turn)}*\n")

    def close(self) -> None:
        """Leave the file as it is."""

    def _line(self, text: str) -> None:
        self._file.write(unlinked(f"{text}\n").encode())


class Word:
    """Writes the same as paragraphs of a Word document; the marks of Markdown become those of Word."""

    def __init__(self, file: IO[bytes], title: str) -> None:
        self._document = WordFile(file)
        self._document.write([Paragraph(_line(title), "Title")])

    def write(self, turns: Iterable[Turn], cited: Iterable[Citation]) -> None:
        """Add the turns; documents of one name are told apart among those that are `cited`."""
        for turn in turns:
            self._document.write([Paragraph(_line(turn.answer.question), "Heading1")])
            self._document.write(_answer_paragraphs(turn.answer.answer))
            self._document.write(Paragraph(line, "Source") for line in _sources(turn, cited))
            self._document.write([Paragraph(_served(turn), "Note")])

    def close(self) -> None:
        """End the document."""
        self._document.close()


_WRITERS: Final[dict[str, type[_Writer]]] = {"md": Markdown, "docx": Word}


def _answer_paragraphs(answer: str) -> list[Paragraph]:
    """Return the lines of an answer; those of a list, a heading or code are marked as such."""
    found, in_code = [], False
    for line in answer.splitlines():
        plain = line.strip()
        if plain.startswith("```"):
            in_code = not in_code
        elif in_code:
            found.append(Paragraph(line, "Code"))
        elif plain.startswith("#"):
            found.append(Paragraph(plain.lstrip("# "), "Heading2"))
        elif plain[:2] in ("- ", "* ", "+ "):
            found.append(Paragraph(f"• {plain[2:]}", "List"))
        elif plain and set(plain) - set("|-: "):
            found.append(Paragraph(plain))
    return found


def _sources(turn: Turn, cited: Iterable[Citation]) -> list[str]:
    chinese = phrases.is_chinese(turn.answer.question)
    return [source_line(one, cited, chinese=chinese) for one in turn.answer.citations]


def _served(turn: Turn) -> str:
    answer = turn.answer
    served = f"{answer.served_by}, degraded" if answer.degraded else answer.served_by
    served = served if answer.complete else f"{served}, not complete"
    return f"{iso_time(turn.at_s)}, {served}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _file_name(conversation_id: str) -> str:
    kept = "".join(ch if ch.isascii() and (ch.isalnum() or ch in "-_") else "_" for ch in conversation_id)
    return f"conversation-{kept[:60]}"


HANDLERS: list[HTTPRouteHandler] = [export_conversation]
