import pytest

from kotaemon_async.errors import Refused
from kotaemon_async.resilience.admission import Admission, Disk, disk_of, require_free_disk
from kotaemon_async.telemetry import metrics

GB = 1000**3


def rejections(reason: str) -> float:
    name = "kotaemon_admission_rejections_total"
    return metrics.REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0


def check(free_bytes: int, total_bytes: int) -> None:
    require_free_disk(Disk(free_bytes, total_bytes), floor_bytes=GB // 2, floor_ratio=0.05)


async def test_uploads_up_to_the_limit_get_in_and_the_next_is_busy() -> None:
    admission, before = Admission(2), rejections("busy")
    async with admission.upload(), admission.upload():
        with pytest.raises(Refused) as refused:
            async with admission.upload():
                pass
        assert (refused.value.code, refused.value.status, refused.value.retry_after_s) == ("busy", 429, 1)
    assert (admission.uploads, rejections("busy")) == (0, before + 1)


async def test_a_failed_upload_gives_its_place_back() -> None:
    admission = Admission(1)
    with pytest.raises(ValueError, match="cut"):
        async with admission.upload():
            raise ValueError("cut")
    async with admission.upload():
        assert admission.uploads == 1


async def test_a_full_disk_refuses_and_takes_no_place() -> None:
    admission, before = Admission(1, lambda: check(1, 100 * GB)), rejections("disk_full")
    with pytest.raises(Refused) as refused:
        async with admission.upload():
            pass
    assert (refused.value.code, refused.value.status, refused.value.retryable) == ("disk_full", 507, True)
    assert (admission.uploads, rejections("disk_full")) == (0, before + 1)


@pytest.mark.parametrize(
    ("free_bytes", "total_bytes"), [(GB // 2, 10_000 * GB), (50_000_000, GB), (0, 0)], ids=str
)
def test_enough_room_is_no_error(free_bytes: int, total_bytes: int) -> None:
    check(free_bytes, total_bytes)


@pytest.mark.parametrize(("free_bytes", "total_bytes"), [(GB // 2 - 1, 10_000 * GB), (49_999_999, GB)])
def test_less_than_the_smaller_floor_is_refused(free_bytes: int, total_bytes: int) -> None:
    with pytest.raises(Refused, match=f"Only {free_bytes} bytes"):
        check(free_bytes, total_bytes)


def test_the_disk_of_a_folder_has_room_and_a_size(tmp_path_factory: pytest.TempPathFactory) -> None:
    disk = disk_of(tmp_path_factory.mktemp("data"))
    assert 0 < disk.free_bytes < disk.total_bytes
