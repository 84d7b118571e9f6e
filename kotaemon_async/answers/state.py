"""One question on its way to its answer: what was found, who failed, what was said, and when."""

from dataclasses import replace
from itertools import pairwise

from loguru import logger

from kotaemon_async.answers.cache import KeptFinish, Place
from kotaemon_async.answers.citations import cite, uncited
from kotaemon_async.answers.events import Ask, Restart
from kotaemon_async.answers.llm import phrases
from kotaemon_async.answers.llm.base import Deadline, NothingToSay
from kotaemon_async.answers.llm.chain import Ended, Moved
from kotaemon_async.answers.llm.guard import NotAsked
from kotaemon_async.domain.model import Answer, Passage, Reason, ServedBy, new_id
from kotaemon_async.telemetry import metrics, traces


class AnswerState:
    """Collects what becomes the answer; `standalone` is the question as it may be asked alone."""

    def __init__(self, ask: Ask, standalone: str, now_s: float, deadline: Deadline) -> None:
        self.ask = ask
        self.standalone = standalone
        self.id = new_id("ans", now_s)
        self.deadline = deadline
        self.started_s = deadline.clock()
        self.place: Place | None = None
        self.passages: tuple[Passage, ...] = ()
        self.searched = False
        self.relevant = True
        self.reasons: list[Reason] = []
        self.failed: list[str] = []
        self.timings_s: dict[str, float] = {}
        self.text = ""
        self.sent_by: ServedBy = "busy"
        self.restart: Restart | None = None

    def mark(self, name: str) -> None:
        """Notes when something happened for the first time, in seconds from the question."""
        self.timings_s.setdefault(name, round(self.deadline.clock() - self.started_s, 6))

    def add(self, component: str, code: str) -> None:
        """Notes once why the answer is degraded."""
        if (reason := Reason(component, code)) not in self.reasons:
            self.reasons.append(reason)

    def moved(self, event: Moved) -> None:
        """Notes that a link failed; the restart is told when the next link really has something to say."""
        target = event.target.name if event.target else "busy"
        if isinstance(event.error, NothingToSay):
            self.restart = replace(self.restart, link=target) if self.restart else None
            return
        self.add(event.source.name, event.error.code)
        self.failed.append(event.source.name)
        traces.event("fallback", source=event.source.name, target=target, reason=event.error.code)
        log = logger.bind(component=event.source.name, code=event.error.code, to=target)
        # A link that is left alone has been reported when it failed, not with every question.
        log.log("DEBUG" if isinstance(event.error, NotAsked) else "WARNING", "link_failed")
        if event.text_was_sent:
            self.sent_by = event.source.served_by
            self.restart = Restart(target, event.error.code)
        elif self.restart:
            self.restart = replace(self.restart, link=target)

    def ended(self, event: Ended) -> Answer:
        """The whole answer of a link, with its citations."""
        self._count_fallbacks(event.link.name)
        if event.finish.cut:
            self.add(event.link.name, "answer_cut")
        answer = self.answer("", event.link.served_by)
        if isinstance(event.finish, KeptFinish) and event.finish.kept is not None:
            return given_again(event.finish.kept, answer, event.finish.age_s)
        text, citations = cite(self.id, self.text, self.passages, event.finish.quotes)
        return replace(
            answer, answer=text, citations=citations, uncited=uncited(text), usage=event.finish.usage
        )

    def answer(self, text: str, served_by: ServedBy) -> Answer:
        """The answer as it stands now."""
        self.mark("first_token")
        self.mark("total")
        return Answer(
            id=self.id,
            question=self.ask.question,
            answer=text,
            served_by=served_by,
            degraded=bool(self.reasons),
            reasons=tuple(self.reasons),
            citations=(),
            trace_id=traces.current().trace_id,
            timings_s=dict(self.timings_s),
        )

    def without_chain(self) -> Answer:
        """Says that nothing was found, or that nothing can be said now."""
        self._count_fallbacks("busy")
        if self.searched and not (self.passages and self.relevant):
            return self.answer(phrases.nothing_found(self.ask.question), "extractive")
        return self.answer(phrases.busy(self.ask.question), "busy")

    def _count_fallbacks(self, last: str) -> None:
        """One step for each link that failed, to the one that was tried next and did not just pass."""
        codes = {reason.component: reason.code for reason in self.reasons}
        for source, target in pairwise([*self.failed, last]):
            labels = {"from": source, "to": target, "reason": codes[source]}
            metrics.FALLBACKS.labels(**labels).inc()
        self.failed.clear()


def given_again(kept: Answer, now: Answer, age_s: float) -> Answer:
    """The kept answer under the id, question, trace and reasons of `now`, and with its age."""
    citations = tuple(replace(one, id=f"{now.id}.{one.marker}") for one in kept.citations)
    return replace(now, answer=kept.answer, citations=citations, uncited=kept.uncited, age_s=age_s)


def heard_as(answer: Answer, listener: AnswerState) -> Answer:
    """The answer of a shared flight as one of its listeners gets it: its own id, question, trace and time."""
    listener.mark("total")
    here = traces.current().trace_id
    if answer.trace_id != here:
        traces.event("answer_shared", from_trace=answer.trace_id)
    return replace(
        answer,
        id=listener.id,
        question=listener.ask.question,
        citations=tuple(replace(one, id=f"{listener.id}.{one.marker}") for one in answer.citations),
        trace_id=here,
        timings_s=answer.timings_s | {"total": listener.timings_s["total"]},
    )
