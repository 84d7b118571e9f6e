"""How chosen sentences are shown: runs with one marker each, tidied, long ones cut round what was asked."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from kotaemon_async.answers import tables
from kotaemon_async.answers.apart import without_authors
from kotaemon_async.answers.llm.base import Quote
from kotaemon_async.answers.quotes import unmarked
from kotaemon_async.answers.selection import Candidate, is_cjk
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain import text
from kotaemon_async.domain.model import Place

#: A longer sentence is cut to so many characters round the words of the question; CJK characters are denser.
LONGEST: Final = 400
LONGEST_CJK: Final = 180
#: A clause without any mark is cut at blanks, or between CJK characters, into pieces of this length.
_PIECE: Final = 60
_PIECE_CJK: Final = 24
#: A longer heading is itself a sentence, and no help in front of one.
_HEADING: Final = 60

#: References to other works as papers number them: `[12]`, `[3, 7]`, `[4–6]`.
_REFERENCE: Final = re.compile(r"\s?[\[【]\s?(\d{1,3}(?:\s?[,，、–-]\s?\d{1,3})*)\s?[\]】]")
#: What is left of one at the end of a sentence: `in sporulation [3, .`
_CUT_REFERENCE: Final = re.compile(r"\s*[\[【]\s?\d[\d\s,，、–-]*(?=[.。]?$)")
#: A reference behind one of these words is part of what is said: see [5], in [3], 参见[5].
_NAMES_REFERENCE: Final = re.compile(
    r"(?:^|\b(?:see|in|of|by|from|to|with|and|or|at|than|refs?|references?|also|e\.g|cf)\.?,?"
    r"|[见在如和与及自由从对据]|文献)$",
    re.IGNORECASE,
)
#: Raised numbers of notes that belong to the sentence before, as a PDF gives them: 3, 4 The most frequent…
_NOTES: Final = re.compile(
    r"\d{1,3}(?:\s?[,–-]\s?\d{1,3})+\s+(?=[A-Z][a-z])"
    r"|\d{1,3}\s+(?=(?:The|This|These|Those|In|On|It|We|Our|There|However|Although|To|For|As|At|By"
    r"|Such|Here|Thus"
    r"|Moreover|Furthermore|Therefore|While|Because|Both|Most|Some|Several|Many)\b)"
)
#: What an abstract calls its parts, and brackets of which a PDF has lost what stood in them.
_LABEL: Final = re.compile(
    r"^(?:BACKGROUND|INTRODUCTION|METHODS?(?: AND FINDINGS)?|FINDINGS|RESULTS?|CONCLUSIONS?|OBJECTIVES?|AIMS?"
    r"|PURPOSE|DISCUSSION|ABSTRACT|SUMMARY|SIGNIFICANCE|INTERPRETATION)\s?[:：]\s+(?=[A-Z])"
)
_EMPTY_BRACKETS: Final = re.compile(
    r"\[(?:citation needed|clarification needed|who\?|when\?|[a-z]|note \d+)\]"
    r"|（(?:[^（）：，]{1,5}：[，,；]?)*\s*）|(?<=[\s\u4e00-\u9fff])\(\s*\)|(?<=[（(])[，,;；]\s*|[，,;；]\s*(?=[)）])"
)
#: Signs of lists and tables that a sentence may stand between, rows that follow each other, cells of a row.
_SIGNS: Final = " \t|-*•●▪◦#>"
_ROW: Final = re.compile(r"\s*\|\s*\|\s*")
_CELL: Final = re.compile(r"\s+\|\s+")
_CLAUSE: Final = re.compile(r"(?<=[;；:：。！？])\s*|(?<=[.,!?])\s+|(?<=[，、])\s*|(?<=\s[–—-]\s)")
#: Words that stand for what the sentence before names.
POINTS_BACK: Final = re.compile(
    r"(?:He|She|It|They|This|These|Those|His|Her|Its|Their|Such|Both|The (?:latter|former|same))\b"
    r"|[他她它其该該此这這]|前者|后者|後者|兩者|两者"
)
#: Words that point back to what stands before a sentence.
DANGLING: Final = re.compile(
    r"(?:He|She|It|They|This|These|Those|That|His|Her|Its|Their|Such|Both|There|Here"
    r"|The (?:latter|former|same)|However|Therefore|Thus|Moreover|In addition|Also|But|And|Furthermore"
    r"|Additionally|Consequently|Nevertheless|Instead|Hence|Then|Later|Similarly|For example|In contrast"
    r"|Meanwhile)\b"
    r"|[他她它其该該此這这那]|前者|后者|後者|兩者|两者|当时|當時|但|然而|因此|同时|同時|另外|而|不过|不過|所以|于是"
    r"|於是|並且|并且|后来|後來|之后|之後|例如"
)


def composed(
    question: str, shown: Sequence[Candidate], sources: Sequence[Source], weights: Mapping[str, float]
) -> tuple[str, tuple[Quote, ...]]:
    """Return a readable text with markers from 1 on, and the places of the quote behind each marker.

    `weights` says how much each term of the question counts in what is cut.
    """
    whole, found, was_row = "", [], False
    ordered = _by_source(_in_order(runs(shown, sources), sources))
    is_list = sum(bool(some[0][0].columns) for some in ordered) > 1
    for marker, some in enumerate(ordered, 1):
        first = some[0][0]
        said, is_row = _joined([_said(run, weights) for run in some]), is_list and bool(first.columns)
        dense = is_cjk(said)
        blank = "" if not whole or (dense and is_cjk(question)) else " "
        if whole and (is_row or was_row):
            blank = "\n" if is_row and was_row else "\n\n"
        whole += f"{blank}{'- ' if is_row else ''}{said}{'' if dense else ' '}[{marker}]"
        found.append(Quote(marker, first.source, tuple(place for run in some for place in _places(run))))
        was_row = is_row
    return whole, tuple(found)


def _by_source(ordered: Sequence[list[Candidate]]) -> list[list[list[Candidate]]]:
    """Return runs of one source that follow each other together, in its order; a row stands alone."""
    found: list[list[list[Candidate]]] = []
    for run in ordered:
        before = found[-1][0][0] if found else None
        if before and before.source == run[0].source and not (before.columns or run[0].columns):
            found[-1].append(run)
        else:
            found.append([run])
    return [sorted(some, key=lambda run: run[0].at) for some in found]


def _joined(said: Sequence[str]) -> str:
    return ("" if is_cjk("".join(said)) else " ").join(said)


def runs(shown: Sequence[Candidate], sources: Sequence[Source]) -> list[list[Candidate]]:
    """Return neighbours of one source together, in the document's order; runs in the order of their best."""
    found: list[list[Candidate]] = []
    for one in shown:
        beside = [run for run in found if any(_are_neighbours(one, two, sources) for two in run)]
        if beside:
            beside[0].append(one)
            for run in beside[1:]:
                beside[0].extend(run)
                found.remove(run)
        else:
            found.append([one])
    return [sorted(run, key=lambda one: one.at) for run in found]


def _in_order(found: list[list[Candidate]], sources: Sequence[Source]) -> list[list[Candidate]]:
    """Return runs that are rows of one table in its order, others as they are."""
    documents = {(run[0].columns, sources[run[0].source].passage.document_id) for run in found}
    if len(documents) > 1 or not found[0][0].columns:
        return found
    return sorted(found, key=lambda run: (run[0].sentence.places[0].page, run[0].sentence.places[0].start))


def _are_neighbours(one: Candidate, two: Candidate, sources: Sequence[Source]) -> bool:
    """Return whether nothing but blanks and signs stands between two sentences under one heading.

    A row whose columns have names stands alone.
    """
    if one.columns or two.columns:
        return False
    if (one.source, one.sentence.heading) != (two.source, two.sentence.heading) or abs(one.at - two.at) != 1:
        return False
    first, second = sorted((one, two), key=lambda candidate: candidate.at)
    end, begin = first.sentence.places[-1], second.sentence.places[0]
    between = Place(end.page, end.stop, begin.start)
    return end.page == begin.page and not any(map(str.isalnum, sources[one.source].words(between)))


def _places(run: Sequence[Candidate]) -> tuple[Place, ...]:
    """Return the part of each page from the run's first sentence on it to the last."""
    places = [place for one in run for place in one.sentence.places]
    pages = dict.fromkeys(place.page for place in places)
    return tuple(
        Place(
            page,
            min(place.start for place in places if place.page == page),
            max(place.stop for place in places if place.page == page),
        )
        for page in pages
    )


def _said(run: Sequence[Candidate], weights: Mapping[str, float]) -> str:
    """Return the run in one line; one that begins with a word that points back gets its heading in front."""
    if run[0].columns:
        return unmarked(tables.shown(run[0].columns, run[0].sentence.text, weights))
    whole = _joined([windowed(tidy(one.sentence.text), weights) for one in run])
    heading = tidy(run[0].sentence.heading.replace("_", " "))
    if not (DANGLING.match(whole) and 0 < len(heading) <= _HEADING) or heading.casefold() in whole.casefold():
        return whole
    return f"**{heading}**：{whole}" if is_cjk(whole) else f"**{heading}**: {whole}"


def tidy(words: str) -> str:
    """Return a sentence of a document as it is shown: its references to other works are no citations.

    Those that only stand behind a statement are left out; a reference that the sentence names stays, in
    round brackets.
    """

    bare = _LABEL.sub("", without_authors(words.strip(_SIGNS)))
    rows = _EMPTY_BRACKETS.sub("", _CELL.sub(", ", _ROW.sub("; ", bare)))

    def rewrite(match: re.Match[str]) -> str:
        if _NAMES_REFERENCE.search(rows, max(0, match.start() - 12), match.start()):
            return f"{' ' if match[0][0].isspace() else ''}({match[1]})"
        return ""

    plain = unmarked(_REFERENCE.sub(rewrite, rows))
    plain = re.sub(r"\(\s+", "(", re.sub(r"\s+([.,;:!?)])", r"\1", plain)).strip().lstrip(".,;:，。、； ")
    plain = _CUT_REFERENCE.sub("", plain)
    notes = _NOTES.match(plain)
    return plain[notes.end() :] if notes else plain


def windowed(sentence: str, weights: Mapping[str, float]) -> str:
    """Return the clauses of a long sentence round the words of the question, with … for the rest."""
    dense = is_cjk(sentence)
    longest = LONGEST_CJK if dense else LONGEST
    if len(sentence) <= longest:
        return sentence
    ends = _piece_ends(sentence, _PIECE_CJK if dense else _PIECE)
    first, last = _best_stretch(sentence, ends, longest, weights)
    begun = "" if first == 0 else "…" if dense else "… "
    ended = "" if last == len(sentence) else "…" if dense else " …"
    return f"{begun}{sentence[first:last].strip()}{ended}"


def _best_stretch(
    sentence: str, ends: Sequence[int], longest: int, weights: Mapping[str, float]
) -> tuple[int, int]:
    """Return begin and end of the pieces in a row, within `longest`, that hold most of the question."""
    begins = [0, *ends[:-1]]
    held = [
        set(text.terms(sentence[begin:end])) & weights.keys() for begin, end in zip(begins, ends, strict=True)
    ]
    best, place = -1.0, (0, ends[0])
    for at, begin in enumerate(begins):
        terms: set[str] = set()
        for to in range(at, len(ends)):
            if ends[to] - begin > longest:
                break
            terms |= held[to]
            # Of two stretches that hold as much the longer one is easier to understand.
            worth = sum(weights[term] for term in terms) + 0.0001 * (ends[to] - begin)
            if worth > best:
                best, place = worth, (begin, ends[to])
    return place


def _piece_ends(sentence: str, longest: int) -> list[int]:
    """Return where clauses end, and long ones at their blanks or, in CJK, anywhere."""
    ends: list[int] = []
    begin = 0
    for end in [*(match.end() for match in _CLAUSE.finditer(sentence)), len(sentence)]:
        while end - begin > 2 * longest:
            blank = sentence.rfind(" ", begin + 1, begin + longest)
            begin = blank + 1 if blank > begin else begin + longest
            ends.append(begin)
        if end > begin:
            ends.append(end)
            begin = end
    return ends
