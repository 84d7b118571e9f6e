"""The settings of answers and of the language models."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from kotaemon_async.domain.sections import OptionalPath, SettingsSection, setting

#: Components that reports name beside the links.
COMPONENTS: Final = frozenset(
    {"ledger", "memory", "vectors", "embedder", "broker", "event_loop", "retrieval", "keywords"}
    | {"extractive", "stale_cache", "static_knowledge", "knowledge", "busy"}
    | {"answers", "disk", "documents", "folders", "http", "load", "parser", "queue"}
)


#: How long answers are; `` for the language is the question's.
AnswerLength = Literal["short", "normal", "long"]
AnswerLanguage = Literal["", "en", "zh"]


@dataclass(frozen=True, slots=True)
class AnswerDefaults:
    """How answers are where a question does not say it."""

    length: AnswerLength = "normal"
    language: AnswerLanguage = ""


class LinkSettings(SettingsSection):
    """One language model: behind an OpenAI-compatible server, or in a folder, to run here."""

    name: str = Field(description="Name in logs and metrics.", min_length=1, pattern=r"^[\w.-]+$")
    folder: OptionalPath = setting("", "GGUF file to run here, or its folder, in place of base_url.")
    base_url: str | None = setting(None, "URL up to and with /v1.", pattern=r"^https?://")
    model: str | None = setting(None, "Model to ask for.", min_length=1)
    api_key_env: str | None = setting(None, "Environment variable that holds the key.")
    api_key_file: str | None = setting(
        None, "File that holds the key: a path, or the name of a credential of systemd's.", min_length=1
    )
    first_token_timeout_s: float = setting(15.0, "Longest wait for the first token.", gt=0)
    idle_timeout_s: float = setting(10.0, "Longest pause between two tokens.", gt=0)
    total_timeout_s: float = setting(60.0, "Longest whole reply.", gt=0)
    thoughts_wait_s: float = setting(
        0.5, "How long a server's first words wait, as they may prove to be thoughts; 0 for no wait.", ge=0
    )
    max_concurrency: int = setting(4, "Calls at once; a model that runs here takes one.", ge=1)
    prompt_budget_tokens: int = setting(
        3_200, "Tokens of a whole prompt; fewer where the server tells a small context.", ge=500
    )
    prompt_budget_chars: int | None = setting(
        None, "Characters of the passages, as an older bound that counts beside the tokens.", ge=500
    )
    max_tokens: int = setting(512, "Longest answer of a model that runs here.", ge=1)
    memory_bytes: int = setting(8 * 1024**3, "Memory that the model's process may take.", ge=256 * 1024**2)
    load_timeout_s: float = setting(120.0, "Longest time to load the model, at its first question.", gt=0)
    idle_release_s: float = setting(600.0, "Idle time after which the model's memory is released.", gt=0)

    @field_validator("api_key_file")
    @classmethod
    def _one_place_for_the_key(cls, file: str | None, info: ValidationInfo) -> str | None:
        """Raise for a key that is said to be in two places."""
        if file is not None and info.data.get("api_key_env") is not None:
            raise ValueError("give either api_key_env or api_key_file")
        return file

    @field_validator("base_url")
    @classmethod
    def _either_a_server_or_a_folder(cls, base_url: str | None, info: ValidationInfo) -> str | None:
        """Raise unless a link has either a server or a folder."""
        if (base_url is None) == (info.data.get("folder") is None):
            raise ValueError("give either base_url (a server) or folder (a model that runs here)")
        return base_url

    @field_validator("model")
    @classmethod
    def _a_server_is_told_the_model(cls, model: str | None, info: ValidationInfo) -> str | None:
        """Raise unless a link with a server names its model: it may have several, a folder holds one."""
        if model is None and info.data.get("base_url") is not None:
            raise ValueError("a server has to be told which model to use")
        return model


class LlmSettings(SettingsSection):
    """Language models; without any, answers are sentences of the documents."""

    links: tuple[LinkSettings, ...] = setting(
        (), "Models in the order they are asked; the first is served as primary, later ones as local."
    )

    @field_validator("links")
    @classmethod
    def _each_has_its_own_name(cls, links: tuple[LinkSettings, ...]) -> tuple[LinkSettings, ...]:
        """Raise for names that reasons, metrics and health reports could not keep apart."""
        names = [link.name for link in links]
        for name in names:
            if name in COMPONENTS or names.count(name) > 1:
                raise ValueError(f"the name {name!r} is taken")
        return links


class AnswerSettings(SettingsSection):
    """How questions are answered."""

    deadline_s: float = setting(30.0, "Longest time for a whole answer.", gt=0)
    passages: int = setting(6, "Passages that an answer is made from.", ge=1, le=50)
    max_deadline_s: float = setting(120.0, "Longest time that a caller may ask for with X-Deadline-S.", gt=0)
    fresh_s: float = setting(
        600.0, "How long a model's answer is served from the cache instead of asking again.", ge=0
    )
    stale_s: float = setting(86_400.0, "How long a cached answer may be served when no model answers.", ge=0)
    cache_rows: int = setting(1000, "Answers in the cache.", ge=0)
    cache_bytes: int = setting(16 * 1024**2, "Size of the cache, in bytes.", ge=0)
    keep_s: float = setting(
        7_776_000.0, "Age at which answers outside of conversations are deleted; 0 keeps them.", ge=0
    )
    length: AnswerLength = setting("normal", "How long a model's answers are: short, normal or long.")
    language: AnswerLanguage = setting("", "Language of answers: en or zh; empty for the question's.")
    static_knowledge: OptionalPath = setting("", "File of kept questions and answers; empty for none.")
