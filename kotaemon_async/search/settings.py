"""The settings of the embedding model, the vector index and the search."""

import sys
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator

from kotaemon_async.domain.sections import Cores, SettingsSection, setting

#: Where `models prepare` puts the models: found from any working directory.
DEFAULT_FOLDER: Final = Path(sys.prefix, "share", "kotaemon-async", "models")
ModelFolder = Annotated[Path, BeforeValidator(lambda given: given or DEFAULT_FOLDER)]


class EmbeddingSettings(SettingsSection):
    """The model that turns text into vectors."""

    model: str = setting(
        "multilingual",
        "`multilingual` (multilingual-e5-small: Chinese and English find each other), `english` "
        "(all-MiniLM-L6-v2: twice as fast), or a model of fastembed by its name.",
        min_length=1,
    )
    folder: ModelFolder = setting(
        "", "Folder of the prepared models; empty takes one inside the virtual environment."
    )
    threads: Cores = setting(0, "Threads that embed; 0 takes one for each core.", ge=1, le=256)


class VectorSettings(SettingsSection):
    """The vector index in its child process."""

    call_timeout_s: float = setting(10.0, "After this long without reply the child is replaced.", gt=0)
    exact_passages: int = setting(
        250_000,
        "A search among at most so many passages reads the vector of each; among more it asks Chroma.",
        ge=0,
    )
    audit_every_s: float = setting(20.0, "Time between two comparisons of the index with the ledger.", gt=0)
    recycle_bytes: int = setting(
        512 * 1024**2,
        "The child is replaced, in a quiet moment, when it uses more memory than this and twice as much as "
        "after its start.",
        ge=1,
    )


class RetrievalSettings(SettingsSection):
    """How passages are found."""

    candidates: int = setting(50, "Passages that each lane hands to the fusion.", ge=1, le=1000)
    vector_timeout_s: float = setting(2.0, "Deadline of the vector lane.", gt=0)
    keyword_timeout_s: float = setting(2.0, "Deadline of the keyword lane.", gt=0)
