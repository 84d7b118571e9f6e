"""Static knowledge: questions and answers that the operator keeps in a file, for when nothing else answers.

The file is YAML or Markdown. It is looked at again when it has changed; a wrong one leaves the last good one
in use. Nothing but memory is needed to answer from it, so it works with every store down.

YAML is a list of entries with `question`, `answer` and, if wanted, `aliases`. In Markdown a heading of level
two is a question, a line `Also: other wording; another` below it holds aliases, and the text up to the next
heading is the answer.
"""

import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import anyio
import anyio.to_thread
import msgspec
import yaml
from loguru import logger

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, NoAnswer, Piece, Prompt
from kotaemon_async.domain import text
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.telemetry.health import Health

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_ENTRIES: Final = 2000
#: What a question has to share with an entry's wording; below it, no answer is better than a wrong one.
_ENOUGH: Final = 0.6
#: A wording that stands whole inside a longer question counts this much.
_WHOLE: Final = 0.75
_MARKDOWN: Final = frozenset({".md", ".markdown"})
_HEADING: Final = re.compile(r"^##[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_ALIASES: Final = re.compile(r"\A\s*(?:Also|Aliases|又问|别名)\s*[:：]\s*(.+)$", re.MULTILINE | re.IGNORECASE)

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
_Wording = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kept answer and the wordings of its question."""

    question: _Wording
    answer: _Text
    aliases: tuple[_Wording, ...] = ()


class KnowledgeError(Exception):
    """The file cannot be used; the message says where and why, without its text."""


@dataclass(frozen=True, slots=True)
class Match:
    """The entry that fits a question and how well, between 0 and 1."""

    entry: Entry
    score: float


class WordingIndex:
    """Entries by the terms of their wordings, segmented as documents and questions are."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = tuple(entries)
        self._wordings = [
            (entry, frozenset(text.query_terms(wording)))
            for entry in entries
            for wording in (entry.question, *entry.aliases)
        ]
        counts = Counter(term for _, terms in self._wordings for term in terms)
        self._idf = {term: math.log(1 + len(self._wordings) / count) for term, count in counts.items()}
        self._unknown = math.log(1 + len(self._wordings))

    def find(self, question: str) -> Match | None:
        """Return the best entry that fits well enough, the first one of equals."""
        asked = frozenset(text.query_terms(question))
        best: Match | None = None
        for entry, wording in self._wordings:
            score = self._score(asked, wording)
            if score >= _ENOUGH and (best is None or score > best.score):
                best = Match(entry, score)
        return best

    def _score(self, asked: frozenset[str], wording: frozenset[str]) -> float:
        """Return shared weight over all weight (Dice), rare terms more; more for a whole wording."""
        shared = self._weight(asked & wording)
        if not shared:
            return 0.0
        dice = 2 * shared / (self._weight(asked) + self._weight(wording))
        return max(dice, _WHOLE) if len(wording) > 1 and wording <= asked else dice

    def _weight(self, terms: Iterable[str]) -> float:
        return sum(self._idf.get(term, self._unknown) for term in terms)


class Knowledge:
    """The file as it was when it was last good."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._index = WordingIndex(())
        #: Why the file as it is now is not in use; None while it is.
        self.problem: str | None = None

    async def watch(self, *, every_s: float, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Look at the file for ever, off the event loop."""
        while True:
            await anyio.to_thread.run_sync(self.refresh)
            await sleep(every_s)

    @property
    def entries(self) -> int:
        """Return how many entries are in use."""
        return len(self._index.entries)

    def register_in(self, health: Health) -> None:
        """Add how the file is to the report."""
        health.register("knowledge", self.check)

    async def check(self) -> dict[str, object]:
        """Return how many entries are in use and, with a `code`, what is wrong with the file as it is now."""
        found: dict[str, object] = {"entries": self.entries}
        return {**found, "code": "misconfigured", "message": self.problem} if self.problem else found

    def find(self, question: str) -> Match | None:
        """Return the kept answer that fits the question."""
        return self._index.find(question)

    def refresh(self) -> bool:
        """Return whether the file had changed and is in use now; call it off the event loop."""
        if self._path is None:
            return False
        try:
            seen = _mark(self._path)
            if seen == self._seen:
                return False
            self._seen = seen
            self._index = WordingIndex(load(self._path))
        except KnowledgeError as error:
            if self.problem != str(error):
                logger.bind(component="static_knowledge", entries=self.entries).warning("knowledge_refused")
            self.problem = str(error)
            return False
        self.problem = None
        logger.bind(component="static_knowledge", entries=self.entries).info("knowledge_loaded")
        return True


class KnowledgeProvider:
    """The kept answer whose question fits; needs neither a model nor a store."""

    name = "static_knowledge"
    served_by: ServedBy = "static_knowledge"

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:  # noqa: ARG002
        """Yield one Delta with the answer, which cites nothing; raises NoAnswer when no entry fits."""
        match = self._knowledge.find(prompt.question)
        if match is None:
            raise NoAnswer("no kept answer fits the question", code="not_found")
        yield Delta(match.entry.answer)
        yield Finish(quotes=())


def load(path: Path) -> list[Entry]:
    """Return the file's entries in its order; raises KnowledgeError."""
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_FILE_BYTES:
            raise KnowledgeError(f"{path} has {size_bytes} bytes; {MAX_FILE_BYTES} are allowed.")
        content = path.read_text("utf-8-sig")
    except OSError as error:
        raise KnowledgeError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise KnowledgeError(f"{path} is not UTF-8 text.") from None
    entries = _of_markdown(content, path) if path.suffix.lower() in _MARKDOWN else _of_yaml(content, path)
    return _checked(entries, path)


def _of_yaml(content: str, path: Path) -> list[Entry]:
    try:
        found = yaml.safe_load(content)
        return msgspec.convert(found if found is not None else [], list[Entry])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise KnowledgeError(f"{path} is no YAML{place}.") from None
    except msgspec.ValidationError as error:
        raise KnowledgeError(f"{path}: {error}.") from None
    except RecursionError:
        raise KnowledgeError(f"{path} is nested too deeply.") from None


def _of_markdown(content: str, path: Path) -> list[Entry]:
    headings = list(_HEADING.finditer(content))
    ends = [heading.start() for heading in headings[1:]] + [len(content)]
    entries = []
    for heading, end in zip(headings, ends, strict=True):
        body = content[heading.end() : end]
        also = _ALIASES.match(body)
        aliases = tuple(filter(None, (one.strip() for one in re.split(r"[;；]", also[1])))) if also else ()
        answer = body[also.end() if also else 0 :].strip()
        if not answer:
            line = content.count("\n", 0, heading.start()) + 1
            raise KnowledgeError(f"{path}: the question in line {line} has no answer.")
        entries.append(Entry(heading[1].strip(), answer, aliases))
    return entries


def _checked(entries: list[Entry], path: Path) -> list[Entry]:
    if len(entries) > MAX_ENTRIES:
        raise KnowledgeError(f"{path} has {len(entries)} entries; {MAX_ENTRIES} are allowed.")
    for number, entry in enumerate(entries, start=1):
        wordings = (entry.question, *entry.aliases)
        if not entry.answer.strip() or not all(text.query_terms(wording) for wording in wordings):
            raise KnowledgeError(f"{path}: entry {number} has an empty question, alias or answer.")
    return entries


def _mark(path: Path) -> tuple[int, int, int]:
    """Return what changes whenever the file does."""
    try:
        found = path.stat()
    except OSError as error:
        raise KnowledgeError(f"{path} cannot be read: {error.strerror}.") from None
    return found.st_mtime_ns, found.st_size, found.st_ino
