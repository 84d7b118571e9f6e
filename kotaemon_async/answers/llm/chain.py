"""The answer chain: links in order, the first that can gives the answer; models stand behind a guard."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from kotaemon_async.answers import quotes
from kotaemon_async.answers.llm import phrases
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Link, NothingToSay, Piece, Prompt, Quote
from kotaemon_async.answers.llm.extractive import Picked, best_sentences
from kotaemon_async.answers.llm.guard import LinkState
from kotaemon_async.answers.llm.guarded import GuardedLink, Timing
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Passage, ServedBy
from kotaemon_async.telemetry import traces

#: Kept back for the links that follow, so that a model that hangs cannot use up the whole deadline.
_RESERVE_S = 2.0
_RESERVE_SHARE = 0.25
_MODELS: frozenset[ServedBy] = frozenset({"primary", "local"})
_TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Moved:
    """A link failed; `target` is the next one, None when there is no other."""

    source: Link
    target: Link | None
    error: Unavailable
    text_was_sent: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A link gave a whole answer."""

    link: Link
    finish: Finish


class Chain:
    """Ordered links; only Unavailable moves to the next one."""

    def __init__(self, links: Sequence[Link], timing: Timing = _TIMING) -> None:
        self.links = tuple(links)
        self._asked = [guarded(one, timing) for one in links]

    def states(self) -> dict[str, LinkState]:
        """How each model's link stands, by name, in the order of the chain."""
        return {one.name: one.guard.state() for one in self._asked if isinstance(one, GuardedLink)}

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Delta | Moved | Ended]:
        """Deltas of one link, `Moved` whenever another takes over, `Ended` unless all of them failed.

        A link that its guard keeps back moves on at once, with NotAsked as the error.
        """
        for link, asked, target in zip(self.links, self._asked, (*self.links[1:], None), strict=True):
            sent = False
            with traces.child_span(f"link {link.name}", link=link.name, served_by=link.served_by):
                try:
                    async with aclosing(asked.stream(prompt, _share(deadline, target))) as pieces:
                        async for piece in pieces:
                            if isinstance(piece, Finish):
                                yield Ended(link, piece)
                                return
                            sent = True
                            yield piece
                    error = Unavailable("the answer ended without a finish", code="llm_unavailable")
                except Unavailable as raised:
                    error = raised
                if not isinstance(error, NothingToSay):
                    traces.mark_failed(error.code)
            yield Moved(link, target, error, sent)


def guarded(link: Link, timing: Timing = _TIMING) -> Link:
    """The link behind a guard, if it is a model's; chains that share a link have to share its guard, too."""
    if link.served_by not in _MODELS or isinstance(link, GuardedLink):
        return link
    return GuardedLink(link, timing)


def _share(deadline: Deadline, target: Link | None) -> Deadline:
    if target is None:
        return deadline
    return deadline.earlier(min(_RESERVE_S, deadline.left_s() * _RESERVE_SHARE))


class ExtractiveLink:
    """The best sentences of the best passages, word for word, each with its marker; needs no model."""

    name = "extractive"
    served_by: ServedBy = "extractive"

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:  # noqa: ARG002
        """One Delta with the whole text, and its quotes in the Finish."""
        text, found = compose(prompt.passages, best_sentences(prompt.question, prompt.passages))
        yield Delta(text or phrases.nothing_found(prompt.question))
        yield Finish(quotes=found)


def compose(passages: Sequence[Passage], picked: Sequence[Picked]) -> tuple[str, tuple[Quote, ...]]:
    """A readable text with markers from 1 on, and the quote behind each marker.

    Neighbours on the page share a marker; a sentence that does not stand in its passage is left out.
    """
    parts: list[str] = []
    found: list[Quote] = []
    previous = (-1, 0, 0)  # passage, start of its quote, end of the last sentence
    for pick in picked:
        passage = passages[pick.passage].text
        place = quotes.span(passage, pick.text)
        if place is None:
            continue
        start, end = place
        if previous[0] == pick.passage and start >= previous[2] and not passage[previous[2] : start].strip():
            start = previous[1]
            found.pop()
        marker = len(found) + 1
        found.append(Quote(marker, pick.passage, passage[start:end]))
        parts.append(_sentence(passage[place[0] : end], marker))
        previous = (pick.passage, start, end)
    return _joined(parts), tuple(found)


def _sentence(text: str, marker: int) -> str:
    return f"{one_line(text)}{'' if phrases.is_chinese(text) else ' '}[{marker}]"


def _joined(parts: Sequence[str]) -> str:
    text = ""
    for part in parts:
        text += part if not text or phrases.is_chinese(part[0]) else f" {part}"
    return text


def one_line(text: str) -> str:
    """The text without line breaks; between Chinese characters nothing takes their place."""
    line = ""
    for word in text.split():
        joins_chinese = line and phrases.is_wide(line[-1]) and phrases.is_wide(word[0])
        line += word if not line or joins_chinese else f" {word}"
    return line
