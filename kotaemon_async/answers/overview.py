"""Summaries and main points of one document, made of its own sentences: "summarize the report on Harvard".

Sentences count by how near they are to the middle of the document, by the words that come back in it, and
by where they stand: the first of the document, and those that open a section. Source: Radev et al.,
"Centroid-based summarization of multiple documents", 2004.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Protocol

import anyio
import anyio.to_thread
import numpy as np
from loguru import logger
from numpy.typing import NDArray

from kotaemon_async.answers import phrases
from kotaemon_async.answers.apart import heads_details, stands_alone
from kotaemon_async.answers.composition import DANGLING, LONGEST, LONGEST_CJK, composed, tidy, windowed
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.follow_up import Histories
from kotaemon_async.answers.llm.base import Deadline, Overview, Quote
from kotaemon_async.answers.selection import Candidate, candidates, is_cjk
from kotaemon_async.answers.sources import Documents, Source, verified
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Found, Mode, Passage, Scope
from kotaemon_async.stores.documents import Named, Shelf

#: Passages of a long document that are looked at: its beginning, and others evenly.
_LOOKED_AT: Final = 60
#: Sentences that are embedded; about 9 ms each.
_EMBEDDED: Final = 16
_EMBEDDING_AT_MOST_S: Final = 2.0
#: What is shown has at most so many characters, and so many points as a list.
ROOM: Final = 600
ROOM_CJK: Final = 200
_POINTS: Final = 6
#: Shorter sentences say too little, longer ones leave no room for others.
_LENGTHS: Final = (30, 420)
_LENGTHS_CJK: Final = (10, 160)
#: What a whole sentence begins and ends with; addresses and numbers of a file are no contents.
_WHOLE: Final = re.compile(r"[^\W_a-z].*[.。!！?？…][\"'”’」』）)]*(?:\s?\[[\d, –-]+\])*$", re.DOTALL)
_ADDRESS: Final = re.compile(r"https?:|www\.|@", re.IGNORECASE)
#: A thing of one common word was named before, if the title does not name it: The agreement stipulated…
_THE_ONE: Final = re.compile(r"The ([a-z]+) (?:was|were|is|are|has|had|have|would|will|[a-z]{3,}ed)\b")
#: What the first sentence of the document, and of a section, has ahead of others.
_OPENS_DOCUMENT: Final = 1.0
_OPENS_SECTION: Final = 0.3
#: What a sentence has behind others that begins with "it", "however" and the like.
_POINTS_BACK: Final = 0.4
#: ...and one of how something was done, or of the end of a paper; one of a passage that has one already.
_DETAILS: Final = 0.6
_SAME_PASSAGE: Final = 0.2
#: How much a sentence loses that resembles one that was taken, and from when on it says the same.
_AGAIN: Final = 0.7
_SAME: Final = 0.75
#: Documents whose names are compared with what is asked for, and named when it has to be asked which.
_COMPARED: Final = 2_000
_OFFERED: Final = 5
#: A document's only subject has a short name; what is longer is a question about something in it.
_NAME_TERMS: Final = 3

_POLITE: Final = r"^(?:please|can you|could you|would you|i(?:'d| would) like|i want|i need|just|[\s,])*"
_WRITTEN: Final = r"(?:documents?|files?|papers?|reports?|articles?|texts?|pdfs?|books?|manuals?)"
_WRITTEN_ZH: Final = r"(?:文[档檔件章]|全文|本文|[论論]文|[报報]告|[资資材]料|[书書]|手[册冊])"
_SUMMARY: Final = re.compile(
    _POLITE + r"(?:(?:(?:give me|write|make|show me|provide|create)(?: me)? )?(?:a|an|the)? ?(?:(?:short"
    r"|brief|quick|concise"
    r"|one-paragraph) )*(?:summary|overview|synopsis|tl;?dr)(?: (?:of|for|on|about))?|summari[sz]e|sum up"
    r"|recap)\b[:\s]*"
    r"(?P<subject>.*)$",
    re.IGNORECASE,
)
_MAIN_POINTS: Final = re.compile(
    _POLITE + r"(?:list|give(?: me)?|what are|show(?: me)?|extract|tell me|name)(?: (?:me|the|all"
    r"|some))* (?:(?:main|key|most"
    r" important|central|major|important) )+(?:points?|ideas?|topics?|facts?|findings?|takeaways?"
    r"|themes?)\b"
    r"(?: (?:of|in|from|made in|covered (?:in|by)))?(?P<subject>.*)$",
    re.IGNORECASE,
)
_ABOUT: Final = re.compile(
    r"^(?:what(?:['’]s| is| are)(?P<subject>.+?) about|what (?:does|do)(?P<covers>.+?) (?:cover|deal with"
    r"|contain|talk about))$",
    re.IGNORECASE,
)
_SUMMARY_ZH: Final = re.compile(
    r"^(?:请|請|帮我|幫我|给我|給我|麻烦|[，,\s])*(?:把|将)?(?:总结|總結|概括|概述|归纳|歸納|简述|簡述"
    r"|梳理)(?:一下|下)?"
    r"(?P<subject>.*?)(?:的?(?:主要|核心)?(?:内容|內容|大意|情况|情況))?$"
    r"|^(?:请|帮我|给我)*(?:把|对|给|为)?(?P<done>.+?)(?:做个|做一个|做一下|进行|写个|写一个"
    r"|给个)(?:简单的?|简短的?)?(?:总结|概括|摘要|概述)$"
    r"|^(?P<of>.+?)的(?:摘要|概要|概述|总结|總結|主要内容|主要內容|大意|中心思想)(?:是什么|是什麼)?$"
)
_MAIN_POINTS_ZH: Final = re.compile(
    r"^(?:请|請|帮我|幫我|给我|給我)*(?:列出|列举|列舉|给出|給出|说说|提取|总结"
    r"|归纳)(?:一下)?(?P<subject>.*?)的?(?:主要|关键|關鍵|核心|重要)*(?:要点|要點|论点|观点|重点)$"
    r"|^(?P<of>.+?)的?(?:主要|关键|核心|重要)*(?:要点|要點|论点|观点|重点)(?:是什么|是什麼|有哪些"
    r"|是哪些)$"
)
_ABOUT_ZH: Final = re.compile(
    r"^(?P<subject>.+?)(?:主要|大概|都|里面|里)*(?:讲了什么|講了什麼|讲的是什么|讲什么|讲了些什么|说了什么"
    r"|说的是什么|是关于什么的|是關於什麼的|写了什么|介绍了什么|的?内容是什么)$"
)
_FORMS: Final = (
    ("points", _MAIN_POINTS, False),
    ("points", _MAIN_POINTS_ZH, False),
    ("summary", _SUMMARY, False),
    ("summary", _SUMMARY_ZH, False),
    ("summary", _ABOUT, True),
    ("summary", _ABOUT_ZH, True),
)
#: Words in front of and behind what a document is called.
_CALLED: Final = re.compile(
    rf"^(?:(?:the|my|our|this|that|your|whole|entire|attached|uploaded) )*{_WRITTEN}\b(?![.\w-])"
    rf"(?: (?:called|named"
    rf"|titled|entitled|about|on|of|with"
    rf"|that is about))?\s*|\s+{_WRITTEN}$"
    rf"|^(?:这|這|那|该|此|本)?(?:一)?[份个個篇本部]?{_WRITTEN_ZH}(?!.)|^(?:关于|關於|有关)|的?(?:这"
    rf"|那)?[份个篇本部]?{_WRITTEN_ZH}$",
    re.IGNORECASE,
)
_UNNAMED: Final = re.compile(
    r"^(?:it|this|that|these|them|all|everything|all of (?:it|them)|the|for me|here|它|这个|這個|这|这里"
    r"|这些|全部|所有|一下)?$",
    re.IGNORECASE,
)
_EXTENSION: Final = re.compile(r"\.(?:pdf|txt|md|html?|docx?|xlsx?|pptx?)\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"^[《〈「『“\"'‘]+|[》〉」』”\"'’]+$")


@dataclass(frozen=True, slots=True)
class OverviewRequest:
    """What a question wants of a document: a summary or its main points.

    `subject` is what it calls the document, empty for "this document"; `must_name` says that it is an
    ordinary question unless that is a document's name; `is_document` that it calls it a document.
    """

    points: bool
    subject: str
    must_name: bool = False
    is_document: bool = False


@dataclass(frozen=True, slots=True)
class Summarized:
    """A document's best sentences, and the passages that they stand in."""

    document_name: str
    sources: tuple[Source, ...]
    overview: Overview


class DocumentShelves(Documents, Protocol):
    """The part of the ledger that finds documents by name and gives their passages in order."""

    async def shelf(self, scope: Scope, limit: int) -> Shelf: ...
    async def named(self, scope: Scope, limit: int) -> list[Named]: ...
    async def passages_across(self, document_id: str, limit: int) -> list[Passage]: ...


class Searches(Protocol):
    """The part of Retrieval that finds what a document is about."""

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found: ...


class SentenceVectors(Protocol):
    """The part of the embedder that tells how near sentences are to each other."""

    @property
    def calibrated(self) -> bool: ...
    async def embed_sentences(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def request_of(question: str) -> OverviewRequest | None:
    """Return what a question wants of a document as a whole; None for any other question.

    >>> request_of("Summarize the document about Harvard.")
    OverviewRequest(points=False, subject='Harvard', must_name=False, is_document=True)
    """
    plain = question.strip().rstrip("?？.。!！ ")
    for form, pattern, must_name in _FORMS:
        if match := pattern.match(plain):
            return _request(form == "points", match, must_name=must_name)
    return None


def _request(points: bool, match: re.Match[str], *, must_name: bool) -> OverviewRequest | None:
    subject = next((part for part in match.groupdict().values() if part is not None), "").strip(" ,，:：")
    subject = re.sub(r"[\s,，]+(?:please|thanks)$", "", subject, flags=re.IGNORECASE)
    called = _CALLED.sub("", subject).strip()
    name = _QUOTED.sub("", called)
    is_document = called != subject or name != called
    if _UNNAMED.match(name) is None:
        return OverviewRequest(points, name, must_name, is_document)
    # "What is it about?" may be about anything.
    return None if must_name and not is_document else OverviewRequest(points, "", is_document=True)


class Overviews:
    """Finds the document that a question wants as a whole, and chooses the sentences that sum it up."""

    def __init__(
        self,
        documents: DocumentShelves,
        searches: Searches,
        conversations: Histories,
        embedder: Callable[[], SentenceVectors] | None = None,
    ) -> None:
        """Choose sentences by words alone without an embedder."""
        self._documents = documents
        self._searches = searches
        self._conversations = conversations
        self._embedder = embedder

    async def summarized(
        self, request: OverviewRequest, ask: Ask, scope: Scope, deadline: Deadline
    ) -> Summarized | None:
        """Return the sentences of the document that is meant; None when that cannot be told.

        Raises: Unavailable.
        """
        document = await self._document(request, ask, scope)
        if document is None:
            return None
        passages = await self._documents.passages_across(document.id, _LOOKED_AT)
        sources = await verified(self._documents, passages)
        offered = await anyio.to_thread.run_sync(_offered, sources)
        if not offered:
            return None
        values, vectors = await self._values(offered, deadline)
        shown = await anyio.to_thread.run_sync(_chosen, offered, values, vectors)
        return _summarized(document.name, request, shown, sources)

    async def which(self, question: str, scope: Scope) -> str:
        """Return the question which document is meant, with the names of some."""
        shelf = await self._documents.shelf(scope, _OFFERED)
        return phrases.which_document(question, shelf.names, shelf.ready)

    async def _document(self, request: OverviewRequest, ask: Ask, scope: Scope) -> Named | None:
        known = await self._documents.named(scope, _COMPARED)
        if request.subject:
            found = by_name(request.subject, known)
            return found or await self._by_subject(request, scope, known)
        if len(known) == 1:
            return known[0]
        return await self._last_cited(ask, known)

    async def _by_subject(
        self, request: OverviewRequest, scope: Scope, known: Sequence[Named]
    ) -> Named | None:
        """Return the document that a search finds, if its title is the subject, or a document is meant."""
        asked = set(text.query_terms(request.subject))
        found = (await self._searches.search(request.subject, scope, top_k=_OFFERED)).passages
        first = next((one for one in found if _may_be_about(one, request.subject, asked)), None)
        if first is None:
            return None
        kept = await self._documents.sentences([first.id])
        title = kept[first.id].title if first.id in kept else ""
        is_title = bool(title) and asked <= set(text.terms(title))
        is_only = len(known) == 1 and not request.must_name and len(asked) <= _NAME_TERMS
        is_meant = is_title or request.is_document or is_only
        return Named(first.document_id, first.document_name) if is_meant else None

    async def _last_cited(self, ask: Ask, known: Sequence[Named]) -> Named | None:
        """Return the document that the conversation's last answer rests on."""
        if ask.conversation_id is None:
            return None
        turns = await self._conversations.turns(ask.conversation_id, ask.caller, _OFFERED, ask.replaces)
        cited = [one.document_id for turn in reversed(turns) for one in turn.answer.citations[:1]]
        return next((one for one in known if cited and one.id == cited[0]), None)

    async def _values(
        self, offered: Sequence[Candidate], deadline: Deadline
    ) -> tuple[dict[int, float], Mapping[int, NDArray[np.float32]]]:
        """Return the value of the best candidates, by index, and their vectors where there are any."""
        words = await anyio.to_thread.run_sync(_by_words, offered)
        best = sorted(words, key=lambda at: (-words[at], at))[:_EMBEDDED]
        values = {at: words[at] for at in best}
        embedder = self._embedder() if self._embedder is not None else None
        if embedder is None or not embedder.calibrated:
            return values, {}
        try:
            with anyio.fail_after(min(_EMBEDDING_AT_MOST_S, deadline.left_s() / 2)):
                vectors = await embedder.embed_sentences([offered[at].embedded_text for at in best])
        except (Unavailable, TimeoutError) as error:
            code = error.code if isinstance(error, Unavailable) else "timeout"
            logger.bind(component="embedder", code=code).warning("sentences_not_embedded")
            return values, {}
        middle = vectors.mean(axis=0)
        near = _spread([float(vector @ middle) for vector in vectors])
        values = {at: values[at] + share for at, share in zip(best, near, strict=True)}
        return values, dict(zip(best, vectors, strict=True))


def by_name(subject: str, known: Sequence[Named]) -> Named | None:
    """Return the document whose name stands in the subject, or the only one whose name has all its words."""
    wanted, words = _plain(subject), set(text.query_terms(_plain(subject)))
    inside = [one for one in known if (stem := _plain(_stem(one.name))) and f" {stem} " in f" {wanted} "]
    inside += [one for one in known if len(_plain(_stem(one.name))) > 2 and _plain(_stem(one.name)) in wanted]
    if inside:
        return max(inside, key=lambda one: len(one.name))
    holding = [one for one in known if words and words <= set(text.terms(_plain(_stem(one.name))))]
    return holding[0] if len(holding) == 1 else None


def _may_be_about(passage: Passage, subject: str, asked: set[str]) -> bool:
    """Return whether a passage names most of the subject, or is in a language that has other words for it."""
    held = asked & set(text.terms(f"{passage.document_name} {passage.text}"))
    return len(held) * 2 > len(asked) or is_cjk(passage.text) != is_cjk(subject)


def summed_up(question: str, overview: Overview, sources: Sequence[Source]) -> tuple[str, tuple[Quote, ...]]:
    """Return a summary in one paragraph, or points as a list, with the quote behind each marker."""
    wanted = {place: rank for rank, place in enumerate(overview.shown)}
    shown = sorted(
        (one for one in candidates(sources) if (one.source, one.at) in wanted),
        key=lambda one: wanted[one.source, one.at],
    )
    if not overview.points:
        said, quotes = composed(question, shown, sources, {})
        head = f"**{overview.title}**{'：' if is_cjk(said) else ': '}"
        return (said if said.startswith(head) else head + said), quotes
    lines = [f"- {_point(one)}{'' if one.is_cjk else ' '}[{number}]" for number, one in enumerate(shown, 1)]
    quotes = tuple(Quote(number, one.source, one.sentence.places) for number, one in enumerate(shown, 1))
    return "\n".join(lines), quotes


def _point(one: Candidate) -> str:
    said, heading = windowed(tidy(one.sentence.text), {}), tidy(one.sentence.heading)
    if not heading or len(heading) > 60 or heading.casefold() in said.casefold():
        return said
    return f"**{heading}**{'：' if is_cjk(said) else ': '}{said}"


def _summarized(
    name: str, request: OverviewRequest, shown: Sequence[Candidate], sources: Sequence[Source]
) -> Summarized:
    """Return what is shown with the passages that it stands in, in the document's order."""
    used = sorted({one.source for one in shown})
    title = tidy(sources[used[0]].title) or _stem(name)
    places = tuple((used.index(one.source), one.at) for one in shown)
    return Summarized(name, tuple(sources[at] for at in used), Overview(request.points, title, places))


def best_sentences(offered: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return the whole sentences that sum up a document by their words and places, in its order."""
    fit = [one for one in offered if _is_fit(one)]
    return _chosen(fit, _by_words(fit), {}, most) if fit else []


def can_open(one: Candidate) -> bool:
    """Return whether a sentence can be read without the one before it."""
    said = tidy(one.sentence.text)
    named = _THE_ONE.match(said)
    is_known = named is None or not one.context.isdisjoint(text.terms(named[1]))
    return is_known and DANGLING.match(said) is None and stands_alone(said, is_cjk=one.is_cjk)


def _is_fit(one: Candidate) -> bool:
    least, most = _LENGTHS_CJK if one.is_cjk else _LENGTHS
    said = one.sentence.text
    is_whole = _WHOLE.match(said.lstrip("\"'“‘「『（(《〈")) is not None and _ADDRESS.search(said) is None
    is_sentence = one.sentence.kind == "sentence" and not (one.is_apart or one.is_title)
    return is_sentence and is_whole and least <= len(said) <= most


def _by_words(offered: Sequence[Candidate]) -> dict[int, float]:
    """Return the value of each candidate by its words and its place, as far as that goes without vectors."""
    content = [[term for term in dict.fromkeys(one.terms) if term not in text.STOPWORDS] for one in offered]
    counts = Counter(chain.from_iterable(content))
    returning = [
        sum(counts[term] - 1 for term in terms) / (len(terms) + 3) if terms else 0.0 for terms in content
    ]
    spread = _spread(returning)
    values: dict[int, float] = {}
    for at, one in enumerate(offered):
        opens = at == 0 or one.sentence.heading != offered[at - 1].sentence.heading
        ahead = _OPENS_DOCUMENT if at == 0 else _OPENS_SECTION if opens else 0.0
        behind = _DETAILS if heads_details(one.sentence.heading) else 0.0
        values[at] = spread[at] + ahead - behind - (0.0 if can_open(one) else _POINTS_BACK)
    return values


def _spread(values: Sequence[float]) -> list[float]:
    """Return the values moved and stretched to reach from 0 to 1."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]


def _offered(sources: Sequence[Source]) -> list[Candidate]:
    """Return the sentences that are fit for a summary, or all where none is."""
    found = candidates(sources)
    return [one for one in found if _is_fit(one)] or found


def _chosen(
    offered: Sequence[Candidate],
    values: Mapping[int, float],
    vectors: Mapping[int, NDArray[np.float32]],
    most: int = _POINTS,
) -> list[Candidate]:
    """Return the best sentences that say different things and have room, in the document's order."""
    room = ROOM_CJK if offered[max(values, key=values.__getitem__)].is_cjk else ROOM
    left = dict(values)
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(left, key=lambda at: (left[at], -at))
        del left[best]
        if chosen and sum(_shown_length(offered[at]) for at in (*chosen, best)) > room:
            continue
        chosen.append(best)
        for at in list(left):
            likeness = _likeness(offered[at], offered[best], vectors.get(at), vectors.get(best))
            is_beside = offered[at].source == offered[best].source
            left[at] -= _AGAIN * likeness + (_SAME_PASSAGE if is_beside else 0.0)
            if likeness >= _SAME:
                del left[at]
    return [offered[at] for at in sorted(chosen)]


def _shown_length(one: Candidate) -> int:
    return min(len(one.sentence.text), LONGEST_CJK if one.is_cjk else LONGEST)


def _likeness(
    one: Candidate, two: Candidate, first: NDArray[np.float32] | None, second: NDArray[np.float32] | None
) -> float:
    """Return how much of the same two sentences say, 0 to 1."""
    shared = set(one.terms) & set(two.terms)
    by_words = len(shared) / min(len(set(one.terms)), len(set(two.terms)))
    return by_words if first is None or second is None else max(by_words, float(first @ second))


def _stem(name: str) -> str:
    return re.sub(r"\.\w{1,5}$", "", name)


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\W_]+", text.normalized(_EXTENSION.sub("", name)))).strip()
