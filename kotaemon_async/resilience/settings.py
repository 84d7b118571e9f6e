"""The settings that keep disk and memory within their limits."""

from typing import Self

from pydantic import model_validator

from kotaemon_async.domain.sections import SettingsSection, setting


class DiskSettings(SettingsSection):
    """Room that uploads leave on the data disk: the smaller one of the two."""

    floor_bytes: int = setting(
        500_000_000, "Uploads are refused when less is free; work waits below half of it.", ge=0
    )
    floor_ratio: float = setting(
        0.05, "The same as a part of the disk; the smaller one counts.", ge=0, le=0.9
    )


class MemorySettings(SettingsSection):
    """How much memory all processes may use together, and what happens near the limit."""

    limit_bytes: int = setting(
        0, "Memory for all processes; 0 takes the control group's limit, or the machine's memory.", ge=0
    )
    high_ratio: float = setting(
        0.75, "Ratio of it above which no new work starts and caches are released.", gt=0, le=1
    )
    again_ratio: float = setting(0.70, "Ratio of it below which new work starts again.", gt=0, le=1)
    critical_ratio: float = setting(0.90, "Ratio of it above which /healthz is 503.", gt=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.again_ratio <= self.high_ratio <= self.critical_ratio:
            raise ValueError("again_ratio, high_ratio and critical_ratio have to rise in this order")
        return self


class ModelSettings(SettingsSection):
    """Models in memory: the embedding model and local language models."""

    max_loaded: int = setting(8, "Models at once; the least recently used one is released.", ge=1, le=64)
    idle_release_s: float = setting(
        1800.0, "Idle time after which a model is released until it is needed.", gt=0
    )
