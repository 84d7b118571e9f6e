"""Puts together what answers questions: models, cache, kept knowledge, conversations."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.cache import AnswerCache, StaleCacheProvider
from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.claims import ClaimCheck
from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.follow_up import QuestionRewriter
from kotaemon_async.answers.knowledge import Knowledge, KnowledgeProvider
from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.answers.llm.llama_server import LlamaServer
from kotaemon_async.answers.llm.openai import ModelServer, OpenAIProvider, RemoteServer
from kotaemon_async.answers.next_questions import NextQuestions
from kotaemon_async.answers.overview import Overviews
from kotaemon_async.answers.settings import AnswerDefaults, LinkSettings
from kotaemon_async.app.settings import Settings
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.retrieval import Retrieval
from kotaemon_async.stores.ledger import Ledger


def answering_over(  # noqa: PLR0913
    settings: Settings,
    ledger: Ledger,
    retrieval: Retrieval,
    embedder: Callable[[], Embedder],
    links: Sequence[ModelProvider],
    knowledge: Knowledge,
    *,
    defaults: Callable[[], AnswerDefaults] = AnswerDefaults,
) -> Answering:
    """Make the use case with all tiers of the promise."""
    cache = _cache(settings, ledger)
    kept = [KnowledgeProvider(knowledge)] if settings.answers.static_knowledge else []
    chain = Chain([*links, StaleCacheProvider(cache), ExtractiveProvider(embedder, ledger.keywords), *kept])
    return Answering(
        retrieval=retrieval,
        chain=chain,
        documents=ledger.documents,
        answers=ledger.answers,
        access=ledger.access,
        cache=cache,
        rewriter=QuestionRewriter(ledger.conversations, chain.next_model),
        overviews=Overviews(ledger.documents, retrieval, ledger.conversations, embedder),
        claims=ClaimCheck(embedder, ledger.keywords),
        next_questions=NextQuestions(ledger.overviews, ledger.conversations),
        settings=settings.answers,
        defaults=defaults,
    )


def overviews_over(ledger: Ledger, chain: Chain, embedder: Callable[[], Embedder]) -> DocumentOverviews:
    """Make the use case that tells what documents are about."""
    claims = ClaimCheck(embedder, ledger.keywords)
    return DocumentOverviews(ledger.documents, ledger.overviews, ledger.access, chain=chain, claims=claims)


def _cache(settings: Settings, ledger: Ledger) -> AnswerCache:
    links = json.dumps(
        [[link.name, link.base_url or str(link.folder), link.model] for link in settings.llm.links]
    )
    return AnswerCache(ledger.answers, settings.answers, links=links, clock=time.time)


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
