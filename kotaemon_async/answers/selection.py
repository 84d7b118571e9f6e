"""Which sentences of the found passages answer a question, by their words and their meaning.

A sentence's value is the sum of five parts, each between 0 and about 1 but for the cosine, which differs by
0.1 between a good sentence and a poor one:

    0.5 words + 0.5 words with heading and title + 4 cosine + 0.5 passage + 1 new

`words` is the part of the question's terms in the sentence, terms that few candidates hold counting more;
`passage` the passage's score as a share of the best one's; `new` the part of the sentence's terms that the
question lacks, so that what only repeats the question does not answer it. The surface is flat: half or twice
a weight moves the share of right first sentences by a point or two.
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, chain
from typing import Final

from kotaemon_async.answers import kinds, roles, synonyms, tables
from kotaemon_async.answers.apart import asks_for_it, is_apart, is_label, says_nothing
from kotaemon_async.answers.settings import AnswerLength
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain import text
from kotaemon_async.domain.child_lines import is_point
from kotaemon_async.domain.figures import figures
from kotaemon_async.domain.index_terms import acronyms
from kotaemon_async.domain.model import Sentence
from kotaemon_async.domain.sentences import is_complete
from kotaemon_async.domain.tokens import estimated_tokens

_WORDS: Final = 0.5
_WORDS_IN_CONTEXT: Final = 0.5
_COSINE: Final = 4.0
_PASSAGE: Final = 0.5
_NEW: Final = 1.0
#: What a better neighbour's words count when it is decided which sentences are embedded.
_BESIDE: Final = 0.25
#: How many sentences are embedded for a question, and for one in another language, whose words do not help.
EMBEDDED: Final = 10
EMBEDDED_ACROSS: Final = 12
#: ...and how many tokens they have together at most: it is tokens that take time.
_TOKENS: Final = 420
#: A further sentence is shown while its value is so near to the best one's...
_NEAR: Final = 0.4
#: ...at most so many in all, and none once they have so many characters.
_MOST: Final = 3
ROOM: Final = 600
#: A reader of another language wants less of it.
ROOM_ACROSS: Final = 500
ROOM_CJK: Final = 180
#: How many sentences a short answer shows at most, and how much more than usual a long one does.
_MOST_OF: Final[dict[AnswerLength | None, int]] = {"short": 1, "long": 6}
_LONGER: Final = 2
#: What shares less of the question's words than this part is about something else.
_FAR: Final = 0.5
#: Sentences whose terms stand in the same order to this part say the same.
_ALIKE: Final = 0.8

#: What a line loses that is the title of the sentences below it: their context, and seldom an answer.
_TITLE: Final = 1.0
_TITLE_WORDS: Final = 10
_TITLE_CJK: Final = 20
#: What a sentence gains that tells the kind of thing which is asked for, a reason to why, a year to when...
_TOLD: Final = 0.2
#: ...and what one loses that is no part of what the document says, where that is not asked for.
_APART: Final = 1.0

#: What stands below the names of columns.
_COLUMN_RULE: Final = re.compile(r"^[^\n]*\|[^\n]*\n[ \t|]*:?-{3,}[-:| \t]*(?:\n|$)")
_RULE_CHARS: Final = 200

#: Two words of asking that are no stop words, as they may also be a passage's; Chinese characters that stand
#: between words far more often than in one, so that pairs with them tell nothing.
_ASKING: Final = re.compile(
    r"\bhow (?:many|much)\b|\bdoes the document say about\b"
    r"|[的了是吗嗎呢被把]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A sentence that may be shown: the `at`-th of the `source`-th source, with its index terms.

    `context` holds the terms of its heading and of the document's title, `found` the passage's score as a
    share of the best. Its language is its passage's, as it may be full of foreign names itself. A line that
    is the title of what follows `is_title`, and part of the context there; a caption, a reference or a
    notice `is_apart` from what the document says.
    """

    source: int
    at: int
    sentence: Sentence
    terms: tuple[str, ...]
    context: frozenset[str]
    found: float
    is_cjk: bool
    columns: str = ""
    is_title: bool = False
    is_apart: bool = False

    @property
    def embedded_text(self) -> str:
        """Return the sentence under its heading, as it is embedded; a row with the names of its columns."""
        heading = self.sentence.heading
        said = tables.described(self.columns, self.sentence.text) if self.columns else self.sentence.text
        return f"{heading}: {said}" if heading else said

    @property
    def said(self) -> str:
        """Return the sentence; of a row also its first cells below the names of their columns."""
        if not self.columns:
            return self.sentence.text
        return f"{self.sentence.text}\n{tables.described(self.columns, self.sentence.text)}"

    @property
    def words(self) -> str:
        """Return the sentence below its heading and, of a row, the names of its columns."""
        return "\n".join((self.sentence.heading, self.columns, self.sentence.text))


@dataclass(frozen=True, slots=True)
class _Words:
    """What a candidate shares with the question by its words; `beside` is its better neighbour's share."""

    inside: float
    in_context: float
    beside: float
    new: float


def is_cjk(words: str) -> bool:
    """Return whether a text is to be read as Chinese, Japanese or Korean."""
    return text.cjk_share(words) > 0.3


def asked_terms(question: str) -> list[str]:
    """Return the terms of a question that an answer to it has to do with; a date or amount is one."""
    plain = text.folded(_ASKING.sub(" ", question))
    wholes = list(figures(plain))
    rest = functools.reduce(lambda left, whole: left.replace(whole.written, " ", 1), wholes, plain)
    asked = [*text.query_terms(rest), *(whole.terms[0] for whole in wholes)]
    if all(term in text.STOPWORDS for term in asked):  # What is IT?
        return list(acronyms(question, is_query=True)) or asked
    return list(dict.fromkeys(asked))


def stated_terms(words: str) -> tuple[str, ...]:
    """Return the terms of a text in order, and behind them words in capitals and figures as wholes."""
    wholes = (term for whole in figures(text.folded(words)) for term in whole.terms)
    return (*text.terms(words), *acronyms(words), *wholes)


def candidates(sources: Sequence[Source]) -> list[Candidate]:
    """Return every sentence of the sources that says anything, in the order of the sources."""
    best = max((source.passage.score for source in sources), default=0.0) or 1.0
    found = []
    for number, source in enumerate(sources):
        cjk, score = is_cjk(source.passage.text), source.passage.score / best
        above = ""
        for at, (sentence, columns) in enumerate(zip(source.sentences, tables.columns(source), strict=True)):
            terms = stated_terms(sentence.text)
            context = frozenset(text.terms(f"{sentence.heading} {source.title} {columns} {above}"))
            is_title = _is_title(source, at)
            above = sentence.text if is_title else above
            if len(terms) > 1 and not says_nothing(sentence.text):
                is_caption = at > 0 and is_label(source.sentences[at - 1].text)
                marks = (columns, is_title, not columns and (is_caption or is_apart(sentence.text)))
                found.append(Candidate(number, at, sentence, terms, context, score, cjk, *marks))
    return found


def _is_title(source: Source, at: int) -> bool:
    """Return whether a sentence is a short line without a stop in front of a whole sentence.

    Or the names of the columns of a table that is drawn with bars.
    """
    one, following = source.sentences[at], source.sentences[at + 1 : at + 2]
    place = one.places[-1]
    rule = _COLUMN_RULE.match(source.pages[place.page][place.start : place.stop + _RULE_CHARS])
    if rule is not None and rule.end() >= place.stop - place.start:
        return True
    if not following or one.kind == "row" or is_complete(one.text) or re.search(r"[:：=|,，]", one.text):
        return False
    is_short = len(one.text) <= _TITLE_CJK if is_cjk(one.text) else len(one.text.split()) <= _TITLE_WORDS
    end, begin = one.places[-1], following[0].places[0]
    is_line = end.page != begin.page or "\n" in source.pages[end.page][end.stop : begin.start]
    return is_short and is_line and is_complete(following[0].text) and not is_point(one.text)


class Selection:
    """The candidates of one language for one question."""

    def __init__(self, question: str, offered: Sequence[Candidate], *, is_second: bool = False) -> None:
        """Weigh candidates, which are of another language where some of the question's own come first."""
        self.is_second = is_second
        self.question = question
        self.candidates = list(offered)
        self._words = _shared(question, self.candidates)
        self._apart = 0.0 if asks_for_it(question) else _APART
        self._places = {(one.source, one.at): at for at, one in enumerate(self.candidates)}
        self._kind = None if self.is_across else kinds.asked(question)

    @property
    def is_across(self) -> bool:
        """Return whether the candidates are in another language than the question."""
        return bool(self.candidates) and self.candidates[0].is_cjk != is_cjk(self.question)

    def to_embed(self) -> list[int]:
        """Return the candidates, by index, whose meaning is worth looking at: those best by their words."""
        values = [
            words.inside + one.found + _BESIDE * words.beside
            for one, words in zip(self.candidates, self._words, strict=True)
        ]
        most = EMBEDDED_ACROSS if self.is_across else EMBEDDED
        chosen = _best_first(values)[:most]
        tokens = accumulate(estimated_tokens(self.candidates[at].embedded_text) for at in chosen)
        return [at for at, whole in zip(chosen, tokens, strict=True) if whole <= _TOKENS or at == chosen[0]]

    def values(self, cosines: Mapping[int, float] | None) -> dict[int, float]:
        """Return the value of each candidate that has a cosine; by words alone, of all, without cosines."""
        if cosines is None:
            return {at: self._by_words(at, 2.0) for at in range(len(self.candidates))}
        return {at: self._by_words(at, 1.0) + self.by_cosine(cosine) for at, cosine in cosines.items()}

    @staticmethod
    def by_cosine(cosine: float) -> float:
        """Return the part of a value that comes from a cosine."""
        return _COSINE * cosine

    def _by_words(self, at: int, weight: float) -> float:
        words = self._words[at]
        one = self.candidates[at]
        beside = _TITLE if one.is_title else self._apart if one.is_apart else 0.0
        shared = _WORDS * words.inside + _WORDS_IN_CONTEXT * words.in_context
        return weight * shared + _PASSAGE * one.found + _NEW * words.new - beside

    def told(self, at: int) -> float:
        """Return what a sentence gains that tells the kind of thing which is asked for."""
        is_told = self._kind and kinds.tells(self._kind, self.candidates[at].words, self.question)
        return _TOLD if is_told else 0.0

    def is_far_from(self, one: Candidate, best: int) -> bool:
        """Return whether a candidate shares far less of the question's words than the best does."""
        at = self._places[one.source, one.at]
        return self._words[at].inside < _FAR * self._words[best].inside

    def before(self, one: Candidate) -> Candidate | None:
        """Return the sentence in front of one in its source under the same heading, None without one."""
        at = self._places.get((one.source, one.at - 1))
        found = None if at is None else self.candidates[at]
        return found if found and found.sentence.heading == one.sentence.heading else None

    def outdone(self, values: Mapping[int, float]) -> list[int]:
        """Return rows beside which another row of the table holds the same words of the question and more."""
        asked = frozenset(asked_terms(self.question))
        rows = {at: one for at in values if (one := self.candidates[at]).columns}
        held = {at: asked.intersection(one.terms) for at, one in rows.items()}
        of_table: dict[str, set[frozenset[str]]] = {}
        for at, terms in held.items():
            of_table.setdefault(rows[at].columns, set()).add(terms)
        return [at for at, one in rows.items() if any(held[at] < more for more in of_table[one.columns])]

    def shown(self, values: Mapping[int, float], length: AnswerLength | None = None) -> list[Candidate]:
        """Return the best candidate and those that are about as good, best first, none twice."""
        order = sorted(values, key=lambda at: (-values[at], at))
        wide = ROOM_ACROSS if self.is_across else ROOM
        more = _LONGER if length == "long" else 1
        room = more * (ROOM_CJK if self.candidates[order[0]].is_cjk else wide)
        shown: list[Candidate] = []
        for at in order:
            one = self.candidates[at]
            if shown and (
                len(shown) == _MOST_OF.get(length, _MOST) or values[order[0]] - values[at] >= more * _NEAR
            ):
                break
            if any(_alike(one, other) for other in shown):
                continue
            if shown and sum(len(two.sentence.text) for two in (*shown, one)) > room:
                break
            shown.append(one)
        return shown


def by_language(question: str, offered: Sequence[Candidate]) -> list[Selection]:
    """Return the candidates in the question's language, then the others: their cosines do not compare."""
    cjk = is_cjk(question)
    same = [one for one in offered if one.is_cjk == cjk]
    other = [one for one in offered if one.is_cjk != cjk]
    found = [Selection(question, same)] if same else []
    return [*found, Selection(question, other, is_second=bool(same))] if other else found


def _shared(question: str, offered: Sequence[Candidate]) -> list[_Words]:
    """Return what each candidate shares with the terms that are asked for."""
    asked, cjk = asked_terms(question), is_cjk(question)
    meant = {other: term for term in reversed(asked) for other in synonyms.same(term)}
    meant |= {term: term for term in asked}
    wanted = frozenset(asked)

    def held_by(one: Candidate) -> frozenset[str]:
        same = frozenset(meant[term] for term in one.terms if term in meant)
        told = roles.told_terms(question, one.sentence.text) if one.is_cjk == cjk else frozenset()
        return same | wanted & told

    above = Counter(chain.from_iterable(wanted & one.context for one in offered))
    counts = {**above, **Counter(chain.from_iterable(map(held_by, offered)))}
    idf = {term: math.log(1 + len(offered) / count) for term, count in counts.items()}
    whole = sum(idf.values()) or 1.0

    def share(terms: frozenset[str]) -> float:
        return sum(idf.get(term, 0.0) for term in wanted & terms) / whole

    inside = [share(held_by(one)) for one in offered]
    return [
        _Words(
            inside[at],
            share(held_by(one) | one.context),
            _beside(at, offered, inside),
            len(set(one.terms) - wanted) / len(set(one.terms)),
        )
        for at, one in enumerate(offered)
    ]


def _beside(at: int, offered: Sequence[Candidate], inside: Sequence[float]) -> float:
    """Return the share of the better neighbour under the same heading of the same source."""
    here = offered[at]
    near = (
        near
        for near in (at - 1, at + 1)
        if 0 <= near < len(offered)
        and offered[near].source == here.source
        and offered[near].sentence.heading == here.sentence.heading
    )
    return max((inside[other] for other in near), default=0.0)


def _best_first(values: Sequence[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda at: (-values[at], at))


def _alike(one: Candidate, two: Candidate) -> bool:
    """Return whether both say the same: the same terms in the same order, and no other figures."""
    if one.terms == two.terms:
        return True
    if _figures(one) != _figures(two):
        return False
    return SequenceMatcher(None, one.terms, two.terms, autojunk=False).ratio() >= _ALIKE


def _figures(one: Candidate) -> list[str]:
    return [term for term in one.terms if any(map(str.isdecimal, term))]
