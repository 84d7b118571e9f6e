"""The settings of the way from an upload to a ready document."""

from pathlib import Path

from pydantic import Field, field_validator

from kotaemon_async.domain.sections import SettingsSection, setting


class BrokerSettings(SettingsSection):
    """The queue that wakes workers; it holds nothing that could be lost."""

    url: str = setting(
        "memory://",
        "memory:// (inside the process), redis://HOST:PORT/DB or unix://PATH.",
        pattern=r"^(memory|redis|rediss|unix)://",
    )

    @property
    def is_shared(self) -> bool:
        """Return whether other processes may work in the same data folder, over the same broker."""
        return not self.url.startswith("memory://")


class IngestSettings(SettingsSection):
    """How documents are worked on."""

    concurrency: int = setting(3, "Documents at once.", ge=1, le=64)
    batch_pages: int = setting(
        8, "Pages committed at once; fewer where a long document begins.", ge=1, le=256
    )
    max_pages: int = setting(5000, "Longest document that is accepted, in pages.", ge=1)
    lease_s: float = setting(30.0, "Lease of a document; without renewal another worker takes over.", ge=6)
    max_queued: int = setting(10_000, "Longest queue of documents; further uploads get 429.", ge=1)
    max_attempts: int = setting(6, "Attempts before a document is failed.", ge=1)
    max_crashes: int = setting(3, "Crashes of the parser before a document is failed.", ge=1)
    max_losses: int = setting(
        10, "Lost workers, without a checkpoint between, before a document is failed.", ge=1
    )
    backoff_base_s: float = setting(
        10.0, "Wait after the first failed attempt; then three times as long.", gt=0
    )
    backoff_cap_s: float = setting(900.0, "Longest wait between two attempts.", gt=0)


class OcrSettings(SettingsSection):
    """How pages are read that are pictures; needs the extra `ocr`."""

    enabled: bool = setting(True, "Read them, where text recognition is installed.")
    memory_bytes: int = setting(1536 * 1024**2, "Address space of the child that reads them.", ge=1024**3)
    cpu_s: float = setting(30.0, "CPU time for one page.", gt=0)
    wall_s: float = setting(180.0, "Longest wait for one page.", gt=0)
    idle_s: float = setting(60.0, "Time without such a page after which the child is ended.", gt=0)


class ParserSettings(SettingsSection):
    """What one parser child may use up."""

    memory_bytes: int = setting(1024**3, "Address space of a child.", ge=64 * 1024**2)
    cpu_s: float = setting(120.0, "CPU time for one document.", gt=0)
    wall_s: float = setting(60.0, "Longest wait for one reply of a child.", gt=0)
    file_size_bytes: int = setting(64 * 1024**2, "Largest file that a child may write.", ge=0)
    children: int = setting(2, "Children at once.", ge=1, le=64)
    max_documents: int = setting(50, "Documents after which a child is replaced by a fresh one.", ge=1)
    libreoffice: str = setting(
        "auto", "Program that draws pages of office files: auto (if it is on the PATH), off, or a path."
    )
    recycle_bytes: int = setting(
        200 * 1024**2, "Memory between two documents above which a child is replaced.", ge=1
    )


class WatchSettings(SettingsSection):
    """One folder whose files become documents, and stay what the folder says."""

    path: Path = Field(description="Folder of this machine, or one that is mounted on it.")
    collection: str = setting("default", "Collection of its documents.", pattern=r"^\w[\w .-]{0,99}$")

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        """Return the path as one that does not depend on where the service was started."""
        if str(path) in ("", "."):
            raise ValueError("name a folder")
        return path.absolute()


class LibrarySettings(SettingsSection):
    """Folders that are followed."""

    watch: tuple[WatchSettings, ...] = setting((), "Folders to follow: a list of path and collection.")
    watch_every_s: float = setting(10.0, "Pause between two looks at a folder; a large one gets more.", gt=0)
    watch_hold_s: float = setting(
        86_400.0,
        "How long documents stay when a folder is suddenly empty, or more than half of its files are gone.",
        ge=0,
    )

    @field_validator("watch")
    @classmethod
    def _each_once(cls, watch: tuple[WatchSettings, ...]) -> tuple[WatchSettings, ...]:
        """Raise when a folder is named twice: its files can be in one collection only."""
        paths = [one.path for one in watch]
        twice = next((path for path in paths if paths.count(path) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is named twice")
        return watch
