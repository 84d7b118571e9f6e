"""Real parser children: what they read, what they refuse, and that none is left behind."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from kotaemon_async.documents.parsing.formats import HTML, MARKDOWN, PDF, TEXT
from kotaemon_async.documents.parsing.process import ParserChild
from kotaemon_async.documents.parsing.sandbox import ParserDied, Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import BadDocument, Unavailable
from tests.support import documents

ONE = ParserSettings(children=1)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(ParserSettings(children=2), max_pages=5000)
    yield sandbox
    children = sandbox.pids
    await sandbox.aclose()
    assert not any(exists(pid) for pid in children)


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
async def test_a_pdf_that_cannot_be_used_says_why(data: bytes, code: str, tmp_path: Path) -> None:
    sandbox = Sandbox(ParserSettings(children=1), max_pages=10)
    assert await failure(sandbox, documents.write(tmp_path, "a.pdf", data)) == code
    await sandbox.aclose()


async def test_a_scan_has_pages_without_text(sandbox: Sandbox, tmp_path: Path) -> None:
    assert await texts(sandbox, documents.write(tmp_path, "a.pdf", documents.image_only_pdf(2))) == ["", ""]


async def test_text_markdown_and_html_are_read_too(sandbox: Sandbox, tmp_path: Path) -> None:
    text = documents.write(tmp_path, "a.txt", "保修期为三年。请妥善保管发票。".encode("gb18030"))
    assert await texts(sandbox, text, TEXT) == ["保修期为三年。请妥善保管发票。"]
    assert await texts(sandbox, documents.write(tmp_path, "a.md", b"# One\n\ntwo"), MARKDOWN) == [
        "# One\n\ntwo"
    ]
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
async def test_a_worn_out_child_is_replaced(settings: ParserSettings, pids: int, tmp_path: Path) -> None:
    sandbox, seen = Sandbox(settings, max_pages=5000), set[int]()
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    for _ in range(4):
        async with sandbox.open(path, PDF) as parsed:
            seen.update(sandbox.pids)
            assert len(await parsed.read(1, 1)) == 1
    await sandbox.aclose()
    assert (len(seen), sandbox.restarts) == (pids, 0)


async def test_idle_children_are_released_and_a_working_one_stays(sandbox: Sandbox, tmp_path: Path) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    await sandbox.warm()
    async with sandbox.open(path, PDF) as parsed:
        await sandbox.release_idle()
        assert len(await parsed.read(1, 1)) == 1
    await sandbox.release_idle()
    assert sandbox.pids == ()
    assert len(await texts(sandbox, path)) == 1


async def test_a_document_that_needs_too_much_memory_hits_the_limit(tmp_path: Path) -> None:
    sandbox = Sandbox(ParserSettings(memory_bytes=200 * 1024**2, children=1), max_pages=5000)
    path = documents.write(tmp_path, "a.txt", ("灯塔" * 20_000_000).encode()[: 55 * 1024**2])
    assert await failure(sandbox, path, TEXT) == "parser_limit"
    await sandbox.aclose()


async def test_a_page_whose_tree_does_not_fit_hits_the_limit(tmp_path: Path) -> None:
    sandbox = Sandbox(ONE, max_pages=5000)
    path = documents.write(tmp_path, "a.html", b"<i>" * 6_000_000)
    assert await failure(sandbox, path, HTML) == "parser_limit"
    await sandbox.aclose()


async def test_a_document_that_needs_too_much_cpu_hits_the_limit(tmp_path: Path) -> None:
    sandbox = Sandbox(ParserSettings(cpu_s=0.1, memory_bytes=4 * 1024**3, children=1), max_pages=5000)
    path = documents.write(tmp_path, "a.html", b"<i>" * 6_000_000)
    assert await failure(sandbox, path, HTML) == "parser_limit"
    await sandbox.aclose()


async def test_a_call_that_takes_too_long_hits_the_limit(tmp_path: Path) -> None:
    sandbox = Sandbox(ParserSettings(wall_s=2, children=1), max_pages=5000)
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    with pytest.raises(BadDocument) as problem:
        async with sandbox.open(path, PDF) as parsed:
            os.kill(sandbox.pids[0], signal.SIGSTOP)
            await parsed.read(1, 1)
    assert problem.value.code == "parser_limit"
    await sandbox.aclose()


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
    sandbox: Sandbox, tmp_path: Path, fatal: signal.Signals, final_code: str
) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    with pytest.raises(ParserDied, match=fatal.name) as died:
        async with sandbox.open(path, PDF) as parsed:
            os.kill(sandbox.pids[0], fatal)
            await parsed.read(1, 1)
    found = died.value
    assert (found.code, found.final_code, found.ending) == ("parser_unavailable", final_code, fatal.name)
    assert len(await texts(sandbox, path)) == 1


@pytest.mark.parametrize("script", [b"raise SystemExit(3)", b"import os; os.write(1, b'no frame at all')"])
async def test_a_child_that_cannot_start_is_not_the_documents_fault(tmp_path: Path, script: bytes) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    sandbox = Sandbox(
        ParserSettings(children=1), max_pages=5000, script=documents.write(tmp_path, "child.py", script)
    )
    with pytest.raises(Unavailable, match="could not start") as problem:
        await texts(sandbox, path)
    assert not isinstance(problem.value, ParserDied)
    await sandbox.aclose()


async def test_a_child_that_says_something_odd_has_died_over_the_document(tmp_path: Path) -> None:
    script = (
        b"import os, time\n"
        b"os.write(1, b'\\0\\0\\0\\1\\x80')\n"  # ready
        b"os.read(0, 1)\n"
        b"os.write(1, b'\\0\\0\\0\\2]]')\n"
        b"time.sleep(60)\n"
    )
    sandbox = Sandbox(
        ParserSettings(children=1), max_pages=5000, script=documents.write(tmp_path, "child.py", script)
    )
    with pytest.raises(ParserDied) as died:
        await texts(sandbox, tmp_path)
    assert (died.value.final_code, died.value.ending) == ("corrupt", "an odd reply")
    await sandbox.aclose()


async def test_a_child_that_dies_without_a_document_is_replaced_unseen(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    await texts(sandbox, path)
    (dead,) = sandbox.pids
    os.kill(dead, signal.SIGKILL)
    assert ends_within(dead, timeout_s=5)
    assert len(await texts(sandbox, path)) == 1
    assert dead not in sandbox.pids


async def test_a_child_that_dies_after_the_last_page_takes_nothing_with_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    async with sandbox.open(path, PDF) as parsed:
        pages = await parsed.read(1, 1)
        os.kill(sandbox.pids[0], signal.SIGSEGV)
    assert (len(pages), sandbox.restarts, sandbox.pids) == (1, 1, ())


async def test_a_child_is_ended_by_the_service_and_not_by_sigterm(sandbox: Sandbox, tmp_path: Path) -> None:
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    async with sandbox.open(path, PDF) as parsed:
        os.kill(sandbox.pids[0], signal.SIGTERM)
        assert len(await parsed.read(1, 1)) == 1


async def test_a_cancelled_read_kills_its_child_and_frees_the_place(tmp_path: Path) -> None:
    sandbox = Sandbox(ONE, max_pages=5000)
    path = documents.write(tmp_path, "a.pdf", documents.english_pdf())
    with anyio.CancelScope() as scope:
        async with sandbox.open(path, PDF) as parsed:
            (stopped,) = sandbox.pids
            scope.cancel()
            await parsed.read(1, 1)
    assert not exists(stopped)
    assert len(await texts(sandbox, path)) == 1
    await sandbox.aclose()


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


async def test_a_closed_sandbox_has_no_children_and_takes_no_documents(tmp_path: Path) -> None:
    sandbox = Sandbox(ONE, max_pages=5000)
    await sandbox.warm()
    (pid,) = sandbox.pids
    await sandbox.aclose()
    assert not exists(pid)
    with pytest.raises(Unavailable):
        await texts(sandbox, documents.write(tmp_path, "a.pdf", documents.english_pdf()))


async def test_a_child_has_no_network_and_starts_no_programs() -> None:
    child = await ParserChild.start(ParserSettings(), max_pages=5000)
    reply = await child.ask({"do": "confinement"})
    await child.end()
    assert (reply["socket"], reply["exec"]) == ("EACCES", "EACCES")


def test_a_child_ends_with_the_process_that_started_it() -> None:
    code = (
        "import anyio, os\nfrom kotaemon_async.documents.parsing.process import ParserChild\n"
        "from kotaemon_async.documents.settings import ParserSettings\n"
        "async def main():\n child = await ParserChild.start(ParserSettings(), max_pages=9)\n"
        " await child.ask({'do': 'close'})\n"
        " os.write(1, str(child.pid).encode())\n os._exit(1)\nanyio.run(main)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ends_within(int(done.stdout), timeout_s=5)
