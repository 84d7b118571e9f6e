"""What a model's process may say, played by a script, and what its link makes of it."""

from pathlib import Path

import pytest

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Prompt, ProviderFailed
from kotaemon_async.answers.llm.local import LocalLimits, LocalLink
from kotaemon_async.answers.llm.local_process import Model
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Usage

READY = '{"ready": true}'
BEGUN = '{"id": 1, "prompt_tokens": 5}'
DONE = '{"id": 1, "end": "stop", "completion_tokens": 2}'


def playing(tmp_path: Path, *lines: str, last_words: str = "") -> LocalLink:
    """A link to a process that says these lines, one for the start and the rest for the first request."""
    script = tmp_path / "child.py"
    script.write_text(
        f"import sys\nprint({lines[0]!r}, flush=True)\nsys.stdin.readline()\n"
        f"print({chr(10).join(lines[1:])!r}, flush=True)\nsys.stderr.write({last_words!r})\n"
        + ("" if last_words else "sys.stdin.read()\n")
    )
    return LocalLink("here", "primary", Model(tmp_path), LocalLimits(idle_timeout_s=1.0), script)


async def told(link: LocalLink) -> tuple[str, Finish | None, Unavailable | None]:
    text, finish, error = "", None, None
    try:
        async for piece in link.stream(Prompt("When?", ()), Deadline.within(20)):
            if isinstance(piece, Delta):
                text += piece.text
            else:
                finish = piece
    except Unavailable as raised:
        error = raised
    finally:
        await link.aclose()
    return text, finish, error


async def test_pieces_are_put_together_and_white_space_before_them_is_left_out(tmp_path: Path) -> None:
    pieces = ('{"id": 1, "text": " \\n"}', '{"id": 1, "text": " In"}', '{"id": 1, "text": " May."}')
    link = playing(tmp_path, READY, BEGUN, *pieces, DONE)
    assert await told(link) == ("In May.", Finish(Usage(5, 2)), None)


async def test_what_is_left_of_an_earlier_request_is_passed_over(tmp_path: Path) -> None:
    link = playing(tmp_path, READY, '{"id": 0, "text": "old"}', BEGUN, '{"id": 1, "text": "new"}', DONE)
    assert (await told(link))[0] == "new"


async def test_an_empty_answer_is_a_failure(tmp_path: Path) -> None:
    text, finish, error = await told(playing(tmp_path, READY, BEGUN, '{"id": 1, "text": " "}', DONE))
    assert (text, finish, error and error.message) == ("", None, "the model's answer is empty")


@pytest.mark.parametrize(
    ("lines", "blame", "code", "heals"),
    [
        (('{"error": "setting", "message": "no"}',), "setting", "misconfigured", False),
        (('{"error": "memory", "message": "no"}',), "setting", "misconfigured", False),
        ((READY, '{"id": 1, "error": "memory", "message": "no"}'), "prompt", "llm_unavailable", False),
        ((READY, BEGUN, '{"id": 1, "error": "model", "message": "no"}'), "server", "llm_unavailable", False),
        ((READY, "nonsense"), "server", "llm_unavailable", True),
        ((READY, BEGUN, "nonsense"), "server", "llm_unavailable", True),
        ((READY, BEGUN), "server", "timeout", False),
    ],
)
async def test_a_failure_is_somebodys_fault(
    tmp_path: Path, lines: tuple[str, ...], blame: str, code: str, heals: bool
) -> None:
    link = playing(tmp_path, *lines)
    link.limits = LocalLimits(first_token_timeout_s=1.0)
    _, _, error = await told(link)
    assert isinstance(error, ProviderFailed)
    assert (error.fault, error.code, error.transient) == (blame, code, heals)


@pytest.mark.parametrize(
    ("last_words", "blame", "heals"),
    [
        ("terminate called: what(): std::bad_alloc\n", "prompt", False),
        ("Segmentation fault\n", "server", True),
    ],
)
async def test_a_process_that_ends_by_itself_may_have_said_why(
    tmp_path: Path, last_words: str, blame: str, heals: bool
) -> None:
    _, _, error = await told(playing(tmp_path, READY, BEGUN, last_words=last_words))
    assert isinstance(error, ProviderFailed)
    assert (error.fault, error.transient) == (blame, heals)
