"""The children of a running service, found by what they are and by what they have open."""

from contextlib import suppress
from pathlib import Path

from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.resilience.memory import processes
from tests.acceptance.conftest import eventually
from tests.support.documents import ENGLISH, english_pdf, write

#: One page at a time on one thread, so that a document takes a while.
SLOW = {"KOTAEMON_INGEST__BATCH_PAGES": "1", "KOTAEMON_EMBEDDING__THREADS": "1"}


def children(service: Throwaway, role: str) -> list[int]:
    """The process ids of all children of one role: parser or vectors."""
    return [pid for pid, name in processes(pid=service.process.pid).items() if name == role]


def one_child(service: Throwaway, role: str) -> int:
    """The child of that role, once there is one."""
    return eventually(lambda: children(service, role), within_s=10)[0]


def parser_of(service: Throwaway, sha256: str) -> int:
    """The parser that has the document with this hash open, once one has."""

    def found() -> list[int]:
        return [pid for pid in children(service, "parser") if sha256 in _open_files(pid)]

    return eventually(found, within_s=30)[0]


def book(folder: Path, name: str, pages: int) -> Path:
    """A PDF that keeps a slow service busy for about a tenth of a second a page."""
    texts = [
        " ".join(ENGLISH.format(number=f"{name} {n * 100 + m}") for m in range(12)) for n in range(pages)
    ]
    return write(folder, f"{name}.pdf", english_pdf(texts=texts))


def _open_files(pid: int) -> set[str]:
    names = set()
    with suppress(OSError):  # it may end meanwhile
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                names.add(link.readlink().name)
    return names
