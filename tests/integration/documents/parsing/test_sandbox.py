"""Real parser children: what they read, what they refuse, and that none is left behind."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from kotaemon_async.documents.parsing.formats import HTML, MARKDOWN, PDF, TEXT
from kotaemon_async.documents.parsing.sandbox import ParserDied, Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import BadDocument, Unavailable
from tests.support import documents

ONE = ParserSettings(children=1)
#: Made when they are needed: they are large.
LONG = lambda: ("灯塔" * 20_000_000).encode()[: 55 * 1024**2]  # noqa: E731
DEEP = lambda: b"<i>" * 6_000_000  # noqa: E731
OpenSandbox = Callable[..., Sandbox]


@pytest.fixture
async def opened() -> AsyncIterator[OpenSandbox]:
    """Opens sandboxes, of which no child is left at the end."""
    made: list[Sandbox] = []

    def open_sandbox(settings: ParserSettings = ONE, max_pages: int = 5000, **given: Path) -> Sandbox:
        made.append(Sandbox(settings, max_pages=max_pages, **given))
        return made[-1]

    yield open_sandbox
    children = [pid for sandbox in made for pid in sandbox.pids]
    for sandbox in made:
        await sandbox.aclose()
    assert not any(exists(pid) for pid in children)


@pytest.fixture
def sandbox(opened: OpenSandbox) -> Sandbox:
    return opened(ParserSettings(children=2))


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    """A PDF of one page."""
    return documents.write(tmp_path, "a.pdf", documents.english_pdf())


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def ends_within(pid: int, timeout_s: float) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor) as ended:
        return bool(select.select([ended], [], [], timeout_s)[0])


async def texts(sandbox: Sandbox, path: Path, media_type: str = PDF) -> list[str]:
    async with sandbox.open(path, media_type) as parsed:
        return [page.text for page in await parsed.read(1, parsed.pages_total)]


async def failure(sandbox: Sandbox, path: Path, media_type: str = PDF) -> str:
    with pytest.raises(BadDocument) as problem:
        await texts(sandbox, path, media_type)
    return problem.value.code


async def test_an_english_pdf_gives_its_paragraph(sandbox: Sandbox, tmp_path: Path) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf(2))
    assert await texts(sandbox, path) == [documents.ENGLISH.format(number=number) for number in (1, 2)]


async def test_a_chinese_pdf_gives_its_paragraph_without_spaces(sandbox: Sandbox, tmp_path: Path) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.chinese_pdf())
    assert await texts(sandbox, path) == [documents.CHINESE.format(number=1)]


async def test_pages_come_in_the_batches_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf(5))
    async with sandbox.open(path, PDF) as parsed:
        assert parsed.pages_total == 5
        assert [page.number for page in await parsed.read(4, 8)] == [4, 5]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (documents.encrypted_pdf(), "encrypted"),
        (b"%PDF-1.7\nnothing more", "corrupt"),
        (documents.lying_pdf(-5), "corrupt"),
        (documents.english_pdf(12), "too_large"),
    ],
)
async def test_a_pdf_that_cannot_be_used_says_why(
    opened: OpenSandbox, data: bytes, code: str, tmp_path: Path
) -> None:
    sandbox = opened(max_pages=10)
    assert await failure(sandbox, documents.write(tmp_path, "a.pdf", data)) == code


async def test_a_scan_has_pages_without_text(sandbox: Sandbox, tmp_path: Path) -> None:
    assert await texts(sandbox, documents.write(tmp_path, "a.pdf", documents.image_only_pdf(2))) == ["", ""]


async def test_text_markdown_and_html_are_read_too(sandbox: Sandbox, tmp_path: Path) -> None:
    text = documents.write(tmp_path, "a.txt", "保修期为三年。请妥善保管发票。".encode("gb18030"))
    assert await texts(sandbox, text, TEXT) == ["保修期为三年。请妥善保管发票。"]
    headed = documents.write(tmp_path, "a.md", b"# One\n\ntwo")
    assert await texts(sandbox, headed, MARKDOWN) == ["One\n\ntwo"]
    assert await texts(sandbox, documents.write(tmp_path, "a.html", b"<p>x<script>y</script>"), HTML) == ["x"]


async def test_a_child_is_used_again_after_success_and_replaced_after_a_failure(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    good = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    bad = documents.write(tmp_path, "b.pdf", documents.encrypted_pdf())
    await texts(sandbox, good)
    first = sandbox.pids
    await texts(sandbox, good)
    assert sandbox.pids == first
    assert await failure(sandbox, bad) == "encrypted"
    await texts(sandbox, good)
    assert not set(first) & set(sandbox.pids)


@pytest.mark.parametrize(
    ("settings", "pids"),
    [
        (ParserSettings(children=1, max_documents=2), 2),
        (ParserSettings(children=1, recycle_bytes=1), 4),
        (ONE, 1),
    ],
    ids=["after two documents", "too large", "by default"],
)
async def test_a_worn_out_child_is_replaced(
    opened: OpenSandbox, settings: ParserSettings, pids: int, pdf: Path
) -> None:
    sandbox, seen = opened(settings), set[int]()
    for _ in range(4):
        async with sandbox.open(pdf, PDF) as parsed:
            seen.update(sandbox.pids)
            assert len(await parsed.read(1, 1)) == 1
    await sandbox.aclose()
    assert (len(seen), sandbox.restarts) == (pids, 0)


async def test_idle_children_are_released_and_a_working_one_stays(sandbox: Sandbox, pdf: Path) -> None:
    await sandbox.warm()
    async with sandbox.open(pdf, PDF) as parsed:
        await sandbox.release_idle()
        assert len(await parsed.read(1, 1)) == 1
    await sandbox.release_idle()
    assert sandbox.pids == ()
    assert len(await texts(sandbox, pdf)) == 1


@pytest.mark.parametrize(
    ("settings", "media_type", "data"),
    [
        (ParserSettings(memory_bytes=200 * 1024**2, children=1), TEXT, LONG),
        (ONE, HTML, DEEP),
        (ParserSettings(cpu_s=0.1, memory_bytes=4 * 1024**3, children=1), HTML, DEEP),
    ],
    ids=["memory", "memory for its tree", "CPU time"],
)
async def test_a_document_that_needs_too_much_hits_the_limit(
    opened: OpenSandbox, tmp_path: Path, settings: ParserSettings, media_type: str, data: Callable[[], bytes]
) -> None:
    path = documents.write(tmp_path, "a", data())
    assert await failure(opened(settings), path, media_type) == "parser_limit"


async def test_a_call_that_takes_too_long_hits_the_limit(opened: OpenSandbox, pdf: Path) -> None:
    sandbox = opened(ParserSettings(wall_s=4, children=1))
    with pytest.raises(BadDocument) as problem:
        async with sandbox.open(pdf, PDF) as parsed:
            os.kill(sandbox.pids[0], signal.SIGSTOP)
            await parsed.read(1, 1)
    assert problem.value.code == "parser_limit"


@pytest.mark.parametrize(
    ("fatal", "final_code"),
    [
        (signal.SIGSEGV, "corrupt"),
        (signal.SIGABRT, "corrupt"),
        (signal.SIGBUS, "corrupt"),
        (signal.SIGKILL, "parser_limit"),
    ],
)
async def test_a_child_that_dies_over_a_document_tells_what_it_will_have_been(
    sandbox: Sandbox, pdf: Path, fatal: signal.Signals, final_code: str
) -> None:
    with pytest.raises(ParserDied, match=fatal.name) as died:
        async with sandbox.open(pdf, PDF) as parsed:
            os.kill(sandbox.pids[0], fatal)
            await parsed.read(1, 1)
    found = died.value
    assert (found.code, found.final_code, found.ending) == ("parser_unavailable", final_code, fatal.name)
    assert len(await texts(sandbox, pdf)) == 1


@pytest.mark.parametrize("script", [b"raise SystemExit(3)", b"import os; os.write(1, b'no frame at all')"])
async def test_a_child_that_cannot_start_is_not_the_documents_fault(
    opened: OpenSandbox, tmp_path: Path, pdf: Path, script: bytes
) -> None:
    sandbox = opened(script=documents.write(tmp_path, "child.py", script))
    with pytest.raises(Unavailable, match="could not start") as problem:
        await texts(sandbox, pdf)
    assert not isinstance(problem.value, ParserDied)


async def test_a_child_that_says_something_odd_has_died_over_the_document(
    opened: OpenSandbox, tmp_path: Path
) -> None:
    script = (
        b"import os, time\n"
        b"os.write(1, b'\\0\\0\\0\\1\\x80')\n"  # ready
        b"os.read(0, 1)\n"
        b"os.write(1, b'\\0\\0\\0\\2]]')\n"
        b"time.sleep(60)\n"
    )
    sandbox = opened(script=documents.write(tmp_path, "child.py", script))
    with pytest.raises(ParserDied) as died:
        await texts(sandbox, documents.write(tmp_path, "a.pdf", documents.english_pdf()))
    assert (died.value.final_code, died.value.ending) == ("corrupt", "an odd reply")


async def test_a_child_that_dies_without_a_document_is_replaced_unseen(sandbox: Sandbox, pdf: Path) -> None:
    await texts(sandbox, pdf)
    (dead,) = sandbox.pids
    os.kill(dead, signal.SIGKILL)
    assert ends_within(dead, timeout_s=60)
    assert len(await texts(sandbox, pdf)) == 1
    assert dead not in sandbox.pids


async def test_a_child_that_dies_after_the_last_page_takes_nothing_with_it(
    sandbox: Sandbox, pdf: Path
) -> None:
    async with sandbox.open(pdf, PDF) as parsed:
        pages = await parsed.read(1, 1)
        os.kill(sandbox.pids[0], signal.SIGSEGV)
    assert (len(pages), sandbox.restarts, sandbox.pids) == (1, 1, ())


async def test_a_child_is_ended_by_the_service_and_not_by_sigterm(sandbox: Sandbox, pdf: Path) -> None:
    async with sandbox.open(pdf, PDF) as parsed:
        os.kill(sandbox.pids[0], signal.SIGTERM)
        assert len(await parsed.read(1, 1)) == 1


async def test_a_cancelled_read_kills_its_child_and_frees_the_place(opened: OpenSandbox, pdf: Path) -> None:
    sandbox = opened()
    with anyio.CancelScope() as scope:
        async with sandbox.open(pdf, PDF) as parsed:
            (stopped,) = sandbox.pids
            scope.cancel()
            await parsed.read(1, 1)
    assert not exists(stopped)
    assert len(await texts(sandbox, pdf)) == 1


async def test_many_readers_share_few_children(sandbox: Sandbox, tmp_path: Path) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf(3))
    seen: list[int] = []

    async def read() -> None:
        seen.append(len(await texts(sandbox, path)))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(read)
    assert seen == [3] * 8
    assert len(sandbox.pids) <= 2


async def test_a_closed_sandbox_has_no_children_and_takes_no_documents(
    opened: OpenSandbox, tmp_path: Path
) -> None:
    sandbox = opened()
    await sandbox.warm()
    (pid,) = sandbox.pids
    await sandbox.aclose()
    assert not exists(pid)
    with pytest.raises(Unavailable):
        await texts(sandbox, documents.write(tmp_path, "a.pdf", documents.english_pdf()))


def test_a_child_ends_with_the_process_that_started_it() -> None:
    code = (
        "import anyio, os\nfrom kotaemon_async.documents.parsing.process import ParserChild\n"
        "from kotaemon_async.documents.parsing.replies import Closed\n"
        "from kotaemon_async.documents.settings import ParserSettings\n"
        "async def main():\n child = await ParserChild.start(ParserSettings(), max_pages=9)\n"
        " await child.ask({'do': 'close'}, Closed)\n"
        " os.write(1, str(child.pid).encode())\n os._exit(1)\nanyio.run(main)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ends_within(int(done.stdout), timeout_s=60)
