"""What is asked, and what is heard on the way to an answer."""

from dataclasses import dataclass

from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import Answer, Passage, Reason


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, who asks it, where to look, and how long it may take.

    `collection` is what the caller calls it; without one and without documents all is meant that he may read.
    `history` holds earlier questions and answers in order, for callers that keep them themselves; otherwise
    they are those of the conversation. `wishes` are what the caller's program says to a model as the system.
    """

    question: str
    caller: Caller
    collection: str | None = None
    document_ids: tuple[str, ...] = ()
    conversation_id: str | None = None
    deadline_s: float | None = None
    history: tuple[tuple[str, str], ...] = ()
    wishes: str = ""


@dataclass(frozen=True, slots=True)
class PassagesFound:
    """What the answer will rest on, and what was missing while looking."""

    passages: tuple[Passage, ...]
    degraded: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """Forget the text so far: another link starts a whole new answer; `reason` is a code from CODES."""

    link: str
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The whole answer; its text is the one to keep."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Interrupted:
    """No link could finish; `answer` holds what was sent and must not be shown as complete.

    `instead` is the whole answer for those who have seen none of it.
    """

    answer: Answer
    instead: Answer


Event = PassagesFound | Delta | Restart | Done | Interrupted
