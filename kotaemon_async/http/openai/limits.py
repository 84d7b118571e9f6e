"""What a caller allows of a reply: so many tokens, and nothing from a stop sequence on."""

from collections.abc import Sequence
from typing import Literal

from kotaemon_async.domain.tokens import beginning_within, estimated_tokens
from kotaemon_async.http.unlinked import Unlinked


class ReplyLimit:
    """A reply piece by piece, as far as it is allowed; `ended` says what ended it."""

    def __init__(self, max_tokens: int | None, stop: Sequence[str]) -> None:
        self.ended: Literal["length", "stop"] | None = None
        self.max_tokens = max_tokens
        self._stop = stop
        self._shown = self._held = ""
        self._links = Unlinked()

    def feed(self, text: str) -> str:
        """Return what of the text is shown; the beginning of a stop sequence or of a link is held back."""
        return self._taken(self._links.feed(text))

    def _taken(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if self.ended is not None:
            return ""
        places = [place for one in self._stop if (place := text.find(one)) >= 0]
        if places:
            shown = self._within(text[: min(places)])
            self.ended = self.ended or "stop"
            return shown
        kept = max((_overlap(text, one) for one in self._stop), default=0)
        self._held = text[len(text) - kept :]
        return self._within(text[: len(text) - kept])

    def rest(self) -> str:
        """Return what was held back and is no stop sequence."""
        shown = self._taken(self._links.rest())
        held, self._held = self._held, ""
        return shown if self.ended else shown + self._within(held)

    def whole(self, text: str) -> str:
        """Return the text, such as a footnote, only if there is room for all of it."""
        tokens = estimated_tokens(self._shown + text)
        if self.ended or (self.max_tokens is not None and tokens > self.max_tokens):
            return ""
        return self.feed(text) + self.rest()

    def begin_anew(self) -> None:
        """Forget what was shown: a whole new answer follows."""
        self._shown = self._held = ""
        self._links = Unlinked()

    def _within(self, text: str) -> str:
        if self.max_tokens is None:
            return text
        allowed = beginning_within(self._shown + text, self.max_tokens)[len(self._shown) :]
        if len(allowed) < len(text):
            self.ended = "length"
        self._shown += allowed
        return allowed


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text begin the stop sequence."""
    return next(
        (size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0
    )
