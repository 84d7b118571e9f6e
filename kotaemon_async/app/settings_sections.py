"""The sections of the settings: what each setting means, its default and its bounds."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

#: Components that reports name beside the links.
COMPONENTS: Final = frozenset(
    {"ledger", "memory", "vectors", "embedder", "broker", "event_loop", "retrieval", "keywords"}
    | {"extractive", "stale_cache", "static_knowledge", "knowledge", "busy"}
    | {"answers", "disk", "documents", "http", "load", "parser", "queue"}
)


def _or_venv(folder: object) -> object:
    """An empty folder means where `models prepare` puts it, found from any working directory."""
    return folder or Path(sys.prefix, "share", "kotaemon-async", "models", "all-minilm-l6-v2-int8")


# An empty string or a zero stands for "not given", because TOML knows no null.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda given: given or None)]
ModelFolder = Annotated[Path, BeforeValidator(_or_venv)]
Cores = Annotated[int, BeforeValidator(lambda given: os.cpu_count() or 1 if given in (0, "0") else given)]


def setting(default: object, sentence: str, **limits: Any) -> Any:
    """A field with its default, the sentence that explains it, and its bounds."""
    return Field(default=default, description=sentence, validate_default=True, **limits)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HttpSettings(_Section):
    """The HTTP server."""

    host: str = setting("127.0.0.1", "Address to listen on.", min_length=1)
    port: int = setting(8000, "Port to listen on; 0 takes a free one.", ge=0, le=65535)
    max_upload_bytes: int = setting(100 * 1024**2, "Largest file that is accepted.", ge=1)
    max_concurrent_uploads: int = setting(8, "Uploads at once; further ones get 429.", ge=1)
    upload_wait_s: float = setting(
        1.0, "How long some of them wait for a place before they get it.", ge=0, le=60
    )
    max_name_length: int = setting(255, "Longest file name, in characters.", ge=8, le=1000)
    drain_s: float = setting(20.0, "Time that streams and jobs get to finish after SIGTERM.", ge=0)


class DiskSettings(_Section):
    """Room that uploads leave on the data disk: the smaller one of the two."""

    floor_bytes: int = setting(
        500_000_000, "Uploads are refused when less is free; work waits below half of it.", ge=0
    )
    floor_ratio: float = setting(0.05, "The same as a part of the disk, for small disks.", ge=0, le=0.9)


class BrokerSettings(_Section):
    """The queue that wakes workers; it holds nothing that could be lost."""

    url: str = setting(
        "memory://",
        "memory:// (inside the process), redis://HOST:PORT/DB or unix://PATH.",
        pattern=r"^(memory|redis|rediss|unix)://",
    )


class IngestSettings(_Section):
    """How documents are worked on."""

    concurrency: int = setting(3, "Documents at once.", ge=1, le=64)
    batch_pages: int = setting(8, "Pages between two checkpoints.", ge=1, le=256)
    max_pages: int = setting(5000, "Longest document that is accepted, in pages.", ge=1)
    lease_s: float = setting(30.0, "After this long without renewal another worker takes over.", ge=6)
    max_queued: int = setting(10_000, "Documents that may wait; further uploads get 429.", ge=1)
    max_attempts: int = setting(6, "Attempts before a document is failed.", ge=1)
    max_crashes: int = setting(
        3, "Parser children that a document may take with it before it is failed.", ge=1
    )
    max_losses: int = setting(
        10, "Workers that may die on a document, without a checkpoint between, before it is failed.", ge=1
    )
    backoff_base_s: float = setting(
        10.0, "Wait after the first failed attempt; then three times as long.", gt=0
    )
    backoff_cap_s: float = setting(900.0, "Longest wait between two attempts.", gt=0)


class ParserSettings(_Section):
    """What one parser child may use up."""

    memory_bytes: int = setting(1024**3, "Address space of a child.", ge=64 * 1024**2)
    cpu_s: float = setting(120.0, "CPU time for one document.", gt=0)
    wall_s: float = setting(60.0, "Longest wait for one reply of a child.", gt=0)
    file_size_bytes: int = setting(64 * 1024**2, "Largest file that a child may write.", ge=0)
    children: int = setting(2, "Children at once.", ge=1, le=64)
    max_documents: int = setting(50, "Documents after which a child is replaced by a fresh one.", ge=1)
    recycle_bytes: int = setting(
        200 * 1024**2, "The same when it keeps more memory than this between two documents.", ge=1
    )


class EmbeddingSettings(_Section):
    """The model that turns text into vectors."""

    model: str = setting("all-MiniLM-L6-v2", "Name of the model.", min_length=1)
    folder: ModelFolder = setting(
        "", "Folder of the prepared model; empty takes one inside the virtual environment."
    )
    threads: Cores = setting(0, "Threads that embed; 0 takes one for each core.", ge=1, le=256)


class VectorSettings(_Section):
    """The vector index in its child process."""

    call_timeout_s: float = setting(10.0, "After this long without reply the child is replaced.", gt=0)
    audit_every_s: float = setting(20.0, "Time between two comparisons of the index with the ledger.", gt=0)
    recycle_bytes: int = setting(
        512 * 1024**2,
        "The child is replaced, in a quiet moment, when it uses more memory than this and twice as much as "
        "after its start.",
        ge=1,
    )


class RetrievalSettings(_Section):
    """How passages are found."""

    candidates: int = setting(50, "Passages that each lane hands to the fusion.", ge=1, le=1000)
    vector_timeout_s: float = setting(2.0, "Deadline of the vector lane.", gt=0)
    keyword_timeout_s: float = setting(2.0, "Deadline of the keyword lane.", gt=0)


class LinkSettings(_Section):
    """One language model: behind an OpenAI-compatible server, or in a folder, to run here."""

    name: str = Field(description="Name in logs and metrics.", min_length=1, pattern=r"^[\w.-]+$")
    folder: OptionalPath = setting("", "Folder of a model to run here, in place of base_url.")
    base_url: str | None = setting(None, "URL up to and with /v1.", pattern=r"^https?://")
    model: str | None = setting(None, "Model to ask for.", min_length=1)
    api_key_env: str | None = setting(None, "Environment variable that holds the key.")
    first_token_timeout_s: float = setting(15.0, "Longest wait for the first token.", gt=0)
    idle_timeout_s: float = setting(10.0, "Longest pause between two tokens.", gt=0)
    total_timeout_s: float = setting(60.0, "Longest whole reply.", gt=0)
    max_concurrency: int = setting(4, "Calls at once; a model that runs here takes one.", ge=1)
    prompt_budget_chars: int = setting(12_000, "Characters of the passages that the model gets.", ge=500)
    max_tokens: int = setting(512, "Longest answer of a model that runs here.", ge=1)
    memory_bytes: int = setting(8 * 1024**3, "Memory that it may take.", ge=256 * 1024**2)
    load_timeout_s: float = setting(120.0, "Longest time to load it, at its first question.", gt=0)
    idle_release_s: float = setting(600.0, "Idle for so long, it gives its memory back.", gt=0)

    @field_validator("base_url")
    @classmethod
    def _either_a_server_or_a_folder(cls, base_url: str | None, info: ValidationInfo) -> str | None:
        """A link is one or the other."""
        if (base_url is None) == (info.data.get("folder") is None):
            raise ValueError("give either base_url (a server) or folder (a model that runs here)")
        return base_url

    @field_validator("model")
    @classmethod
    def _a_server_is_told_the_model(cls, model: str | None, info: ValidationInfo) -> str | None:
        """A server may have several; a folder holds one."""
        if model is None and info.data.get("base_url") is not None:
            raise ValueError("a server has to be told which model to use")
        return model


class LlmSettings(_Section):
    """Language models; without any, answers are sentences of the documents."""

    links: tuple[LinkSettings, ...] = setting(
        (), "Models in the order they are asked; the first is served as primary, later ones as local."
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

    deadline_s: float = setting(30.0, "Longest time for a whole answer.", gt=0)
    passages: int = setting(6, "Passages that an answer is made from.", ge=1, le=50)
    max_deadline_s: float = setting(120.0, "Longest time that a caller may ask for with X-Deadline-S.", gt=0)
    fresh_s: float = setting(
        600.0, "A model's answer is given again for so long instead of asking anew.", ge=0
    )
    stale_s: float = setting(
        86_400.0, "A model's answer may stand in for so long when no model answers.", ge=0
    )
    cache_rows: int = setting(1000, "Answers kept to be given again.", ge=0)
    cache_bytes: int = setting(16 * 1024**2, "Room for them.", ge=0)
    keep_s: float = setting(
        7_776_000.0, "Answers outside of conversations are deleted after so long; 0 keeps them.", ge=0
    )
    static_knowledge: OptionalPath = setting("", "File of kept questions and answers; empty for none.")


class MemorySettings(_Section):
    """How much memory all processes may use together, and what happens near the limit."""

    limit_bytes: int = setting(
        0, "Memory for all processes; 0 takes the control group's limit, or the machine's memory.", ge=0
    )
    high_ratio: float = setting(
        0.75, "Part of it above which nothing new is taken, and what can be given back is.", gt=0, le=1
    )
    again_ratio: float = setting(0.70, "Part of it below which new documents are taken again.", gt=0, le=1)
    critical_ratio: float = setting(0.90, "Part of it above which /healthz is 503.", gt=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.again_ratio <= self.high_ratio <= self.critical_ratio:
            raise ValueError("again_ratio, high_ratio and critical_ratio have to rise in this order")
        return self


class ModelSettings(_Section):
    """Models in memory: the embedding model and local language models."""

    max_loaded: int = setting(8, "Models at once; the least recently used one makes room.", ge=1, le=64)
    idle_release_s: float = setting(
        1800.0, "A model that nobody used for so long gives its memory back until it is needed.", gt=0
    )


class LogSettings(_Section):
    """What is logged, and where to."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least level that is written.")
    format: Literal["auto", "json", "human"] = setting("auto", "json, human, or auto: human on a terminal.")
    file: OptionalPath = setting("", "File to write to; empty for standard output.")
    max_bytes: int = setting(50 * 1024**2, "A longer file is put aside, compressed, and begun anew.", ge=4096)
    keep_files: int = setting(20, "Files put aside that are kept.", ge=0)
    keep_s: float = setting(2_592_000.0, "How long they are kept.", gt=0)
    queue_lines: int = setting(10_000, "Lines that wait for a slow target; further ones are dropped.", ge=1)


class BackupSettings(_Section):
    """Copies of everything that the service keeps of its own; each is as large as the uploaded files."""

    folder: OptionalPath = setting("", "Folder of the backups; empty for backups in the data folder.")
    every_s: float = setting(86_400.0, "Time between two backups; 0 makes none.", ge=0)
    keep_files: int = setting(3, "Backups that are kept; the newest verified one is never removed.", ge=1)
    verify: Literal["restore", "bytes", "off"] = setting(
        "restore",
        "restore: each is restored for a trial and asked questions; bytes: its hashes are checked; off.",
    )


class MaintenanceSettings(_Section):
    """What is cleared away from time to time."""

    every_s: float = setting(3600.0, "Time between two rounds.", gt=0)
    keep_aside_s: float = setting(
        604_800.0,
        "What was put aside (a broken vector index, the ledger of an earlier release) stays so long.",
        ge=0,
    )
