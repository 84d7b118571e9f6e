"""The telemetry file is no truth: whatever happens to it, there is another, or the service does without."""

from pathlib import Path

import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.telemetry import AGAIN_AFTER_S, FILE, SCHEMA, TelemetryFile
from tests.support.ledger import run_sql

COUNT = "SELECT count(*) FROM trace_rows"
ROW = "INSERT INTO trace_rows VALUES (NULL, 't', 'span', 's', 'p', 1, 2, '{}')"


async def rows(file: TelemetryFile) -> int:
    return await file.read(lambda conn: int(conn.execute(COUNT).get))


async def filled(path: Path, count: int = 1) -> None:
    file = await TelemetryFile.open(path)
    for _ in range(count):
        await file.write(lambda conn: conn.execute(ROW).get)
    await file.aclose()


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def damage(path: Path) -> None:
    """All pages but the first are garbage."""
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))


async def test_a_file_is_there_again_after_a_restart(tmp_path: Path) -> None:
    await filled(tmp_path / FILE, 3)
    file = await TelemetryFile.open(tmp_path / FILE)
    assert (await rows(file), await file.check()) == (3, {"renewals": 0})
    await file.aclose()


async def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    path, content = tmp_path / FILE, b"this is no database" * 500
    path.write_bytes(content)
    file = await TelemetryFile.open(path)
    assert (await rows(file), file.renewals) == (0, 1)
    assert path.with_name(f"{FILE}.aside").read_bytes() == content
    await file.aclose()


async def test_a_file_of_a_newer_release_is_put_aside(tmp_path: Path) -> None:
    await filled(tmp_path / FILE)
    run_sql(tmp_path / FILE, f"PRAGMA user_version = {SCHEMA.version + 1}")
    file = await TelemetryFile.open(tmp_path / FILE)
    assert (await rows(file), file.renewals) == (0, 1)
    await file.aclose()


async def test_damage_that_only_shows_later_costs_what_was_kept_and_nothing_else(tmp_path: Path) -> None:
    await filled(tmp_path / FILE, 200)
    damage(tmp_path / FILE)
    file = await TelemetryFile.open(tmp_path / FILE)
    with pytest.raises(Unavailable):
        await rows(file)
    assert (await rows(file), file.renewals) == (0, 1)
    await file.write(lambda conn: conn.execute(ROW).get)
    assert await rows(file) == 1
    await file.aclose()


async def test_only_the_last_file_put_aside_is_kept(tmp_path: Path) -> None:
    for content in (b"first" * 500, b"second" * 500):
        (tmp_path / FILE).write_bytes(content)
        await (await TelemetryFile.open(tmp_path / FILE)).aclose()
    assert files(tmp_path) == {FILE, f"{FILE}.aside"}
    assert (tmp_path / f"{FILE}.aside").read_bytes() == b"second" * 500


async def test_without_a_file_the_report_says_so_and_a_later_try_finds_it(tmp_path: Path) -> None:
    now_s = 0.0
    file = await TelemetryFile.open(tmp_path / "missing" / FILE, clock=lambda: now_s)
    assert (await file.check())["code"] == "telemetry_unavailable"
    (tmp_path / "missing").mkdir()
    with pytest.raises(Unavailable):
        await rows(file)
    now_s = AGAIN_AFTER_S
    assert (await rows(file), "code" in await file.check()) == (0, False)
    await file.aclose()
