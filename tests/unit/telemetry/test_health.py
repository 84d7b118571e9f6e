from typing import Any

import anyio
import anyio.to_thread
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.telemetry.health import Health
from tests.support.clock import Clock


async def works() -> None:
    pass


async def fails() -> None:
    raise Unavailable("Chroma is away.", code="vectors_unavailable")


async def is_broken() -> None:
    raise KeyError("secret")


async def component(health: Health, name: str) -> dict[str, Any]:
    report: dict[str, Any] = await health.report()
    found: dict[str, Any] = report["components"][name]
    return found


async def is_short() -> dict[str, object]:
    return {"code": "memory_high"}


@pytest.mark.parametrize(
    ("ledger", "vectors", "status"),
    [
        (works, works, "ok"),
        (works, fails, "degraded"),
        (fails, works, "down"),
        (is_short, works, "degraded"),
    ],
    ids=["all is well", "a part is lost", "a core part is lost", "a core part works in part"],
)
async def test_the_whole_is_as_well_as_its_parts(ledger: Any, vectors: Any, status: str) -> None:
    health = Health()
    health.register("ledger", ledger, core=True)
    health.register("vectors", vectors)
    assert (await health.report())["status"] == status


@pytest.mark.parametrize(("check", "expected"), [(works, "degraded"), (fails, "down")])
async def test_what_is_known_of_a_part_without_asking_is_told_in_any_case(check: Any, expected: str) -> None:
    health = Health()
    known = {"state": "open", "retry_in_s": 4.0, "code": "vectors_unavailable"}
    health.register("vectors", check, status=lambda: known)
    found = await component(health, "vectors")
    assert (found["status"], found.items() >= known.items()) == (expected, True)
    assert (await health.report())["status"] == "degraded"


async def test_a_part_that_works_in_part_is_degraded_and_keeps_its_details() -> None:
    async def rebuilds() -> dict[str, object]:
        return {"code": "vectors_rebuilding", "rebuilding": {"done": 3, "total": 9}}

    health = Health()
    health.register("vectors", rebuilds)
    found = await component(health, "vectors")
    assert (found["status"], found["rebuilding"]) == ("degraded", {"done": 3, "total": 9})
    assert (await health.report())["status"] == "degraded"


async def test_a_failed_part_says_why_and_since_when() -> None:
    clock, up = Clock(100.0), [True]

    async def check() -> None:
        await (works() if up[0] else fails())

    health = Health(clock=clock)
    health.register("vectors", check)
    assert (await component(health, "vectors"))["last_success_age_s"] == 0.0
    up[0], clock.now_s = False, 130.0
    found = await component(health, "vectors")
    assert (found["code"], found["message"]) == ("vectors_unavailable", "Chroma is away.")
    assert (found["status"], found["last_success_age_s"], found["core"]) == ("down", 30.0, False)


async def test_a_part_that_never_worked_has_no_age() -> None:
    health = Health()
    health.register("llm", fails)
    assert (await component(health, "llm"))["last_success_age_s"] is None


async def test_details_of_a_check_are_in_the_report_but_do_not_replace_its_status() -> None:
    async def check() -> dict[str, object]:
        return {"behind": 3, "status": "bad"}

    health = Health()
    health.register("vectors", check)
    found = await component(health, "vectors")
    assert (found["behind"], found["status"]) == (3, "ok")


async def test_a_bug_in_a_check_is_internal_without_its_text() -> None:
    health = Health()
    health.register("x", is_broken)
    found = await component(health, "x")
    assert (found["code"], "secret" in found["message"]) == ("internal", False)


async def test_a_check_that_hangs_is_a_timeout_and_the_others_are_reported() -> None:
    health = Health()
    health.register("hangs", anyio.sleep_forever, timeout_s=0.02)
    health.register("works", works)
    with anyio.fail_after(60):
        report: dict[str, Any] = await health.report()
    assert report["components"]["hangs"]["code"] == "timeout"
    assert report["components"]["works"]["status"] == "ok"


async def test_a_check_that_cannot_be_cancelled_is_left_behind_and_not_started_twice() -> None:
    started: list[int] = []
    freed = anyio.Event()

    async def check() -> None:
        started.append(1)
        with anyio.CancelScope(shield=True):
            while not freed.is_set():
                try:
                    await freed.wait()
                except BaseException:  # stubborn on purpose
                    continue

    health = Health()
    health.register("stuck", check, timeout_s=0.02)
    with anyio.fail_after(60):
        assert [(await component(health, "stuck"))["code"] for _ in range(3)] == ["timeout"] * 3
    freed.set()
    assert len(started) == 1


async def test_reports_at_the_same_time_share_one_check() -> None:
    started: list[int] = []

    async def check() -> None:
        started.append(1)
        await anyio.lowlevel.checkpoint()

    health = Health()
    health.register("ledger", check)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(health.report)
    assert len(started) == 1


async def test_without_details_only_the_status_of_each_part_is_told() -> None:
    health = Health()
    health.register("vectors", fails)
    health.register("ledger", works, core=True)
    assert await health.report(details=False) == {
        "status": "degraded",
        "components": {"vectors": {"status": "down"}, "ledger": {"status": "ok"}},
    }


async def test_what_others_know_of_a_part_is_reported_with_it_whoever_comes_first() -> None:
    health = Health()
    health.add_status("vectors", lambda: {"state": "open", "code": "vectors_unavailable"})
    health.register("vectors", works)
    found = await component(health, "vectors")
    assert (found["status"], found["state"]) == ("degraded", "open")
