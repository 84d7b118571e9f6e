"""An answer as OpenAI's chunks. Only a whole answer ends with a finish reason and `[DONE]`.

What broke off ends with an `error`, which OpenAI's clients raise; a stream that merely stopped they would
show as complete. Words that were sent cannot be taken back in this protocol, so a new answer begins under a
rule and a sentence that says so.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, Restart
from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer
from kotaemon_async.http import events
from kotaemon_async.http.openai.bodies import (
    ChatRequest,
    ChunkChoice,
    ChunkDelta,
    CompletionChunk,
    FinishReason,
    allowed_footnotes,
    error_envelope,
    finish_reason,
    provenance_of,
    usage_of,
)
from kotaemon_async.http.openai.text import begins_anew
from kotaemon_async.http.problems import problem_of
from kotaemon_async.telemetry import traces

_END = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Chunks:
    """The wire form of what is said in one chat."""

    chat: ChatRequest
    id: str
    created_s: float

    def role(self) -> bytes:
        """Return the first chunk, which names the role."""
        return _data(self._chunk(ChunkDelta(role="assistant", content="")))

    def content(self, text: str) -> bytes:
        """Return the next words; nothing for none."""
        return _data(self._chunk(ChunkDelta(content=text))) if text else b""

    def end(self, answer: Answer, content: str, ended: FinishReason | None = None) -> bytes:
        """Return how it ended, who answered, the tokens if they were asked for, and the mark of the end."""
        last = self._chunk(ChunkDelta(), ended or finish_reason(answer))
        told = _data(msgspec.structs.replace(last, kotaemon=provenance_of(answer)))
        if self.chat.has_usage():
            usage = usage_of(self.chat, answer, content)
            told += _data(msgspec.structs.replace(last, choices=[], usage=usage))
        return told + _END

    def _chunk(self, delta: ChunkDelta, reason: FinishReason | None = None) -> CompletionChunk:
        return CompletionChunk(
            id=self.id,
            created=int(self.created_s),
            model=self.chat.model,
            choices=[ChunkChoice(delta, reason)],
            usage=None if self.chat.has_usage() else msgspec.UNSET,
        )


class ChatFrames:
    """The frames of one answer, and the closing frame of a stream that was cut."""

    def __init__(self, answering: Answering, asked: Ask, chunks: Chunks) -> None:
        self._answering = answering
        self._asked = asked
        self._chunks = chunks
        self._trace_id = traces.current().trace_id
        self._text = self._sent = ""
        self._limit = chunks.chat.limit()
        self._ended = False

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the events in wire form; nothing before the first one, so that a failure has its status."""
        begun = False
        async with aclosing(self._answering.stream(self._asked)) as stream:
            async for event in stream:
                frame = self._frame(event)
                yield frame if begun else self._chunks.role() + frame
                begun = True
                # Not sooner: what could not be sent whole is an end that nobody heard of.
                self._ended = self._ended or isinstance(event, Done | Interrupted)
        if not self._ended:
            raise AssertionError("the events of a question end with Done or Interrupted")

    def closing_frame(self, failure: Exception | None) -> bytes:
        """Return the error that ended the stream early, unless the end has been sent already."""
        if self._ended:
            return events.COMMENT
        error = failure or Unavailable("The service is stopping.", code="shutting_down")
        return _data(error_envelope(problem_of(error, self._trace_id)))

    def _frame(self, event: Event) -> bytes:
        match event:
            case Delta(text):
                self._text += text
                return self._content(self._limit.feed(text))
            case Restart(_, reason):
                return self._begun_anew(reason)
            case Done(answer):
                rest = answer.answer.removeprefix(self._text) if answer.answer.startswith(self._text) else ""
                last = self._content(
                    self._limit.feed(rest) + self._limit.rest() + allowed_footnotes(self._limit, answer)
                )
                return last + self._chunks.end(answer, self._sent, self._limit.ended)
            case Interrupted(answer):
                return self._broken_off(answer)
            case _:
                return events.COMMENT

    def _content(self, text: str) -> bytes:
        self._sent += text
        return self._chunks.content(text)

    def _begun_anew(self, reason: str) -> bytes:
        """Return the words that say so to who has seen some of the void ones; what has ended stays ended."""
        if self._limit.ended is not None:
            return events.COMMENT
        anew = begins_anew(self._asked.question, reason) if self._sent else ""
        self._text = self._sent = ""
        self._limit.begin_anew()
        return self._chunks.content(anew)

    def _broken_off(self, answer: Answer) -> bytes:
        # A ledger that could not keep the answer is no cause of its end.
        codes = [reason.code for reason in answer.reasons if reason.component != "ledger"]
        code = codes[-1] if codes else "llm_unavailable"
        error = Unavailable("The answer broke off and is not complete.", code=code)
        return _data(
            {
                **msgspec.to_builtins(error_envelope(problem_of(error, self._trace_id))),
                "kotaemon": provenance_of(answer),
            }
        )


def _data(body: object) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"
