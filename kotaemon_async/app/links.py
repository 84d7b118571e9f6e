"""Puts together what gives answers without the documents: model links with their keys, and kept knowledge."""

import os
from pathlib import Path

from kotaemon_async.answers.knowledge import Knowledge
from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.answers.llm.llama_server import LlamaServer
from kotaemon_async.answers.llm.openai import ModelServer, OpenAIProvider, RemoteServer
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.app.settings import Settings
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.resilience.models import ModelRegistry


def kept_knowledge(settings: Settings) -> Knowledge:
    """Read the operator's answers from their file. Raises: Misconfigured when it is wrong at the start."""
    knowledge = Knowledge(settings.answers.static_knowledge)
    knowledge.refresh()
    if knowledge.problem is not None:
        raise Misconfigured(f"answers.static_knowledge: {knowledge.problem}")
    return knowledge


def model_link(index: int, link: LinkSettings, models: ModelRegistry) -> ModelProvider:
    """Return one model; the first is served as `primary`, later ones as `local`. Raises: Misconfigured."""
    server = _remote(index, link) if link.folder is None else LlamaServer(link, models)
    return OpenAIProvider(link, "local" if index else "primary", server)


def _remote(index: int, link: LinkSettings) -> ModelServer:
    return RemoteServer(link.base_url or "", key_of(index, link), hold_s=link.thoughts_wait_s)


def key_of(index: int, link: LinkSettings) -> str | None:
    """Return the key of a link's server, None if it has none. Raises: Misconfigured."""
    if link.api_key_file:
        return _key_in(f"llm.links[{index}].api_key_file", link.api_key_file)
    key = os.environ.get(link.api_key_env) if link.api_key_env else None
    if link.api_key_env and not key:
        raise Misconfigured(f"llm.links[{index}].api_key_env: the variable {link.api_key_env} is not set.")
    return key


def _key_in(setting: str, name: str) -> str:
    """Return the key in a file, or in the credential of that name. Raises: Misconfigured."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder, name) if folder and "/" not in name else Path(name)
    if not path.is_absolute():
        raise Misconfigured(
            f"{setting}: {name} is neither a whole path nor a credential of the service manager."
        )
    try:
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Misconfigured(f"{setting}: {path} cannot be read: {why}.") from error
    if not key or not key.isprintable() or len(key.split()) != 1:
        raise Misconfigured(f"{setting}: {path} does not hold one key in one line.")
    return key
