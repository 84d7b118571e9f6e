"""What is asked, and what is heard on the way to an answer."""

from dataclasses import dataclass, field

from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.answers.settings import AnswerLanguage, AnswerLength
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import Answer, Passage, Reason


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, who asks it, where to look, and how long it may take.

    `collection` is what the caller calls it; without one and without documents all is meant that he may read.
    `history` holds earlier questions and answers in order, for callers that keep them themselves; otherwise
    they are those of the conversation, before the answer that this one `replaces`. `wishes` are what the
    caller's program says to a model as the system. A `fresh` answer is no cached one, nor another's; where a
    `whole` one is wanted, another takes the place of one that breaks off.
    `length` and `language` are as the settings say where he does not, and `link` names the model to be asked
    first.
    """

    question: str
    caller: Caller
    collection: str | None = None
    document_ids: tuple[str, ...] = ()
    conversation_id: str | None = None
    deadline_s: float | None = None
    history: tuple[tuple[str, str], ...] = ()
    wishes: str = ""
    replaces: str | None = None
    fresh: bool = False
    whole: bool = False
    answer_id: str | None = None
    length: AnswerLength | None = None
    language: AnswerLanguage = ""
    link: str | None = None


@dataclass(frozen=True, slots=True)
class PassagesFound:
    """What the answer will rest on, and what was missing while looking; `sources` hold the same passages."""

    passages: tuple[Passage, ...]
    degraded: tuple[Reason, ...]
    sources: tuple[Source, ...] = field(default=(), compare=False, repr=False)


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
