"""A model server's reply as it comes: which words are the answer, how it ended, what it cost.

Neither the SDK nor a server is trusted in the shape of a chunk: anything may be missing, or of another kind.
"""

from typing import TYPE_CHECKING, Final, Literal

from kotaemon_async.answers.llm.base import Finish, ProviderFailed
from kotaemon_async.answers.llm.thoughts import ThoughtFilter
from kotaemon_async.answers.quotes import MarkerFilter
from kotaemon_async.domain.model import Usage
from kotaemon_async.telemetry import traces

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk

#: Fields of a chunk that hold thoughts; they show that a model is alive, and are read by nobody.
_THOUGHT_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_details", "thinking", "thoughts")
#: Ends of an answer: the model's own, and its limit of tokens.
_ENDS: Final = ("stop", "length")


class Reply:
    """What came so far of one answer; `news` is what the last chunk brought."""

    def __init__(self) -> None:
        self.began = False
        self.reason: str | None = None
        self.news: Literal["nothing", "token", "end"] = "nothing"
        self._usage: Usage | None = None
        self._is_odd = False

    def take(self, chunk: "ChatCompletionChunk") -> str:
        """Return the text of a chunk."""
        self.news = "nothing"
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self._usage = Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices:
            self._is_odd = self._is_odd or choices != []
            return ""
        delta = getattr(choices[0], "delta", None)
        text = _content(delta)
        if text or any(getattr(delta, name, None) for name in _THOUGHT_FIELDS):
            self.began, self.news = True, "token"
        reason = getattr(choices[0], "finish_reason", None)
        if self.reason is None and reason and isinstance(reason, str):
            self.reason, self.news = reason, "end"
        return text

    def finish(self, *, has_words: bool) -> Finish:
        """Return the end of a whole answer; raises ProviderFailed when it is none."""
        if self.reason is None:
            raise ProviderFailed(
                "the model's answer was cut: no finish_reason came", transient=not self._is_odd
            )
        if self.reason == "content_filter":
            raise ProviderFailed("the model server withheld its answer", fault="nobody")
        if self.reason not in _ENDS:
            raise ProviderFailed("the model's answer ended with another finish_reason than stop and length")
        if not has_words:
            raise ProviderFailed(
                "the model used its tokens up before an answer"
                if self.reason == "length"
                else "the model's answer is empty"
            )
        return Finish(self._usage, cut=self.reason == "length")


class AnswerWords:
    """The words of the answer out of a model's text piece by piece.

    Without thoughts, without markers above `highest` if there is one, without white space before the first
    word, and with whole characters only. `is_void` turns true when all that was returned before the last call
    has proved to be thoughts, and `has_thoughts` when there were any.
    """

    def __init__(self, highest: int | None) -> None:
        self.has_words = False
        self._highest = highest
        self._half = ""
        self._thoughts = ThoughtFilter()
        self._markers = _markers(highest)

    @property
    def is_void(self) -> bool:
        """Return whether the last piece made all words before it void."""
        return self._thoughts.is_void

    @property
    def has_thoughts(self) -> bool:
        """Return whether thoughts were left out."""
        return self._thoughts.has_thoughts

    def feed(self, text: str) -> str:
        """Return the words that can be shown."""
        text = self._half + text
        # A proxy that counts in UTF-16 may cut a character in two.
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        whole = text[: len(text) - len(self._half)]
        return self._shown(self._thoughts.feed(_with_whole_characters(whole)))

    def rest(self) -> str:
        """Return what was held back."""
        shown = self._shown(self._thoughts.feed(_with_whole_characters(self._half)) + self._thoughts.rest())
        return shown + self._begun("" if self._markers is None else self._markers.rest())

    def _shown(self, text: str) -> str:
        if self.is_void:
            self._markers, self.has_words = _markers(self._highest), False
        return self._begun(text if self._markers is None else self._markers.feed(text))

    def _begun(self, text: str) -> str:
        text = text if self.has_words else text.lstrip()
        self.has_words = self.has_words or bool(text)
        return text


def _markers(highest: int | None) -> MarkerFilter | None:
    return None if highest is None else MarkerFilter(highest)


def _with_whole_characters(text: str) -> str:
    """Return the text with both halves of a character joined, and a sign in place of a lone half."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def usage_attributes(usage: Usage | None) -> dict[str, traces.Attribute]:
    """Return what a span says about the tokens of a call."""
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
    }


def _content(delta: object) -> str:
    """Return the text of a delta; some servers send it in typed parts, of which thoughts are others."""
    content = getattr(delta, "content", None)
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(str(part.get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


def _count(usage: object, name: str) -> int:
    value = getattr(usage, name, 0)
    return value if isinstance(value, int) else 0
