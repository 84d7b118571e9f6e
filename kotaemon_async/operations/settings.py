"""The settings of what looks after the service."""

from typing import Literal

from kotaemon_async.domain.sections import OptionalPath, OptionalUrl, SettingsSection, setting


class IncidentSettings(SettingsSection):
    """What is noticed without being asked: series that leave their normal range, and their likely causes."""

    enabled: bool = setting(True, "Whether the service watches its own metrics for incidents.")
    every_s: float = setting(
        5.0, "Time between two readings; baselines and confirmations count readings.", ge=0.05, le=60
    )
    sensitivity_ratio: float = setting(
        6.0, "Robust standard deviations above the median from which a value is abnormal.", ge=2, le=100
    )
    webhook_url: OptionalUrl = setting("", "URL to which each opened, changed and closed incident is posted.")
    keep_rows: int = setting(1000, "Closed incidents that are kept.", ge=1)
    keep_s: float = setting(7_776_000.0, "How long closed incidents are kept.", gt=0)


class BackupSettings(SettingsSection):
    """Copies of everything that the service keeps of its own; each is as large as the uploaded files."""

    folder: OptionalPath = setting("", "Folder of the backups; empty for backups in the data folder.")
    every_s: float = setting(86_400.0, "Time between two backups; 0 makes none.", ge=0)
    keep_files: int = setting(3, "Backups that are kept; the newest verified one is never removed.", ge=1)
    verify: Literal["restore", "bytes", "off"] = setting(
        "restore",
        "restore: each is restored to a scratch folder and asked questions; bytes: hashes are checked; off.",
    )


class MaintenanceSettings(SettingsSection):
    """What is cleared away from time to time."""

    every_s: float = setting(3600.0, "Time between two rounds.", gt=0)
    keep_aside_s: float = setting(
        604_800.0,
        "How long a broken vector index or the ledger of an earlier release is kept aside.",
        ge=0,
    )
    audit_days: int = setting(730, "How long it is kept who did what, in days; 0 keeps it for ever.", ge=0)
