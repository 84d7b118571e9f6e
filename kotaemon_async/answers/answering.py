"""From a question to a cited answer: the conversation, the cache, passages, the chain, quotes, the record."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

import anyio
from loguru import logger

from kotaemon_async.answers import phrases
from kotaemon_async.answers.cache import AnswerCache
from kotaemon_async.answers.chain import MODELS, UNSUPPORTED, Chain, Completed, Failed, Passed
from kotaemon_async.answers.claims import ClaimCheck, all_unsupported
from kotaemon_async.answers.coalescing import RequestCoalescing
from kotaemon_async.answers.dialogue import Standalone
from kotaemon_async.answers.draft import (
    NONE_UNREAD,
    AnswerRecords,
    Draft,
    Evidence,
    Question,
    addressed,
    given_again,
)
from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, PassagesFound, Restart
from kotaemon_async.answers.evidence import EvidenceSearch
from kotaemon_async.answers.follow_up import QuestionRewriter
from kotaemon_async.answers.llm.base import Clock, Deadline, Delta, Finish, Prompt, Provider
from kotaemon_async.answers.llm.guarded import ProviderState
from kotaemon_async.answers.next_questions import NextQuestions
from kotaemon_async.answers.overview import Overviews, Searches, request_of
from kotaemon_async.answers.plain import PlainPrompt, PlainReply, said_by_a_model
from kotaemon_async.answers.settings import AnswerDefaults, AnswerSettings
from kotaemon_async.answers.small_talk import DialogueAct, Shelves, act_of, reply, without_manners
from kotaemon_async.answers.sources import Documents
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import KotaemonError, Refused, Unavailable
from kotaemon_async.domain.model import Answer, Reason, Scope, ServedBy, new_id
from kotaemon_async.resilience.background import wait_at_most
from kotaemon_async.stores.documents import Shelf, Unread
from kotaemon_async.telemetry import impacted, metrics, traces
from kotaemon_async.telemetry.health import Health

#: Where the caller may look is known in this part of the time, and in at most so long.
_ACCESS_SHARE = 0.25
_ACCESS_AT_MOST_S = 2.0
#: What only adds to an answer may take so long.
_UNREAD_S = 0.5
#: An answer waits to be written down for this part of what is left of its time, between two bounds.
_SAVE_SHARE = 0.5
_SAVE_BOUNDS_S = (0.2, 2.0)


class AnswerDocuments(Documents, Shelves, Protocol):
    """The part of the ledger that knows documents, what stands on their pages, and which were not read."""

    async def unread(self, scope: Scope) -> Unread: ...


class KeptAnswers(AnswerRecords, Protocol):
    """The part of the ledger that keeps answers, each for its caller."""

    async def check_conversation(self, conversation_id: str, caller: Caller) -> None: ...


class Scopes(Protocol):
    """What knows where a caller may look."""

    async def scope(self, caller: Caller, collection: str | None, document_ids: Sequence[str]) -> Scope: ...


class Answering:
    """Answers questions; whatever is down, there is a reply within the deadline that says how good it is."""

    def __init__(  # noqa: PLR0913
        self,
        *,
        retrieval: Searches,
        chain: Chain,
        documents: AnswerDocuments,
        answers: KeptAnswers,
        access: Scopes,
        cache: AnswerCache | None = None,
        rewriter: QuestionRewriter | None = None,
        overviews: Overviews | None = None,
        claims: ClaimCheck | None = None,
        next_questions: NextQuestions | None = None,
        settings: AnswerSettings,
        defaults: Callable[[], AnswerDefaults] = AnswerDefaults,
        clock: Clock = time.time,
    ) -> None:
        self._evidence = EvidenceSearch(retrieval, documents, overviews, passages=settings.passages)
        self._chain = chain
        self._documents = documents
        self._answers = answers
        self._access = access
        self._cache = cache
        self._rewriter = rewriter
        self._overviews = overviews
        self._claims = claims or ClaimCheck()
        self._next_questions = next_questions
        self._deadline_s = settings.deadline_s
        self._defaults = defaults
        self._clock = clock
        self._coalescing = RequestCoalescing[Event]()

    @property
    def chain(self) -> Chain:
        """Return what gives the answers, in order."""
        return self._chain

    def links(self) -> dict[str, ProviderState]:
        """Return the state of each model's provider, by name, in order."""
        return self._chain.states()

    def register_in(self, health: Health) -> None:
        """Add the state of each model's provider to the report."""
        self._chain.register_in(health)

    async def answer(self, ask: Ask) -> Answer:
        """Return the whole answer; raises Refused `not_found` when the conversation is another's."""
        question = await self.question(replace(ask, whole=True))
        async with aclosing(self.stream_of(question)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("the events of a question for a whole answer end with Done")

    async def stream(self, ask: Ask) -> AsyncGenerator[Event]:
        """Yield the events of `stream_of`; raises Refused `not_found` when the conversation is another's."""
        async with aclosing(self.stream_of(await self.question(ask))) as events:
            async for event in events:
                yield event

    async def stream_of(self, question: Question) -> AsyncGenerator[Event]:
        """Yield PassagesFound, Deltas (a Restart makes earlier ones void), then Done or Interrupted.

        Closing the generator closes the connection to the model, unless others wait for the same answer, and
        keeps the turn as it stands.
        """
        with traces.span("answer"):
            async with aclosing(self._heard(question)) as events:
                async for event in events:
                    if isinstance(event, Interrupted) and question.ask.whole:
                        yield Done(await self._saved(question, event.instead))
                    elif isinstance(event, Done | Interrupted):
                        yield replace(event, answer=await self._saved(question, event.answer))
                    else:
                        yield event

    async def plain(self, prompt: PlainPrompt, deadline_s: float | None = None) -> PlainReply | None:
        """Return what a model says to a prompt as it is, None when no model answers."""
        with traces.span("plain"):
            return await said_by_a_model(self._chain, prompt, Deadline.within(deadline_s or self._deadline_s))

    async def question(self, ask: Ask, records: AnswerRecords | None = None) -> Question:
        """Return the question with where its caller may look; its answer is kept in `records`, if any.

        Raises: Refused `not_found` when the conversation is another's, or the collection.
        """
        started_s = time.monotonic()
        ask = self._as_set(ask)
        deadline = Deadline(started_s + (ask.deadline_s or self._deadline_s))
        answer_id = ask.answer_id or new_id("ans", self._clock())
        question = Question(ask, ask.question, answer_id, deadline, started_s, records)
        limit_s = min(_ACCESS_AT_MOST_S, deadline.left_s() * _ACCESS_SHARE)
        try:
            with anyio.fail_after(limit_s):
                if ask.conversation_id is not None:
                    await self._answers.check_conversation(ask.conversation_id, ask.caller)
                scope = await self._access.scope(ask.caller, ask.collection, ask.document_ids)
        except (Unavailable, TimeoutError) as error:
            # The answer says that nothing was looked for; the conversation is checked again when it is kept.
            if ask.caller.is_admin:  # he may read everything
                named = None if ask.collection is None else (ask.collection,)
                return replace(question, scope=Scope(named, ask.document_ids))
            code = error.code if isinstance(error, Unavailable) else "timeout"
            return replace(question, scope_lost=code)
        return replace(question, scope=scope)

    def _as_set(self, ask: Ask) -> Ask:
        """Return the question with what the settings say of its answer where it says nothing.

        Raises: Refused `not_found` for a link that is not there.
        """
        if ask.link is not None and ask.link not in self.links():
            raise Refused(
                f"There is no language model {ask.link!r}.",
                code="not_found",
                hint="List them with GET /api/v1/links.",
            )
        kept = self._defaults()
        return replace(ask, length=ask.length or kept.length, language=ask.language or kept.language)

    async def _heard(self, question: Question) -> AsyncGenerator[Event]:
        """Yield the question's events; when its reader leaves before the end, keep what was heard."""
        draft, is_over = Draft(question), False
        try:
            async with aclosing(await self._events(await self._prepared(question))) as events:
                async for event in events:
                    draft.hear(event)
                    is_over = isinstance(event, Done | Interrupted)
                    yield event
        except (anyio.get_cancelled_exc_class(), GeneratorExit):
            if not is_over:
                await self._keep_stopped(question, draft.so_far())
            raise

    async def _prepared(self, question: Question) -> Question:
        """Return the question as it may be asked alone, with the place of its answer in the cache."""
        ask, deadline = question.ask, question.deadline
        act, said, key = act_of(ask.question), Standalone(ask.question), None
        wanted = request_of(without_manners(ask.question)) if self._overviews is not None else None
        if wanted is not None and not wanted.must_name:
            said = Standalone(wanted.subject or ask.question)
        elif self._rewriter is not None and act in (None, "more"):
            said = await self._rewriter.standalone(ask, deadline)
        if act is not None and not said.told:
            return replace(question, act=act)
        is_kept = question.scope_lost is None and not said.told and (wanted is None or wanted.subject)
        if self._cache is not None and is_kept:
            standalone = ask.question if wanted else said.question
            key = await self._cache.key(standalone, question.scope, deadline, wishes=_wishes(ask))
        return replace(
            question,
            standalone=said.question,
            told=said.told,
            otherwise=said.otherwise,
            cache_key=key,
            wanted=wanted,
        )

    async def _events(self, question: Question) -> AsyncGenerator[Event]:
        """Return a fresh answer of the cache, or the work's events, shared with who asks the same."""
        if question.act is not None:
            return self._small_talk(question, question.act)
        if (answer := await self._fresh(question)) is not None:
            return _repeated(answer)
        if question.cache_key is None or question.ask.fresh:
            return self._work(question)
        work = partial(self._work, question)
        return self._coalescing.share(question.cache_key, question.deadline.at_s, work)

    async def _small_talk(self, question: Question, act: DialogueAct) -> AsyncGenerator[Event]:
        """Yield the events of a reply that rests on no passages."""
        draft = Draft(question)
        lost = question.scope_lost if act == "documents" else None
        if lost is None:
            try:
                said = await reply(act, _voice(question.ask), question.scope, self._documents)
                answer = draft.answer(said, "extractive")
            except Unavailable as error:
                lost = error.code
        if lost is not None:
            draft.add_reason("ledger", lost)
            answer = draft.without_provider()
        yield PassagesFound((), ())
        yield Delta(answer.answer, answer.served_by)
        yield Done(answer)

    async def _fresh(self, question: Question) -> Answer | None:
        """Return what the provider that would be asked now said not long ago."""
        model = self._chain.next_model(question.ask.link)
        if self._cache is None or question.cache_key is None or model is None or question.ask.fresh:
            return None
        cached = await self._cache.fresh(question.cache_key, model.name, question.deadline)
        if cached is None:
            return None
        traces.event("cache_hit", age_s=cached.age_s)
        return given_again(cached, Draft(question).answer("", model.served_by))

    async def _work(self, question: Question) -> AsyncGenerator[Event]:
        """Yield the events of a whole answer: search, then what the chain sends."""
        found = await self._evidence.of(question)
        draft = Draft(question, found)
        yield PassagesFound(found.passages, found.reasons, found.sources)
        if found.asked_back:
            yield Delta(found.asked_back, "extractive")
            yield Done(draft.answer(found.asked_back, "extractive"))
            return
        prompt = _prompt(question, found)
        sent_by: ServedBy | None = None
        is_void = False
        stream = self._chain.stream(
            prompt, question.deadline, skip=_skipped(found), accepts=partial(self._accepts, draft)
        )
        async with aclosing(stream) as events:
            async for event in events:
                match event:
                    case Delta():
                        draft.hear(event)
                        yield event
                    case Restart():
                        draft.text, is_void = "", False
                        yield event
                    case Failed(provider, error, text_was_sent):
                        draft.add_reason(provider.name, error.code)
                        if error.code == UNSUPPORTED:
                            draft.reject()
                            is_void = text_was_sent
                        elif text_was_sent:
                            sent_by = provider.served_by
                    case Passed(provider):
                        draft.nothing_fits = draft.nothing_fits or provider.served_by == "extractive"
                    case Completed(provider, finish):
                        answer = draft.completed(event)
                        if not (found.reasons or finish.cut):
                            await self._remember(question, answer, provider)
                        yield Done(answer)
                        return
        if is_void:
            yield Restart("extractive" if draft.nothing_fits else "busy", UNSUPPORTED)
        async with aclosing(self._unanswered(question, draft, sent_by)) as rest:
            async for other in rest:
                yield other

    async def _unanswered(
        self, question: Question, draft: Draft, sent_by: ServedBy | None
    ) -> AsyncGenerator[Event]:
        """Yield the events of a question that nobody could answer: asked by itself, or what can be said."""
        if question.otherwise and draft.nothing_fits and sent_by is None:
            by_itself = replace(question, standalone=question.otherwise, otherwise="")
            async with aclosing(self._work(by_itself)) as events:
                async for event in events:
                    yield event
            return
        instead = draft.without_provider(*(await self._whereabouts(question) if draft.nothing_fits else ()))
        if sent_by is not None:
            yield Interrupted(draft.so_far(), instead)
        else:
            yield Delta(instead.answer, instead.served_by)
            yield Done(instead)

    async def _whereabouts(self, question: Question) -> tuple[Unread, Shelf | None]:
        """Return which pages may hold what was not found, and which documents there are, if that is told."""
        limit_s = min(_UNREAD_S, question.deadline.left_s())
        with suppress(Unavailable, TimeoutError), anyio.fail_after(limit_s):
            unread = await self._documents.unread(question.scope)
            return unread, await self._documents.shelf(question.scope, 0)
        return NONE_UNREAD, None

    async def _accepts(self, draft: Draft, provider: Provider, finish: Finish) -> bool:
        """Judge what a model has said, and return whether any of it may stand."""
        if provider.served_by not in MODELS or finish.quotes is not None:
            return True
        with traces.child_span("check claims"):
            draft.claims = await self._claims.check(
                draft.text, draft.evidence.sources, draft.question.deadline
            )
        return not all_unsupported(draft.claims)

    async def _remember(self, question: Question, answer: Answer, provider: Provider) -> None:
        """Keep a model's answer that rests on a whole search, so that it may be given again."""
        if self._cache is not None and question.cache_key is not None and provider.served_by in MODELS:
            keeping = self._cache.keep(question.cache_key, answer, provider.name)
            with anyio.CancelScope(shield=True), suppress(TimeoutError):
                await wait_at_most(keeping, _save_limit_s(question))

    async def _saved(self, question: Question, answer: Answer) -> Answer:
        """Write the answer down, count it and return it as this caller gets it.

        A client that leaves now does not stop the writing.
        """
        answer = addressed(answer, question)
        if self._next_questions is not None and answer.complete and question.act is None:
            following = self._next_questions.after(answer, question.ask, question.scope, question.deadline)
            answer = replace(answer, follow_ups=await following)
        if (code := await self._save(question, answer)) is not None:
            answer = replace(answer, degraded=True, reasons=(*answer.reasons, Reason("ledger", code)))
        _report(answer)
        return answer

    async def _keep_stopped(self, question: Question, answer: Answer) -> None:
        """Write down a turn whose reader has left, with the text so far."""
        await self._save(question, answer)
        traces.mark(answer_id=answer.id)
        logger.bind(answer_id=answer.id, duration_s=answer.timings_s["total"]).info("answer_stopped")

    async def _save(self, question: Question, answer: Answer) -> str | None:
        """Write the answer down and return None, or the code of what kept it from being written."""
        ask = question.ask
        records = question.records or self._answers
        saving = records.save(answer, ask.conversation_id, ask.caller, self._clock())
        try:
            with anyio.CancelScope(shield=True):
                await wait_at_most(saving, _save_limit_s(question))
        except (KotaemonError, TimeoutError) as error:
            code = error.code if isinstance(error, KotaemonError) else "timeout"
            logger.bind(component="ledger", code=code).warning("answer_not_saved")
            return code
        return None


async def _repeated(answer: Answer) -> AsyncGenerator[Event]:
    """Yield the events of an answer that was given before."""
    yield PassagesFound((), ())
    yield Delta(answer.answer, answer.served_by)
    yield Done(answer)


def _skipped(found: Evidence) -> frozenset[ServedBy]:
    """Return who is not asked when there is nothing to rest on."""
    return frozenset() if found.sources else MODELS | {"extractive"}


def _prompt(question: Question, found: Evidence) -> Prompt:
    is_away = any(reason.component == "embedder" for reason in found.reasons)
    return Prompt(
        question.ask.question if found.overview else question.standalone,
        found.passages,
        None if question.ask.fresh else question.cache_key,
        sources=found.sources,
        words_only=is_away,
        overview=found.overview,
        wishes=question.ask.wishes,
        length=question.ask.length,
        language=question.ask.language,
        link=question.ask.link,
    )


def _voice(ask: Ask) -> str:
    return phrases.voice(ask.question, ask.language)


def _wishes(ask: Ask) -> tuple[str, ...]:
    """Return what an answer depends on beside its question and its scope."""
    return ask.wishes, ask.length or "", ask.language, ask.link or ""


def _save_limit_s(question: Question) -> float:
    least_s, most_s = _SAVE_BOUNDS_S
    return min(most_s, max(least_s, question.deadline.left_s() * _SAVE_SHARE))


def _report(answer: Answer) -> None:
    duration_s = answer.timings_s["total"]
    traces.mark(answer_id=answer.id, served_by=answer.served_by, degraded=answer.degraded)
    metrics.ANSWERS.labels(served_by=answer.served_by).inc()
    if answer.degraded:
        metrics.ANSWERS_DEGRADED.labels(served_by=answer.served_by).inc()
    for reason in answer.reasons if answer.degraded else ():
        impacted.note(reason.component, reason.code)
    metrics.ANSWER_DURATION.labels(served_by=answer.served_by).observe(duration_s)
    logger.bind(
        answer_id=answer.id,
        served_by=answer.served_by,
        degraded=answer.degraded,
        reasons=[f"{reason.component}:{reason.code}" for reason in answer.reasons],
        citations=len(answer.citations),
        duration_s=duration_s,
    ).info("answer_given")
