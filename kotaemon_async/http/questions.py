"""Questions over HTTP: search, and answers as JSON or as a stream of events."""

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeVar

import anyio
import msgspec
from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody
from litestar.response.base import ASGIResponse

from kotaemon_async.answers.draft import asked_scope, cut_short
from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, PassagesFound, Restart
from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.answers.sources import Source
from kotaemon_async.answers.turns import RunningTurn
from kotaemon_async.domain.errors import KotaemonError, Refused
from kotaemon_async.domain.model import Answer, Filters, Found, Reason, ServedBy
from kotaemon_async.http import events
from kotaemon_async.http.audit import audited
from kotaemon_async.http.bodies import (
    AnswerBody,
    AnswerRequest,
    PassageList,
    SearchRequest,
    answer_body,
    passage_list,
)
from kotaemon_async.http.dependencies import (
    AnyRequest,
    Dependencies,
    GivenCaller,
    GivenLimits,
    GivenServices,
    HttpLimits,
)
from kotaemon_async.http.limits import QUESTION
from kotaemon_async.http.problems import responses
from kotaemon_async.http.rendering import answer_html_aside, rendered
from kotaemon_async.stores.conversations import Turn
from kotaemon_async.telemetry import impacted, traces

T = TypeVar("T")
#: How long the whole answer may take, in seconds; what is out of bounds is brought to the nearest bound.
Deadline = Annotated[float | None, HeaderParameter(name="X-Deadline-S")]
SHORTEST_DEADLINE_S = 0.2
_HTML_EVERY_S = 0.15
_ANSWER = ResponseSpec(AnswerBody, generate_examples=False, description="The answer, or its events.")


@post(
    "/api/v1/search",
    status_code=200,
    responses=responses("bad_request", "embedder_unavailable", "vectors_unavailable", "ledger_unavailable"),
    summary="Find passages",
)
async def search(
    services: GivenServices, caller: GivenCaller, limits: GivenLimits, data: JSONBody[SearchRequest]
) -> PassageList:
    """Return passages, best first, and which part of the search was missing."""
    query = _checked(data.query, "query", limits)
    filters = data.filters.wanted() if data.filters else Filters()
    scope = await services.access.scope(caller, data.collection, data.document_ids, filters)
    found = await services.retrieval.search(
        query, scope, top_k=data.top_k, mode=data.mode, as_typed=data.as_typed
    )
    for lost in found.degraded:
        impacted.note(lost.component, lost.code)
    trace_id = traces.current().trace_id
    # Some hundred microseconds a passage.
    shown = partial(passage_list, found, trace_id, caller, query, as_typed=data.as_typed)
    return await anyio.to_thread.run_sync(shown)


@post(
    "/api/v1/answers",
    status_code=200,
    opt=QUESTION,
    responses={200: _ANSWER, **responses("bad_request", "not_found", "timeout", "ledger_unavailable")},
    summary="Ask a question",
)
async def ask(
    request: AnyRequest,
    services: GivenServices,
    limits: GivenLimits,
    caller: GivenCaller,
    data: JSONBody[AnswerRequest],
    deadline_s: Deadline = None,
) -> ASGIResponse:
    """Return the answer; with `stream` its events: `passages`, `delta`…, then one of `done`, `interrupted`.

    With `html` the answer carries itself as safe HTML too, and a stream says `html` now and then: all so far.
    In a conversation the question is kept before the first event, which is `turn`, and the answer goes on
    when its reader leaves.
    """
    question = _checked(data.question, "question", limits)
    asked = Ask(
        question,
        caller,
        data.collection,
        tuple(data.document_ids),
        data.conversation_id,
        within(deadline_s, limits),
        replaces=data.replaces,
        fresh=data.fresh,
        whole=not data.stream,
        length=data.length,
        language=data.language or "",
        link=data.link,
    )
    running = None
    if data.conversation_id is not None or data.replaces is not None:
        running = await services.turns.begin(asked)
    if data.stream:
        return _stream(asked, services, limits, running, html=data.html)
    if running is None:
        answer = await while_connected(request, lambda: services.answering.answer(asked))
        turn = Turn.alone(answer, time.time())
    else:
        turn = await while_connected(request, running.ended)
    body = answer_body(turn)
    return ASGIResponse(body=msgspec.json.encode(await rendered(body) if data.html else body))


@get(
    "/api/v1/answers/{answer_id:str}",
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Get an answer",
)
async def get_answer(
    services: GivenServices,
    caller: GivenCaller,
    answer_id: FromPath[str],
    html: FromQuery[bool] = False,
) -> AnswerBody:
    """Return the answer as it was given, or as it stands while it runs."""
    body = answer_body(await services.answer_history.answer(caller, answer_id))
    return await rendered(body) if html else body


@post(
    "/api/v1/answers/{answer_id:str}/stop",
    status_code=200,
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Stop an answer of a conversation",
)
async def stop_answer(services: GivenServices, caller: GivenCaller, answer_id: FromPath[str]) -> AnswerBody:
    """Stop the answer and return it with what there is of it; one that has ended stays as it is."""
    return answer_body(await services.answer_history.stop(caller, answer_id))


@delete(
    "/api/v1/answers/{answer_id:str}",
    opt=audited("answers.delete", object="answer_id"),
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Delete an answer",
)
async def delete_answer(services: GivenServices, caller: GivenCaller, answer_id: FromPath[str]) -> None:
    """Delete this version of its turn, which goes with its last one."""
    await services.answer_history.delete_answer(caller, answer_id)


class AnswerFrames:
    """The frames of one answer, and the closing frame of a stream that was cut."""

    def __init__(
        self, services: Dependencies, asked: Ask, running: RunningTurn | None = None, *, html: bool = False
    ) -> None:
        self._services = services
        self._running = running
        self._asked = asked
        self._html = html
        self._sources: tuple[Source, ...] = ()
        self._sent_by: ServedBy = "busy"
        self._html_at_s = 0.0
        self._markers: range = range(0)
        self._trace_id = traces.current().trace_id
        self._text = ""
        self._ended = False

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the events in wire form; those of a conversation begin with the turn as it stands."""
        running = self._running
        if running is not None:
            yield events.frame("turn", await self._shown(running.state()))
        stream = self._services.answering.stream(self._asked) if running is None else running.follow()
        async with aclosing(stream) as heard:
            async for event in heard:
                yield await self._frame(event)
                if self._html and isinstance(event, Delta) and self._is_time_for_html():
                    html = await answer_html_aside(self._text, self._markers)
                    yield events.frame("html", {"html": html})
        if running is not None and not self._ended:  # somebody has stopped it
            self._ended = True
            yield events.frame("interrupted", await self._shown(running.turn))

    def closing_frame(self, failure: Exception | None) -> bytes:
        """Return `interrupted` with the text so far, unless the end has been sent already."""
        if self._ended:
            return events.COMMENT
        code = (
            failure.code if isinstance(failure, KotaemonError) else "internal" if failure else "shutting_down"
        )
        if self._running is not None:
            turn = self._running.state()
            turn = replace(turn, status="interrupted") if turn.status == "running" else turn
            return events.frame("interrupted", answer_body(turn))
        text, citations = cut_short("", self._text, self._sources, self._sent_by)
        answer = Answer(
            id="",
            question=self._asked.question,
            answer=text,
            served_by="busy",
            degraded=True,
            reasons=(Reason("service", code),),
            citations=citations,
            trace_id=self._trace_id,
            complete=False,
            scope=asked_scope(self._asked),
        )
        return events.frame("interrupted", answer_body(Turn.alone(answer, time.time())))

    async def _frame(self, event: Event) -> bytes:
        match event:
            case PassagesFound(passages, degraded, sources):
                self._markers, self._sources = range(1, len(passages) + 1), sources
                found, asked = Found(passages, degraded), self._asked
                shown = passage_list(found, self._trace_id, asked.caller, asked.question)
                return events.frame("passages", shown)
            case Delta(text, served_by):
                self._text += text
                self._sent_by = served_by or self._sent_by
                return events.frame("delta", {"text": text})
            case Restart(link, reason):
                self._text = ""
                return events.frame("restart", {"link": link, "reason": reason})
            case Done(answer):
                self._ended = True
                return events.frame("done", await self._body(answer))
            case Interrupted(answer):
                self._ended = True
                return events.frame("interrupted", await self._body(answer))

    async def _body(self, answer: Answer) -> AnswerBody:
        if self._running is None:
            return await self._shown(Turn.alone(answer, time.time()))
        return await self._shown(replace(self._running.turn, answer=answer))

    async def _shown(self, turn: Turn) -> AnswerBody:
        body = answer_body(turn)
        return await rendered(body) if self._html else body

    def _is_time_for_html(self) -> bool:
        """Return whether to render now: each time starts from the beginning, so a few times a second."""
        if is_due := anyio.current_time() >= self._html_at_s + _HTML_EVERY_S:
            self._html_at_s = anyio.current_time()
        return is_due


def _stream(
    asked: Ask, services: Dependencies, limits: HttpLimits, running: RunningTurn | None, *, html: bool
) -> events.EventStream:
    answer = AnswerFrames(services, asked, running, html=html)
    closing = events.Closing(
        services.stopping, limits.settings.drain_s, limits.heartbeat_s, answer.closing_frame
    )
    return events.EventStream(answer.frames(), closing)


async def while_connected(request: AnyRequest, work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `work`, which is cancelled when nobody waits for it any more."""
    result: list[T] = []
    failure: list[Exception] = []

    async def run(scope: anyio.CancelScope) -> None:
        try:
            result.append(await work())
        except Exception as error:
            failure.append(error)
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, tasks.cancel_scope)
        await events.cancel_when_gone(request.receive, tasks.cancel_scope)
    if failure:
        raise failure[0]
    if not result:
        raise Refused("The client left before the reply.", code="client_gone")
    return result[0]


def within(deadline_s: float | None, limits: HttpLimits) -> float | None:
    """Return the deadline within its bounds, None for the usual one; raises Refused for what is no number."""
    if deadline_s is None:
        return None
    if math.isnan(deadline_s):
        raise Refused("X-Deadline-S is no number of seconds.")
    return min(max(deadline_s, SHORTEST_DEADLINE_S), limits.max_deadline_s)


def _checked(text: str, name: str, limits: HttpLimits) -> str:
    """Return the text without the space around it; raises Refused when it is empty or too long."""
    if not text.strip():
        raise Refused(f"The {name} is empty.")
    if len(text) > limits.max_question_length:
        raise Refused(
            f"The {name} has {len(text)} characters; {limits.max_question_length} are allowed.",
            hint="Make it shorter.",
        )
    return text.strip()


HANDLERS: list[HTTPRouteHandler] = [search, ask, get_answer, stop_answer, delete_answer]
