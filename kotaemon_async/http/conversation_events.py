"""Conversations as they change, over HTTP: one with its turns letter by letter, and the list of all."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import anyio
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery
from litestar.response.base import ASGIResponse

from kotaemon_async.answers.conversation_changes import Change, Listener
from kotaemon_async.answers.turns import RunningTurn
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.http import events
from kotaemon_async.http.bodies import AnswerBody, answer_body, body_of
from kotaemon_async.http.conversations import ONE, PATH, ConversationBody
from kotaemon_async.http.dependencies import Dependencies, GivenCaller, GivenLimits, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.http.rendering import answer_html_aside, rendered
from kotaemon_async.stores.conversations import Turn

FEED: Final = PATH + "/events"
ONE_FEED: Final = ONE + "/events"
#: Running text is rendered so often at most: each time begins with its first letter.
HTML_EVERY_S: Final = 0.15
_TURNS = ResponseSpec(
    str,
    generate_examples=False,
    description="`turn`, `open`, `delta`, `html`, `deleted`, `conversation`, `gone`.",
    media_type=events.MEDIA_TYPE,
)
_LIST = ResponseSpec(
    str,
    generate_examples=False,
    description="`conversation`, `gone`.",
    media_type=events.MEDIA_TYPE,
)


@get(
    ONE_FEED,
    responses={200: _TURNS, **responses("bad_request", "not_found", "ledger_unavailable")},
    summary="Follow one",
)
async def conversation_events(
    services: GivenServices,
    caller: GivenCaller,
    limits: GivenLimits,
    conversation_id: FromPath[str],
    html: FromQuery[bool] = True,
) -> ASGIResponse:
    """Send what happens in the conversation: first the turns that run, each with its text so far, and `open`.

    Who reads the conversation after that misses nothing. `turn` is an answer that has begun, ended or
    changed, as it stands, `delta` more text of a running one, after `start`: the length of the text before it
    as JavaScript counts it, in UTF-16 units. `html` is a running text as safe HTML.
    """
    await services.answer_history.head(caller, conversation_id)
    closing = events.Closing(services.stopping, heartbeat_s=limits.heartbeat_s)
    return events.EventStream(frames_of_conversation(services, caller, conversation_id, html=html), closing)


@get(
    FEED, responses={200: _LIST, **responses("bad_request", "ledger_unavailable")}, summary="Follow the list"
)
async def all_conversation_events(
    services: GivenServices, caller: GivenCaller, limits: GivenLimits
) -> ASGIResponse:
    """Send `open`, then each conversation that begins or changes, as it stands, and ids of deleted ones.

    Who reads the list after `open` misses nothing.
    """
    closing = events.Closing(services.stopping, heartbeat_s=limits.heartbeat_s)
    return events.EventStream(frames_of_list(services, caller), closing)


def frames_of_conversation(
    services: Dependencies, caller: Caller, conversation_id: str, *, html: bool = True
) -> AsyncGenerator[bytes, None]:
    """Return what happens in a conversation that the caller may see, in wire form."""
    return _ConversationFeed(services, caller, conversation_id, html=html).frames()


async def frames_of_list(services: Dependencies, caller: Caller) -> AsyncGenerator[bytes, None]:
    """Yield what happens to the conversations of the caller, in wire form."""
    with services.turns.changes.of_all(caller) as listener:
        yield events.frame("open", {})
        while not listener.is_behind:
            for change in await listener.changes():
                yield await _conversation_frame(services, caller, change)


async def _conversation_frame(services: Dependencies, caller: Caller, change: Change) -> bytes:
    if change.kind == "gone":
        return events.frame("gone", {"id": change.conversation_id})
    try:
        found = await services.answer_history.head(caller, change.conversation_id)
    except Refused:
        return events.frame("gone", {"id": change.conversation_id})
    return events.frame("conversation", body_of(ConversationBody, found))


@dataclass(slots=True)
class _Sent:
    """How much of a running text has been sent, in letters and in UTF-16 units, and as HTML."""

    restarts: int
    letters: int
    units: int
    html_letters: int
    html_at_s: float


class _ConversationFeed:
    """The events of one conversation for one reader."""

    def __init__(self, services: Dependencies, caller: Caller, conversation_id: str, *, html: bool) -> None:
        self._services = services
        self._caller = caller
        self._id = conversation_id
        self._html = html
        self._sent: dict[str, _Sent] = {}

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the events in wire form; they end with the conversation, or when the reader is far behind."""
        with self._services.turns.changes.of_one(self._id) as listener:
            for running in self._services.turns.of(self._id):
                yield await self._turn(running.id)
            yield events.frame("open", {})
            while not listener.is_behind:
                for change in await self._changes(listener):
                    if (one := await self._frame(change)) is not None:
                        yield one
                    if change.kind == "gone":
                        return
                async for one in self._html_due():
                    yield one

    async def _changes(self, listener: Listener) -> list[Change]:
        """Return what has changed, or nothing once there is text to be rendered."""
        waits = [
            max(0.0, sent.html_at_s + HTML_EVERY_S - anyio.current_time())
            for answer_id, sent in self._sent.items()
            if self._html and self._is_html_old(answer_id, sent)
        ]
        return await listener.changes(min(waits, default=None))

    async def _frame(self, change: Change) -> bytes | None:
        match change.kind:
            case "turn":
                return await self._turn(change.answer_id)
            case "text":
                return await self._text(change.answer_id)
            case "deleted":
                self._sent.pop(change.answer_id, None)
                return events.frame("deleted", {"answer_id": change.answer_id})
            case _:
                return await _conversation_frame(self._services, self._caller, change)

    async def _turn(self, answer_id: str) -> bytes:
        running = self._services.turns.get(answer_id)
        try:
            turn = running.state() if running else await self._answer(answer_id)
        except Refused:
            return events.frame("deleted", {"answer_id": answer_id})
        self._sent.pop(answer_id, None)
        body = answer_body(turn)
        if running is not None:
            self._sent[answer_id] = _Sent(
                running.restarts,
                len(body.answer),
                _units(body.answer),
                len(body.answer),
                anyio.current_time(),
            )
        return events.frame("turn", await self._shown(body))

    async def _answer(self, answer_id: str) -> Turn:
        return await self._services.answer_history.answer(self._caller, answer_id)

    async def _text(self, answer_id: str) -> bytes | None:
        running, sent = self._services.turns.get(answer_id), self._sent.get(answer_id)
        if running is None:
            return None  # its end is told, too
        if sent is None or sent.restarts != running.restarts:
            return await self._turn(answer_id)
        more = running.text[sent.letters :]
        start, sent.letters, sent.units = sent.units, sent.letters + len(more), sent.units + _units(more)
        if not more:
            return None
        return events.frame("delta", {"answer_id": answer_id, "start": start, "text": more})

    async def _html_due(self) -> AsyncGenerator[bytes, None]:
        """Yield the running texts as HTML that have grown, each as often as it may be."""
        if not self._html:
            return
        for answer_id, sent in list(self._sent.items()):
            running = self._services.turns.get(answer_id)
            is_time = anyio.current_time() >= sent.html_at_s + HTML_EVERY_S
            if running is None or not is_time or not self._is_html_old(answer_id, sent):
                continue
            sent.html_letters, sent.html_at_s = sent.letters, anyio.current_time()
            html = await _html_of(running, sent.letters)
            yield events.frame("html", {"answer_id": answer_id, "html": html})

    def _is_html_old(self, answer_id: str, sent: _Sent) -> bool:
        return self._services.turns.get(answer_id) is not None and sent.html_letters < sent.letters

    async def _shown(self, body: AnswerBody) -> AnswerBody:
        return await rendered(body) if self._html else body


async def _html_of(running: RunningTurn, letters: int) -> str:
    """Return the first letters of a running text as HTML; all readers that have got as much share it."""
    if running.html is None or running.html[0] != letters:
        known = range(1, len(running.draft.evidence.sources) + 1)
        running.html = letters, await answer_html_aside(running.text[:letters], known)
    return running.html[1]


def _units(text: str) -> int:
    return len(text) + sum(letter > "\uffff" for letter in text)


HANDLERS: list[HTTPRouteHandler] = [all_conversation_events, conversation_events]
