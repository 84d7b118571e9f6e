"""A parser child that somebody has taken over: nothing of the service or the machine is his."""

import os
import platform
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kotaemon_async.documents.parsing.process import ParserChild, ParserDied
from kotaemon_async.documents.parsing.replies import Image, Opened, Pages, Reply, Scan
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.resilience import child_paths
from tests.support import doctored_child, doctored_child_of_nobody

REFUSED = {"EACCES", "EPERM", "ENOSYS"}
USERS = [doctored_child, *([doctored_child_of_nobody] if os.geteuid() == 0 else [])]
has_landlock = pytest.mark.skipif(child_paths.version() < 6, reason="the kernel has no such rules")
is_pc = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of another machine")


class Attempt(Reply, frozen=True, kw_only=True):
    came: str


@pytest.fixture(params=USERS, ids=["our user", "nobody"][: len(USERS)], scope="module")
async def child(request: pytest.FixtureRequest) -> AsyncIterator[ParserChild]:
    started = await ParserChild.start(ParserSettings(), 100, Path(request.param.__file__))
    yield started
    await started.end()


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a service keeps, open to everybody: the box alone holds."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("ledger.db", "other.pdf"):
        (folder / name).write_bytes(b"secret")
        (folder / name).chmod(0o666)
    folder.chmod(0o777)
    return folder


async def outcome(child: ParserChild, kind: str, target: str = "") -> str:
    return (await child.ask({"do": "attempt", "kind": kind, "target": target}, Attempt)).came


@has_landlock
@pytest.mark.parametrize("name", ["ledger.db", "other.pdf"])
@pytest.mark.parametrize("kind", ["read", "write", "remove", "rename", "open to all", "cut", "date"])
async def test_what_the_service_keeps_is_neither_read_nor_changed(
    child: ParserChild, data_folder: Path, kind: str, name: str
) -> None:
    assert await outcome(child, kind, str(data_folder / name)) in REFUSED
    assert (data_folder / name).read_bytes() == b"secret"


@has_landlock
async def test_no_file_is_made_and_no_folder_listed(child: ParserChild, data_folder: Path) -> None:
    assert await outcome(child, "create", str(data_folder / "new")) in REFUSED
    assert await outcome(child, "list", str(data_folder)) in REFUSED
    assert not (data_folder / "new").exists()


@has_landlock
@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/status"])
async def test_nothing_of_the_machine_is_read(child: ParserChild, path: str) -> None:
    assert await outcome(child, "read", path) in REFUSED


@has_landlock
async def test_the_code_that_it_runs_is_read_and_not_written(child: ParserChild) -> None:
    assert await outcome(child, "read", child_paths.__file__) in {"allowed", "EACCES"}
    assert await outcome(child, "write", child_paths.__file__) in REFUSED


@has_landlock
@pytest.mark.parametrize("name", ["environ", "mem", "maps", "cmdline", "fd/0", "root/etc/passwd"])
async def test_nothing_of_the_service_is_seen_or_written(child: ParserChild, name: str) -> None:
    assert await outcome(child, "read of the parent", name) in REFUSED
    assert await outcome(child, "write of the parent", name) in REFUSED


@has_landlock
async def test_the_descriptors_of_the_service_are_not_listed(child: ParserChild) -> None:
    assert await outcome(child, "list of the parent", "fd") in REFUSED


@is_pc
@pytest.mark.parametrize("call", doctored_child.CALLS)
async def test_no_call_leads_out_of_the_box(child: ParserChild, call: str) -> None:
    assert await outcome(child, "call", call) in REFUSED


@pytest.mark.parametrize("kind", ["signals of a descriptor", "more memory"])
async def test_no_signal_is_sent_by_a_descriptor_and_no_limit_raised(child: ParserChild, kind: str) -> None:
    assert await outcome(child, kind) in REFUSED | {"ValueError"}


async def test_it_says_what_holds_it(child: ParserChild) -> None:
    await outcome(child, "list", "/")
    assert child.fences is not None
    assert (child.fences.paths, child.fences.calls) == (child_paths.version(), True)


PAGE: dict[str, Any] = {
    "number": 1, "text": "ab", "blocks": [], "problem": "",
    "place": {"kind": "page", "label": "", "headings": [], "flags": [], "confidence": None},
}  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ({"pages_total": 10**12, "charset": None, "losses": []}, Opened),
        ({"pages_total": -1, "charset": None, "losses": []}, Opened),
        ({"pages_total": "1", "charset": None, "losses": []}, Opened),
        ({"pages_total": 1, "charset": None, "losses": [{"code": "odd", "message": ""}]}, Opened),
        ({}, Opened),
        ({"pages": [PAGE | {"problem": "odd"}]}, Pages),
        ({"pages": [PAGE | {"blocks": [["paragraph", 1, 3, 0, [], "", 0, []]]}]}, Pages),
        ({"pages": [PAGE | {"blocks": [["paragraph", 2, 1, 0, [], "", 0, []]]}]}, Pages),
        ({"png": b"<svg>", "width_px": 1, "height_px": 1, "marks": []}, Image),
        ({"gray": b"", "width": 90_000, "height": 90_000}, Scan),
        ({"error": {"code": 3, "message": "x"}}, Pages),
        ({"error": {"code": "corrupt", "message": "x" * 1000}}, Pages),
    ],
)
async def test_a_reply_that_is_odd_is_a_child_that_died(reply: dict[str, Any], kind: type[Reply]) -> None:
    started = await ParserChild.start(ParserSettings(), 100, Path(doctored_child.__file__))
    with pytest.raises(ParserDied):
        await started.ask({"do": "odd", "reply": reply}, kind)
    await started.end()


async def test_a_reply_that_is_nested_too_deeply_is_a_child_that_died() -> None:
    started = await ParserChild.start(ParserSettings(), 100, Path(doctored_child.__file__))
    with pytest.raises(ParserDied):
        await started.ask({"do": "deep", "depth": 900}, Pages)
    await started.end()


async def test_boxes_end_at_the_edges_of_their_page() -> None:
    started = await ParserChild.start(ParserSettings(), 100, Path(doctored_child.__file__))
    block = ["paragraph", 0, 2, 0, [[-1e300, float("nan"), 7, 0.5]], "", 0, []]
    pages = await started.ask({"do": "odd", "reply": {"pages": [PAGE | {"blocks": [block]}]}}, Pages)
    await started.end()
    assert pages.pages[0].page().blocks[0].boxes == ((0.0, 0.0, 1.0, 0.5),)
