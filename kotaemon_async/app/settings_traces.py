"""The section of the settings about traces."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from kotaemon_async.app.settings_sections import setting

Endpoint = Annotated[
    Annotated[str, StringConstraints(pattern=r"^https?://")] | None,
    BeforeValidator(lambda given: given or None),
]


class TraceSettings(BaseModel):
    """Where the spans of requests and documents are kept, and how many; the oldest make room."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: bool = setting(True, "Keep spans and their log lines in the data folder.")
    max_rows: int = setting(200_000, "Spans and lines kept; a document of 8 pages makes about 40.", ge=100)
    max_bytes: int = setting(128 * 1024**2, "Room for them.", ge=1024**2)
    keep_s: float = setting(1_209_600.0, "How long they are kept.", gt=0)
    queue_rows: int = setting(
        4096, "Of those that wait to be written, or sent; further ones are lost.", ge=16
    )
    otlp_endpoint: Endpoint = setting("", "Collector to send spans to by OTLP over HTTP; empty for none.")
    otlp_timeout_s: float = setting(10.0, "Longest time for one batch, with its retries.", gt=0)
