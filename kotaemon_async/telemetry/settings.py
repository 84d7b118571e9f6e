"""The settings of the log and of traces."""

from typing import Literal

from kotaemon_async.domain.sections import OptionalPath, OptionalUrl, SettingsSection, setting


class LogSettings(SettingsSection):
    """What is logged, and where to."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least level that is written.")
    format: Literal["auto", "json", "human"] = setting("auto", "json, human, or auto: human on a terminal.")
    file: OptionalPath = setting("", "File to write to; empty for standard output.")
    max_bytes: int = setting(50 * 1024**2, "Size at which the file is rotated and compressed.", ge=4096)
    keep_files: int = setting(20, "Rotated files that are kept.", ge=0)
    keep_s: float = setting(2_592_000.0, "How long rotated files are kept.", gt=0)
    queue_lines: int = setting(10_000, "Longest queue of lines for a slow target; others are dropped.", ge=1)


class TraceSettings(SettingsSection):
    """Where the spans of requests and documents are kept, and how many; the oldest make room."""

    keep: bool = setting(True, "Keep spans and their log lines in the data folder.")
    max_rows: int = setting(200_000, "Spans and lines kept; a document of 8 pages makes about 40.", ge=100)
    max_bytes: int = setting(128 * 1024**2, "Size of spans and lines kept, in bytes.", ge=1024**2)
    keep_s: float = setting(1_209_600.0, "How long spans and lines are kept.", gt=0)
    queue_rows: int = setting(
        4096, "Longest queue of spans and lines to be written or sent; further ones are dropped.", ge=16
    )
    otlp_endpoint: OptionalUrl = setting("", "Collector to send spans to by OTLP over HTTP; empty for none.")
    otlp_timeout_s: float = setting(10.0, "Longest time for one batch, with its retries.", gt=0)
