"""Every setting: one frozen tree, read from a TOML file and from the environment, which wins."""

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from kotaemon_async.errors import Misconfigured

PREFIX: Final = "KOTAEMON_"
#: Components that reports name beside the links.
COMPONENTS: Final = frozenset(
    {"ledger", "memory", "vectors", "embedder", "broker", "event_loop", "retrieval", "keywords"}
    | {"extractive", "stale_cache", "static_knowledge", "knowledge", "busy"}
)
#: Variables of the command line that are no settings.
NOT_SETTINGS: Final = frozenset({"KOTAEMON_CONFIG", "KOTAEMON_URL"})


def _or_venv(folder: object) -> object:
    """An empty folder means where `models prepare` puts it, found from any working directory."""
    return folder or Path(sys.prefix, "share", "kotaemon-async", "models", "all-minilm-l6-v2-int8")


# An empty string or a zero stands for "not given", because TOML knows no null.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda given: given or None)]
ModelFolder = Annotated[Path, BeforeValidator(_or_venv)]
Cores = Annotated[int, BeforeValidator(lambda given: os.cpu_count() or 1 if given in (0, "0") else given)]


def _of(default: object, sentence: str, **limits: Any) -> Any:
    return Field(default=default, description=sentence, validate_default=True, **limits)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpSettings(_Section):
    """The HTTP server."""

    host: str = _of("127.0.0.1", "Address to listen on.", min_length=1)
    port: int = _of(8000, "Port to listen on; 0 takes a free one.", ge=0, le=65535)
    max_upload_bytes: int = _of(100 * 1024**2, "Largest file that is accepted.", ge=1)
    max_concurrent_uploads: int = _of(8, "Uploads at once; further ones get 429.", ge=1)
    upload_wait_s: float = _of(1.0, "How long some of them wait for a place before they get it.", ge=0, le=60)
    max_name_length: int = _of(255, "Longest file name, in characters.", ge=8, le=1000)
    drain_s: float = _of(20.0, "Time that streams and jobs get to finish after SIGTERM.", ge=0)


class DiskSettings(_Section):
    """Room that uploads leave on the data disk: the smaller one of the two."""

    floor_bytes: int = _of(
        500_000_000, "Uploads are refused when less is free; work waits below half of it.", ge=0
    )
    floor_ratio: float = _of(0.05, "The same as a part of the disk, for small disks.", ge=0, le=0.9)


class BrokerSettings(_Section):
    """The queue that wakes workers; it holds nothing that could be lost."""

    url: str = _of(
        "memory://",
        "memory:// (inside the process), redis://HOST:PORT/DB or unix://PATH.",
        pattern=r"^(memory|redis|rediss|unix)://",
    )


class IngestSettings(_Section):
    """How documents are worked on."""

    concurrency: int = _of(3, "Documents at once.", ge=1, le=64)
    batch_pages: int = _of(8, "Pages between two checkpoints.", ge=1, le=256)
    max_pages: int = _of(5000, "Longest document that is accepted, in pages.", ge=1)
    lease_s: float = _of(30.0, "After this long without renewal another worker takes over.", ge=6)
    max_queued: int = _of(10_000, "Documents that may wait; further uploads get 429.", ge=1)
    max_attempts: int = _of(6, "Attempts before a document is failed.", ge=1)
    max_crashes: int = _of(3, "Parser children that a document may take with it before it is failed.", ge=1)
    max_losses: int = _of(
        10, "Workers that may die on a document, without a checkpoint between, before it is failed.", ge=1
    )
    backoff_base_s: float = _of(10.0, "Wait after the first failed attempt; then three times as long.", gt=0)
    backoff_cap_s: float = _of(900.0, "Longest wait between two attempts.", gt=0)


class ParserSettings(_Section):
    """What one parser child may use up."""

    memory_bytes: int = _of(1024**3, "Address space of a child.", ge=64 * 1024**2)
    cpu_s: float = _of(120.0, "CPU time for one document.", gt=0)
    wall_s: float = _of(60.0, "Longest wait for one reply of a child.", gt=0)
    file_size_bytes: int = _of(64 * 1024**2, "Largest file that a child may write.", ge=0)
    children: int = _of(2, "Children at once.", ge=1, le=64)


class EmbeddingSettings(_Section):
    """The model that turns text into vectors."""

    model: str = _of("all-MiniLM-L6-v2", "Name of the model.", min_length=1)
    folder: ModelFolder = _of(
        "", "Folder of the prepared model; empty takes one inside the virtual environment."
    )
    threads: Cores = _of(0, "Threads that embed; 0 takes one for each core.", ge=1, le=256)


class VectorSettings(_Section):
    """The vector index in its child process."""

    call_timeout_s: float = _of(10.0, "After this long without reply the child is replaced.", gt=0)
    audit_every_s: float = _of(20.0, "Time between two comparisons of the index with the ledger.", gt=0)


class RetrievalSettings(_Section):
    """How passages are found."""

    candidates: int = _of(50, "Passages that each lane hands to the fusion.", ge=1, le=1000)
    vector_timeout_s: float = _of(2.0, "Deadline of the vector lane.", gt=0)
    keyword_timeout_s: float = _of(2.0, "Deadline of the keyword lane.", gt=0)


class LinkSettings(_Section):
    """One OpenAI-compatible model server."""

    name: str = Field(description="Name in logs and metrics.", min_length=1, pattern=r"^[\w.-]+$")
    base_url: str = Field(description="URL up to and with /v1.", pattern=r"^https?://")
    model: str = Field(description="Model to ask for.", min_length=1)
    api_key_env: str | None = _of(None, "Environment variable that holds the key.")
    first_token_timeout_s: float = _of(15.0, "Longest wait for the first token.", gt=0)
    idle_timeout_s: float = _of(10.0, "Longest pause between two tokens.", gt=0)
    total_timeout_s: float = _of(60.0, "Longest whole reply.", gt=0)
    max_concurrency: int = _of(4, "Calls at once.", ge=1)
    prompt_budget_chars: int = _of(12_000, "Characters of the passages that the model gets.", ge=500)


class LlmSettings(_Section):
    """Model servers; without any, answers are sentences of the documents."""

    links: tuple[LinkSettings, ...] = _of(
        (), "Model servers in the order they are asked; the first is served as primary, later ones as local."
    )

    @field_validator("links")
    @classmethod
    def _each_has_its_own_name(cls, links: tuple[LinkSettings, ...]) -> tuple[LinkSettings, ...]:
        """Reasons, metrics and health reports tell links apart by name, and from the other components."""
        names = [link.name for link in links]
        for name in names:
            if name in COMPONENTS or names.count(name) > 1:
                raise ValueError(f"the name {name!r} is taken")
        return links


class AnswerSettings(_Section):
    """How questions are answered."""

    deadline_s: float = _of(30.0, "Longest time for a whole answer.", gt=0)
    passages: int = _of(6, "Passages that an answer is made from.", ge=1, le=50)
    max_deadline_s: float = _of(120.0, "Longest time that a caller may ask for with X-Deadline-S.", gt=0)
    fresh_s: float = _of(600.0, "A model's answer is given again for so long instead of asking anew.", ge=0)
    stale_s: float = _of(86_400.0, "A model's answer may stand in for so long when no model answers.", ge=0)
    cache_rows: int = _of(1000, "Answers kept to be given again.", ge=0)
    cache_bytes: int = _of(16 * 1024**2, "Room for them.", ge=0)
    static_knowledge: OptionalPath = _of("", "File of kept questions and answers; empty for none.")


class LogSettings(_Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = _of("info", "Least level that is written.")
    format: Literal["auto", "json", "human"] = _of("auto", "json, human, or auto: human on a terminal.")


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    data_dir: Path = _of(Path(".data"), "Folder that holds everything the service keeps.")
    faults: str = _of(
        "", "For tests only: faults to inject, as point:count:action with kill, raise, hang or enospc."
    )
    http: HttpSettings = HttpSettings()
    disk: DiskSettings = DiskSettings()
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    parser: ParserSettings = ParserSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    vectors: VectorSettings = VectorSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    llm: LlmSettings = LlmSettings()
    answers: AnswerSettings = AnswerSettings()
    logs: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic hands all of them over
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first; the file is added by load_settings, which knows its path."""
        file = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, file


def load_settings(config: Path | None = None) -> Settings:
    """The settings of `config` (or of the file that KOTAEMON_CONFIG names), overridden by the environment.

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


def _check_file(path: Path | None) -> None:
    try:
        if path is not None:
            tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise Misconfigured(f"The settings file {path} is no TOML: {error}.") from None


def _check_environment() -> None:
    """Unknown names and broken JSON, which pydantic-settings would skip or report without the variable."""
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
    """The variable that set it or something above it, else the file."""
    names = [PREFIX + "__".join(str(part) for part in loc[:end]).upper() for end in range(len(loc), 0, -1)]
    given = {variable.upper(): variable for variable in os.environ}
    found = next((given[name] for name in names if name in given), None)
    return f"the variable {found}" if found else f"the file {path}" if path else "the defaults"
