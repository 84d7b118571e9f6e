"""Every setting: one frozen tree, read from a TOML file and from the environment, which wins."""

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from kotaemon_async.answers.settings import AnswerSettings, LlmSettings
from kotaemon_async.documents.settings import (
    BrokerSettings,
    IngestSettings,
    LibrarySettings,
    OcrSettings,
    ParserSettings,
)
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.domain.sections import SettingSource, setting
from kotaemon_async.http.settings import HttpSettings, LimitSettings
from kotaemon_async.operations.settings import BackupSettings, IncidentSettings, MaintenanceSettings
from kotaemon_async.resilience.settings import DiskSettings, MemorySettings, ModelSettings
from kotaemon_async.search.settings import EmbeddingSettings, RetrievalSettings, VectorSettings
from kotaemon_async.telemetry.settings import LogSettings, TraceSettings

PREFIX: Final = "KOTAEMON_"
#: Variables of the command line that are no settings.
NOT_SETTINGS: Final = frozenset({"KOTAEMON_CONFIG", "KOTAEMON_URL", "KOTAEMON_KEY"})


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    data_dir: Path = setting(Path(".data"), "Folder that holds everything the service keeps.")
    faults: str = setting(
        "", "For tests only: faults to inject, as point:count:action with kill, raise, hang or enospc."
    )
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    disk: DiskSettings = DiskSettings()
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    library: LibrarySettings = LibrarySettings()
    parser: ParserSettings = ParserSettings()
    ocr: OcrSettings = OcrSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    vectors: VectorSettings = VectorSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    llm: LlmSettings = LlmSettings()
    answers: AnswerSettings = AnswerSettings()
    memory: MemorySettings = MemorySettings()
    models: ModelSettings = ModelSettings()
    traces: TraceSettings = TraceSettings()
    incidents: IncidentSettings = IncidentSettings()
    logs: LogSettings = LogSettings()
    backups: BackupSettings = BackupSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic hands all of them over
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the environment as the only source; load_settings adds the file, whose path it knows."""
        file = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, file


def ledger_folder(settings: Settings) -> Path:
    """Return the data folder, absolute. Raises: Misconfigured when no service ever used it."""
    folder = settings.data_dir.absolute()
    if not (folder / "ledger.db").exists():
        hint = "Name the service's folder with KOTAEMON_DATA_DIR or its settings file with --config."
        raise Misconfigured(f"data_dir: there is no ledger in {folder}.", hint=hint)
    return folder


def load_settings(config: Path | None = None) -> Settings:
    """Return the settings of `config` (or of KOTAEMON_CONFIG's file), overridden by the environment.

    Raises: Misconfigured naming the setting and the file or variable.
    """
    named = os.environ.get("KOTAEMON_CONFIG")
    path = config or (Path(named) if named else None)
    _check_file(path)
    _check_environment()

    class Loaded(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return Loaded()
    except ValidationError as error:
        raise Misconfigured("; ".join(_sentences(error, path))) from None


def variable_of(dotted: str) -> str:
    """Return the variable of the environment that sets `dotted`, such as llm.links."""
    return PREFIX + dotted.replace(".", "__").upper()


def source_of(settings: Settings, dotted: str) -> SettingSource:
    """Return what has set `dotted`, of a section."""
    section, _, name = dotted.partition(".")
    if name not in getattr(settings, section).model_fields_set:
        return "default"
    given = {variable.upper(): text for variable, text in os.environ.items() if text}
    # A variable may hold the whole section as JSON.
    whole = given.get(variable_of(section))
    is_given = variable_of(dotted) in given or (whole is not None and name in json.loads(whole))
    return "environment" if is_given else "file"


def _check_file(path: Path | None) -> None:
    try:
        if path is not None:
            tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise Misconfigured(f"The settings file {path} is no TOML: {error}.") from None


def _check_environment() -> None:
    """Raise for unknown names and broken JSON, which pydantic-settings would skip or not name."""
    for variable, text in os.environ.items():
        if not variable.upper().startswith(PREFIX) or variable.upper() in NOT_SETTINGS:
            continue
        dotted = variable[len(PREFIX) :].lower().replace("__", ".")
        leaf = _field(dotted)
        if leaf is None:
            raise Misconfigured(f"{variable} in the environment names no setting ({dotted} is unknown).")
        if text and _is_structured(leaf):
            try:
                json.loads(text)
            except ValueError as error:
                raise Misconfigured(f"{dotted} in the variable {variable} is no JSON: {error}.") from None


def _field(dotted: str) -> FieldInfo | None:
    model: Any = Settings
    found: FieldInfo | None = None
    for name in dotted.split("."):
        fields = getattr(model, "model_fields", {})
        if name not in fields:
            return None
        found = fields[name]
        model = fields[name].annotation
    return found


def _is_structured(field: FieldInfo) -> bool:
    return hasattr(field.annotation, "model_fields") or bool(get_args(field.annotation)[1:] == (...,))


def _sentences(error: ValidationError, path: Path | None) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        dotted = ".".join(str(part) for part in problem["loc"])
        reason = "unknown setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        yield f"{dotted} in {_source(problem['loc'], path)}: {reason}"


def _source(loc: tuple[int | str, ...], path: Path | None) -> str:
    """Return the variable that set it or something above it, else the file."""
    names = [PREFIX + "__".join(str(part) for part in loc[:end]).upper() for end in range(len(loc), 0, -1)]
    given = {variable.upper(): variable for variable in os.environ}
    found = next((given[name] for name in names if name in given), None)
    return f"the variable {found}" if found else f"the file {path}" if path else "the defaults"
