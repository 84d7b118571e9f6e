"""Puts together what answers questions: models, cache, kept knowledge, conversations."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.cache import AnswerCache, StaleCacheProvider
from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.claims import ClaimCheck
from kotaemon_async.answers.conversation_changes import ConversationChanges
from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.follow_up import QuestionRewriter
from kotaemon_async.answers.history import AnswerHistory
from kotaemon_async.answers.knowledge import Knowledge, KnowledgeProvider
from kotaemon_async.answers.links import Links
from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.answers.next_questions import NextQuestions
from kotaemon_async.answers.overview import Overviews
from kotaemon_async.answers.settings import AnswerDefaults
from kotaemon_async.answers.turns import RunningTurns
from kotaemon_async.app.opening import Opened, Opening
from kotaemon_async.app.settings import Settings
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.retrieval import Retrieval
from kotaemon_async.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What is done with questions and their answers."""

    retrieval: Retrieval
    answering: Answering
    turns: RunningTurns
    links: Links
    overviews: DocumentOverviews
    history: AnswerHistory


def answers_over(settings: Settings, opened: Opened, opening: Opening) -> AnswerParts:
    """Make the parts over what is opened."""
    ledger, embedder = opened.ledger, opened.spaces.embedder
    retrieval = opening.keep(_retrieval(settings, opened))
    answering = answering_over(
        settings,
        ledger,
        retrieval,
        embedder,
        opened.providers,
        opened.knowledge,
        defaults=opened.preferences.answers,
    )
    turns = opening.keep(RunningTurns(answering, ledger.turns, ledger.answers, ConversationChanges()))
    return AnswerParts(
        retrieval=retrieval,
        answering=opening.keep(answering),
        turns=turns,
        links=Links(answering.chain, settings.llm.links),
        overviews=_overviews(ledger, answering.chain, embedder),
        history=AnswerHistory(ledger.turns, ledger.conversations, ledger.feedback, ledger.access, turns),
    )


def _retrieval(settings: Settings, opened: Opened) -> Retrieval:
    return Retrieval(
        documents=opened.ledger.documents,
        keywords=opened.ledger.keywords,
        space=opened.spaces.active,
        settings=settings.retrieval,
    )


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


def _overviews(ledger: Ledger, chain: Chain, embedder: Callable[[], Embedder]) -> DocumentOverviews:
    claims = ClaimCheck(embedder, ledger.keywords)
    return DocumentOverviews(ledger.documents, ledger.overviews, ledger.access, chain=chain, claims=claims)


def _cache(settings: Settings, ledger: Ledger) -> AnswerCache:
    links = json.dumps(
        [[link.name, link.base_url or str(link.folder), link.model] for link in settings.llm.links]
    )
    return AnswerCache(ledger.answers, settings.answers, links=links, clock=time.time)
