"""What a section of the settings is made of: a frozen model, whose fields have default, sentence and bounds.

Each room declares its own sections in its `settings.py`, which imports nothing else, so that reading the
settings loads no part of the service.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

#: What has set a setting; what the environment or the file sets, the page cannot.
SettingSource = Literal["environment", "file", "page", "default"]

# An empty string or a zero stands for "not given", because TOML knows no null.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda given: given or None)]
OptionalUrl = Annotated[
    Annotated[str, StringConstraints(pattern=r"^https?://")] | None,
    BeforeValidator(lambda given: given or None),
]
Cores = Annotated[int, BeforeValidator(lambda given: os.cpu_count() or 1 if given in (0, "0") else given)]


class SettingsSection(BaseModel):
    """The base of every section."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def setting(default: object, sentence: str, **limits: Any) -> Any:
    """Declare a field with its default, the sentence that explains it, and its bounds."""
    return Field(default=default, description=sentence, validate_default=True, **limits)
