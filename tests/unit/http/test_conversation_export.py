"""A conversation that is taken away as Markdown."""

from dataclasses import replace

from kotaemon_async.domain.model import Answer
from kotaemon_async.http.conversation_export import markdown
from kotaemon_async.stores.conversations import Conversation, Turn

WHOLE = Answer("a", "Where is Sund?", "In the north.", "primary", False, (), (), "")


def test_an_answer_that_was_stopped_says_so_and_a_whole_one_does_not() -> None:
    half = replace(WHOLE, answer="In the", complete=False)
    found = markdown(Conversation("c", "Sund", 1.0, 1.0, 2), [Turn(half, 0.0), Turn(WHOLE, 0.0)])
    ends = [line for line in found.splitlines() if line.startswith("*")]
    assert ends == [
        "*1970-01-01T00:00:00.000Z, primary, not complete*",
        "*1970-01-01T00:00:00.000Z, primary*",
    ]
