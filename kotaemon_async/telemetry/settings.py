"""The settings of the log and of traces."""

from typing import Literal

from kotaemon_async.domain.sections import OptionalPath, OptionalUrl, SettingsSection, setting


class LogSettings(SettingsSection):
    """What is logged, and where to."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least level that is written.")
    format: Literal["auto", "json", "human"] = setting("auto", "json, human, or auto: human on a terminal.")
    file: OptionalPath = setting("", "File to write to; empty for standard output.")
    max_bytes: int = setting(50 * 1024**2, "A longer file is put aside, compressed, and begun anew.", ge=4096)
    keep_files: int = setting(20, "Files put aside that are kept.", ge=0)
    keep_s: float = setting(2_592_000.0, "How long they are kept.", gt=0)
    queue_lines: int = setting(10_000, "Lines that wait for a slow target; further ones are dropped.", ge=1)


class TraceSettings(SettingsSection):
    """Where the spans of requests and documents are kept, and how many; the oldest make room."""

    keep: bool = setting(True, "Keep spans and their log lines in the data folder.")
    max_rows: int = setting(200_000, "Spans and lines kept; a document of 8 pages makes about 40.", ge=100)
    max_bytes: int = setting(128 * 1024**2, "Room for them.", ge=1024**2)
    keep_s: float = setting(1_209_600.0, "How long they are kept.", gt=0)
    queue_rows: int = setting(
        4096, "Of those that wait to be written, or sent; further ones are lost.", ge=16
    )
    otlp_endpoint: OptionalUrl = setting("", "Collector to send spans to by OTLP over HTTP; empty for none.")
    otlp_timeout_s: float = setting(10.0, "Longest time for one batch, with its retries.", gt=0)
