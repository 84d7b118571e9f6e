"""The section of the settings about incidents."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from kotaemon_async.app.settings_sections import setting

OptionalUrl = Annotated[
    Annotated[str, StringConstraints(pattern=r"^https?://")] | None,
    BeforeValidator(lambda given: given or None),
]


class IncidentSettings(BaseModel):
    """What is noticed without being asked: series that leave their normal range, and their likely causes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = setting(True, "Whether the service looks at its own series.")
    every_s: float = setting(
        5.0, "Time between two looks; learned ranges and confirmations count looks.", ge=0.05, le=60
    )
    sensitivity_ratio: float = setting(
        6.0, "Robust standard deviations above the median from which a value is abnormal.", ge=2, le=100
    )
    webhook_url: OptionalUrl = setting(
        "", "Address that each opened, changed and closed incident is posted to."
    )
    keep_rows: int = setting(1000, "Closed incidents that are kept.", ge=1)
    keep_s: float = setting(7_776_000.0, "How long they are kept.", gt=0)
