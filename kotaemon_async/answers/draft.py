"""An answer as it comes about: what was found, who failed, what was said, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from kotaemon_async.answers import phrases
from kotaemon_async.answers.chain import MODELS, Completed
from kotaemon_async.answers.citations import cite, judged, uncited
from kotaemon_async.answers.events import Ask, Event, PassagesFound, Restart
from kotaemon_async.answers.llm.base import CachedAnswer, CacheKey, Deadline, Delta, Overview
from kotaemon_async.answers.overview import OverviewRequest
from kotaemon_async.answers.quotes import keep_markers
from kotaemon_async.answers.small_talk import DialogueAct
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import (
    Answer,
    AskedScope,
    Citation,
    Claim,
    Outcome,
    Passage,
    Reason,
    Scope,
    ServedBy,
)
from kotaemon_async.stores.documents import Shelf, Unread
from kotaemon_async.telemetry import traces

NONE_UNREAD: Final = Unread(0, 0)
_NOWHERE: Final = Scope(())


class AnswerRecords(Protocol):
    """What keeps an answer once it is given, for its caller."""

    async def save(
        self, answer: Answer, conversation_id: str | None, caller: Caller, now_s: float
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is worked on; `standalone` is its text as it may be asked alone.

    `scope` is where its caller may look, nowhere while `scope_lost` says why the ledger does not tell. `act`
    says that it asks nothing of the documents, `wanted` that it wants a document as a whole; `told` and
    `otherwise` are those of `Standalone`; `records` keep its answer.
    """

    ask: Ask
    standalone: str
    answer_id: str
    deadline: Deadline
    started_s: float
    records: AnswerRecords | None = None
    scope: Scope = _NOWHERE
    scope_lost: str | None = None
    cache_key: CacheKey | None = None
    act: DialogueAct | None = None
    told: str = ""
    otherwise: str = ""
    wanted: OverviewRequest | None = None

    def elapsed_s(self) -> float:
        """Return the seconds since it was asked."""
        return round(self.deadline.clock() - self.started_s, 6)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a search found, and what was missing while searching; or what to ask back instead."""

    sources: tuple[Source, ...] = ()
    reasons: tuple[Reason, ...] = ()
    searched: bool = False
    overview: Overview | None = None
    asked_back: str = ""

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Return the passages of the sources."""
        return tuple(source.passage for source in self.sources)


class Draft:
    """The text so far, why it is degraded, and when what happened, in seconds from the question."""

    def __init__(self, question: Question, evidence: Evidence | None = None) -> None:
        self.question = question
        self.evidence = evidence or Evidence()
        self.text = ""
        self.claims: tuple[Claim, ...] = ()
        self._rejected: str | None = None
        self._sent_by: ServedBy = "busy"
        self._link: str | None = None
        self.nothing_fits = self.evidence.searched and not self.evidence.sources
        self._reasons = list(self.evidence.reasons)
        self._timings_s = {} if evidence is None else {"retrieval": question.elapsed_s()}

    def add_reason(self, component: str, code: str) -> None:
        """Note once why the answer is degraded."""
        if (reason := Reason(component, code)) not in self._reasons:
            self._reasons.append(reason)

    def reject(self) -> None:
        """Keep the words so far beside the answer: their claims are all unsupported."""
        self._rejected = self._rejected or keep_markers(self.text, ()).strip()
        self.claims = ()

    def hear(self, event: Event) -> None:
        """Note what a reader of the events has got so far."""
        match event:
            case PassagesFound():
                self.evidence = Evidence(event.sources, event.degraded)
                self._reasons = list(event.degraded)
            case Delta():
                self._timings_s.setdefault("first_token", self.question.elapsed_s())
                self.text += event.text
                self._sent_by, self._link = event.served_by or self._sent_by, event.link
            case Restart():
                self.text = ""

    def so_far(self, citations: tuple[Citation, ...] | None = None) -> Answer:
        """Return what has been said, which is not complete, with the sources that it names, else all.

        These are the `citations` where they are known already.
        """
        text = self.text
        if citations is None:
            text, citations = cut_short(
                self.question.answer_id, self.text, self.evidence.sources, self._sent_by
            )
        answer = replace(self.answer(text, self._sent_by), citations=citations, complete=False)
        return replace(answer, link=self._link)

    def answer(self, text: str, served_by: ServedBy, outcome: Outcome = "answer") -> Answer:
        """Return the answer as it stands now."""
        total_s = self.question.elapsed_s()
        return Answer(
            id=self.question.answer_id,
            question=self.question.ask.question,
            answer=text,
            served_by=served_by,
            degraded=bool(self._reasons),
            reasons=tuple(self._reasons),
            citations=(),
            trace_id=traces.current().trace_id,
            timings_s={"first_token": total_s, **self._timings_s, "total": total_s},
            outcome=outcome,
            rejected=self._rejected,
            scope=asked_scope(self.question.ask),
        )

    def completed(self, event: Completed) -> Answer:
        """Return the whole answer of a provider, with its citations."""
        finish = event.finish
        if finish.cut:
            self.add_reason(event.provider.name, "answer_cut")
        answer = self.answer("", event.provider.served_by, finish.outcome)
        if finish.cached is not None:
            return given_again(finish.cached, answer)
        text, citations = cite(answer.id, self.text, self.evidence.sources, finish.quotes)
        return replace(
            answer,
            answer=text,
            citations=judged(citations, self.claims),
            # Who names his quotes says nothing else, and sets one marker behind a run of them.
            uncited=() if finish.quotes else uncited(text),
            usage=finish.usage,
            missing=finish.missing,
            claims=self.claims,
            link=event.provider.name if event.provider.served_by in MODELS else None,
        )

    def without_provider(self, unread: Unread = NONE_UNREAD, shelf: Shelf | None = None) -> Answer:
        """Return an answer that says that nothing was found, or that nothing can be said now.

        `unread` pages may hold what was not found; a `shelf` without documents that can be found is why,
        which is a reason that degrades nothing.
        """
        question = phrases.voice(self.question.ask.question, self.question.ask.language)
        if not self.nothing_fits:
            return self.answer(phrases.busy(question), "busy", "nothing")
        if shelf is not None and not shelf.ready:
            said = phrases.nothing_to_ask(question, shelf.unfinished, shelf.failed)
            instead = self.answer(said, "extractive", "nothing")
            return replace(instead, reasons=(*instead.reasons, Reason("documents", _emptiness(shelf))))
        said = (phrases.nothing_more if self.question.told else phrases.nothing_found)(question)
        if unread.pages:
            blank = "" if phrases.is_chinese(question) else " "
            said += blank + phrases.not_read(question, *unread)
        return self.answer(said, "extractive", "nothing")


def _emptiness(shelf: Shelf) -> str:
    """Return the code of why a shelf has nothing that can be found."""
    if shelf.unfinished:
        return "documents_unfinished"
    return "documents_failed" if shelf.failed else "no_documents"


def cut_short(
    answer_id: str, text: str, sources: Sequence[Source], sent_by: ServedBy
) -> tuple[str, tuple[Citation, ...]]:
    """Return the text that broke off, and the sources that it names, or all that it was to rest on."""
    if sent_by in MODELS:
        text, named = cite(answer_id, text, sources, None)
        if named:
            return text, named
    # Others number their quotes, which come at the end.
    every = "".join(f"[{number}]" for number in range(1, len(sources) + 1))
    return keep_markers(text, ()), cite(answer_id, every, sources, None)[1]


def asked_scope(ask: Ask) -> AskedScope:
    """Return where it was asked to look, in the words of the one who asked."""
    return AskedScope(ask.collection, ask.document_ids)


def given_again(cached: CachedAnswer, now: Answer) -> Answer:
    """Return the cached answer under the id, question, trace and reasons of `now`, and with its age."""
    kept = cached.answer
    citations = tuple(replace(one, id=f"{now.id}.{one.marker}") for one in kept.citations)
    return replace(
        now,
        answer=kept.answer,
        citations=citations,
        uncited=kept.uncited,
        outcome=kept.outcome,
        missing=kept.missing,
        claims=kept.claims,
        link=kept.link,
        age_s=cached.age_s,
    )


def addressed(answer: Answer, question: Question) -> Answer:
    """Return a shared answer as one who asked gets it: under their own id, question, trace and time."""
    here = traces.current().trace_id
    if answer.trace_id != here:
        traces.event("answer_shared", from_trace=answer.trace_id)
    return replace(
        answer,
        id=question.answer_id,
        question=question.ask.question,
        scope=asked_scope(question.ask),
        citations=tuple(replace(one, id=f"{question.answer_id}.{one.marker}") for one in answer.citations),
        trace_id=here,
        timings_s=answer.timings_s | {"total": question.elapsed_s()},
    )
