"""What changes, in one stream over HTTP: documents, the list of conversations, and any conversations by name.

A browser has six connections to a host; with a stream for each of these, three windows would hold them all.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import unquote

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import KotaemonError, Refused
from kotaemon_async.http import events
from kotaemon_async.http.auth import READ
from kotaemon_async.http.conversation_events import frames_of_conversation, frames_of_list
from kotaemon_async.http.dependencies import Dependencies, GivenCaller, GivenLimits, GivenServices
from kotaemon_async.http.documents import frames_of_documents
from kotaemon_async.http.problems import responses

PATH: Final = "/api/v1/events"
_DOCUMENTS: Final = "documents"
_CONVERSATIONS: Final = "conversations"
_ONE: Final = _CONVERSATIONS + "/"
#: A frame, the end of a stream, or what it failed with.
_Piece = bytes | KotaemonError | None
#: At once, over all windows of a browser.
_MOST: Final = 60
_STREAM = ResponseSpec(
    str,
    generate_examples=False,
    description="The events of each subject's own stream, named after it: `documents open`.",
    media_type=events.MEDIA_TYPE,
)

Subjects = Annotated[
    list[str],
    QueryParameter(
        min_items=1,
        max_items=_MOST,
        description="`documents`, `conversations` or `conversations/` and an id, percent-encoded.",
    ),
]


@get(
    PATH,
    opt=READ,
    responses={200: _STREAM, **responses("bad_request", "ledger_unavailable")},
    summary="Follow several things in one stream",
)
async def several_events(
    services: GivenServices, caller: GivenCaller, limits: GivenLimits, about: Subjects
) -> ASGIResponse:
    """Send what the streams of documents, of conversations and of one conversation send, each as it comes.

    A conversation that is not there is `gone` at once, and the others go on.
    """
    subjects = list(dict.fromkeys(about))
    for one in subjects:
        _check(caller, one)
    closing = events.Closing(services.stopping, heartbeat_s=limits.heartbeat_s)
    return events.EventStream(_Merged(services, caller).frames(subjects), closing)


def _check(caller: Caller, subject: str) -> None:
    is_known = subject in (_DOCUMENTS, _CONVERSATIONS) or subject.startswith(_ONE)
    if not is_known or not subject.isascii() or not subject.isprintable() or " " in subject:
        raise Refused(f"There are no events about {subject!r}.")
    if subject != _DOCUMENTS and not caller.may("ask"):
        raise Refused("This needs the scope ask.", code="forbidden")


@dataclass(frozen=True, slots=True)
class _Merged:
    """The events of several subjects, for one reader."""

    services: Dependencies
    caller: Caller

    async def frames(self, subjects: list[str]) -> AsyncGenerator[bytes, None]:
        """Yield them until one of the streams has ended: its reader was too slow, or it failed.

        Raises: KotaemonError with which it failed.
        """
        send, receive = anyio.create_memory_object_stream[_Piece](0)
        failure = None
        async with anyio.create_task_group() as tasks, send, receive:
            for one in subjects:
                tasks.start_soon(self._pass_on, one, send.clone())
            send.close()
            async for frame in receive:
                if not isinstance(frame, bytes):
                    failure = frame
                    break
                yield frame
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _pass_on(
        self, subject: str, send: MemoryObjectSendStream[bytes | KotaemonError | None]
    ) -> None:
        is_gone = False
        async with send:
            try:
                async with aclosing(self._of(subject)) as frames:
                    async for frame in frames:
                        is_gone = subject.startswith(_ONE) and frame.startswith(b"event: gone\n")
                        named = f"event: {subject} ".encode() + frame.removeprefix(b"event: ")
                        await send.send(named)
            except KotaemonError as error:
                await send.send(error)
            if not is_gone:
                await send.send(None)

    async def _of(self, subject: str) -> AsyncGenerator[bytes, None]:
        if subject == _DOCUMENTS:
            frames = frames_of_documents(self.services, self.caller)
        elif subject == _CONVERSATIONS:
            frames = frames_of_list(self.services, self.caller)
        else:
            frames = await self._of_conversation(unquote(subject.removeprefix(_ONE)))
        async with aclosing(frames):
            async for frame in frames:
                yield frame

    async def _of_conversation(self, conversation_id: str) -> AsyncGenerator[bytes, None]:
        try:
            await self.services.answer_history.head(self.caller, conversation_id)
        except Refused:
            return _gone(conversation_id)
        return frames_of_conversation(self.services, self.caller, conversation_id)


async def _gone(conversation_id: str) -> AsyncGenerator[bytes, None]:
    yield events.frame("gone", {"id": conversation_id})


HANDLERS: list[HTTPRouteHandler] = [several_events]
