"""Where a sentence of a text ends, in English and Chinese: for documents, and for the answers of models.

>>> text = "Dr. Hale left. He said: “Stay!” 他走了。「好吗？」她问。"
>>> [text[start:stop] for start, stop in spans(text)]
['Dr. Hale left.', 'He said: “Stay!”', '他走了。', '「好吗？」她问。']
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from kotaemon_async.domain.child_lines import goes_on, is_point, width
from kotaemon_async.domain.text import CJK, joined

#: A bracket or quotation that is longer than this does not hold its sentences together.
_LONGEST_ASIDE: Final = 240
#: A Chinese semicolon ends what would be a long sentence.
_SEMICOLON_AFTER: Final = 60
#: Lines that are filled at least so far go on in the next one, unless lines are longer than a printed one.
_FILLED: Final = 0.75
_PRINTED_LINE: Final = 130

_OPENING: Final[dict[str, str]] = dict(zip(")）]】」』”》〉〕}", "(（[【「『“《〈〔{", strict=True))
_OPENING['"'] = '"'  # a plain quotation mark closes what one has opened
_OPENERS: Final = frozenset(_OPENING.values())
_CLOSERS: Final = "”’」』）)\"'】]》〉〕}"
_PAUSES: Final = "，、；：,;:"
_ABBREVIATED = """
    mr mrs ms dr prof st jr sr vs etc al cf fig figs vol vols approx ca inc ltd co corp gen col lt sgt gov
    sen rep rev hon eq eqs ref refs sect sects ch chap ed eds trans dept univ resp e.g i.e viz mt ft op ser
    bros capt cmdr adm maj pres supt messrs mme mlle m.sc b.sc ph.d var spp sp subsp avg incl excl a.m p.m
    tab
"""
_BEFORE_NUMBERS = """
    no nos p pp art arts sec para max min jan feb mar apr jun jul aug sept sep oct nov dec
"""
_BEGINNING = """
    The A An In On At It He She They We This That These Those There However But And Although While When
    After Before As Since For From Its His Her Their By With During According Despite Because Many Most Some
    Several Both One Two All If To Of
"""
_ABBREVIATIONS: Final = frozenset(_ABBREVIATED.split())
#: Abbreviations only in front of a figure; without one they are words, or end a sentence.
_BEFORE_FIGURES: Final = frozenset(_BEFORE_NUMBERS.split())
#: Abbreviations that may well end a sentence: they do where a word follows that begins sentences.
_MAY_END: Final = frozenset("etc al inc ltd co corp jr sr a.m p.m ph.d".split())  # noqa: SIM905
_BEGINNERS: Final = frozenset(_BEGINNING.split())
_END: Final = re.compile(r"[。！？!?]+|(?:\.\s?){3,}|\.|…+|；|\n")
#: Numbers of notes, and right behind a stop also a letter or a remark: `.[b]`, `.[citation needed]`.
_NOTE_MARKS: Final = re.compile(
    r"(?:\s?\[\d{1,3}(?:\s?[,–-]\s?\d{1,3})*\]|(?<!\s)\[[^\[\]\n]{1,24}\](?=[\s\[]))+"
)
#: A raised number behind a stop, which a PDF tells like any other figure.
_RAISED: Final = re.compile(r"\d{1,3}(?:[,–-]\d{1,3})*(?=\s+[A-Z])")
_WORD_BEFORE: Final = re.compile(r"[A-Za-z](?:[A-Za-z.]*[A-Za-z])?$")
_INITIALS: Final = re.compile(r"(?:[a-z]\.)+[a-z]")
_FIRST_WORD: Final = re.compile(r"\s*([A-Za-z]*)")
_IS_CJK: Final = re.compile(f"[{CJK}]")
_SAID: Final = re.compile(r"[^。！？，\s]{0,8}(?:[说說道问問喊答曰]|写道|寫道|表示)")
_DIVIDED: Final = re.compile(r"[a-z]{2,}[-\u00ad\u2010]$")
#: A hyphen in front of another word than these, in small letters, divides one.
_LAST_PART: Final = re.compile(r"(?!(?:and|or|to|und|oder|bis)\b)[a-z]")
#: Where a sentence that is too long is cut, best first.
_CUTS: Final = (re.compile(r"[;:]\s+|[；：]"), re.compile(r",\s+|[，、]"), re.compile(r"\s+"))
_PARAGRAPH: Final = re.compile(r"\S(?:.|\n(?!\s*\n))*")
#: What may stand in front of a sentence and is none of it.
_MARKUP: Final = " \t\r\n\f\u3000#>*•●▪◦"
_COMPLETE: Final = re.compile(r"[.!?。！？…][”’」』）)\"'\]】》]*(?:\s?\[[\d,–\- ]+\])*$")
_ROW_WORDS: Final = 4
_IS_NUMBER: Final = re.compile(r"\s*\d{1,2}\s*")
#: What is looked at behind a stop: a page may be one paragraph of a million characters.
_AHEAD: Final = 40


def spans(text: str) -> list[tuple[int, int]]:
    """Return start and stop of each sentence in order, without the blanks and list signs around it.

    A paragraph, a point of a list and a line that is broken on purpose end one as well.
    """
    found = []
    for paragraph in _PARAGRAPH.finditer(text):
        edges = [0, *ends(paragraph[0]), len(paragraph[0])]
        for begin, end in pairwise(edges):
            piece = paragraph[0][begin:end]
            start = paragraph.start() + begin + len(piece) - len(piece.lstrip(_MARKUP))
            stop = paragraph.start() + begin + len(piece.rstrip())
            if any(map(str.isalnum, text[start:stop])):
                found.append((start, stop))
    return found


def is_complete(sentence: str) -> bool:
    """Return whether the sentence has its end: a stop, with what may stand behind one."""
    return _COMPLETE.search(sentence) is not None


def is_row(sentence: str) -> bool:
    """Return whether this is a line of a table: four words and more, most with figures, and no stop."""
    words = sentence.split()
    with_figures = sum(any(map(str.isdigit, word)) for word in words)
    return len(words) >= _ROW_WORDS and with_figures * 2 > len(words) and not is_complete(sentence)


def carried_over(before: str, after: str) -> str:
    """Return the two parts of a sentence over a page break as one; a divided word is made whole."""
    if _DIVIDED.search(before) and _LAST_PART.match(after):
        return before[:-1] + after
    return joined(before, after)


def chunk_text(head: str, words: str, over: str | None) -> str:
    """Return a chunk's text: the names of its columns, what stands on its page and on the next one."""
    whole = words if not over else carried_over(words, over)
    return f"{head}\n{whole}" if head else whole


def clauses(sentence: str, longest: int) -> list[tuple[int, int]]:
    """Return start and stop of pieces of a sentence that are at most so long, cut at pauses if it has any."""
    found: list[tuple[int, int]] = []
    start = 0
    while len(sentence) - start > longest:
        window = sentence[start : start + longest]
        cuts = (max(map(re.Match.end, cut.finditer(window)), default=0) for cut in _CUTS)
        stop = start + next((cut for cut in cuts if 2 * cut >= longest), longest)
        found.append((start, start + len(sentence[start:stop].rstrip())))
        start = stop + len(sentence[stop:]) - len(sentence[stop:].lstrip())
    return [*found, (start, len(sentence))] if start < len(sentence) else found


def ends(paragraph: str) -> list[int]:
    """Return where the sentences of one paragraph end, in order; its own end is not among them."""
    open_at, breaks = _open(paragraph), _breaks(paragraph)
    last = len(paragraph.rstrip())
    found: list[int] = []
    for mark in _END.finditer(paragraph):
        if mark[0] == "\n":
            end = mark.end() if mark.start() in breaks else None
        else:
            end = _end(paragraph, mark, open_at, found[-1] if found else 0)
        if end is not None and (not found or end > found[-1]) and end < last:
            found.append(end)
    return found


def _open(paragraph: str) -> frozenset[int]:
    """Return the places inside a bracket or quotation that is closed soon enough."""
    places: set[int] = set()
    opened: deque[tuple[str, int]] = deque()
    for place, character in enumerate(paragraph):
        while opened and place - opened[0][1] > _LONGEST_ASIDE:
            opened.popleft()
        wanted = _OPENING.get(character)
        if wanted and any(one == wanted for one, _ in opened):
            while True:
                one, begin = opened.pop()
                if one == wanted:
                    break
            places.update(range(begin + 1, place + 1))
        elif character in _OPENERS:
            opened.append((character, place))
    return frozenset(places)


def _end(paragraph: str, mark: re.Match[str], open_at: frozenset[int], begin: int) -> int | None:
    """Return where the sentence ends whose stop this may be, or None when it is no stop."""
    end = mark.start() + len(mark[0].rstrip())
    closed = False
    while end < len(paragraph) and paragraph[end] in _CLOSERS and (end in open_at or not closed):
        end, closed = end + 1, True
    if end in open_at:
        return None
    cited = _NOTE_MARKS.match(paragraph, end)
    if cited:
        end = cited.end()
    rest = paragraph[end : end + _AHEAD]
    following = rest.lstrip()[:1]
    if not following:
        return end
    if closed and rest[0] not in " \n" and paragraph[end - 1] in "）)" and paragraph[begin] not in "（(":
        return None  # an aside inside of a sentence
    if mark[0][0] in "。！？；…" or (mark[0][0] in "!?" and _IS_CJK.match(following)):
        is_end = _is_chinese_end(mark[0], rest, closed) and (
            mark[0] != "；" or mark.start() - begin >= _SEMICOLON_AFTER
        )
    elif mark[0][0] in "!?":
        is_end = rest[0].isspace() and not following.islower() and following not in _PAUSES
    else:
        if mark.start() - begin < _AHEAD and _IS_NUMBER.fullmatch(paragraph, begin, mark.start()):
            return None  # "12. A heading"
        return _stop(paragraph, mark.start(), end, marked=closed or bool(cited))
    return end if is_end else None


def _is_chinese_end(mark: str, rest: str, closed: bool) -> bool:
    following = rest.lstrip()[0]
    if following in "，、；：,":
        return False
    if closed and not rest[0].isspace() and _IS_CJK.match(following):
        return mark[0] in "。；" and not _SAID.match(rest)  # 「…？」他说
    return not (mark[0] == "…" and following.islower())


def _stop(paragraph: str, at: int, end: int, *, marked: bool) -> int | None:
    """Return where the sentence ends at the full stop `at`; `marked` when a bracket or note follows it."""
    rest = paragraph[end : end + _AHEAD]
    if not rest[0].isspace():
        if _IS_CJK.match(rest) and at and _IS_CJK.match(paragraph[at - 1]):
            return end
        raised = _RAISED.match(rest)
        is_note = raised and at > 2 and paragraph[at - 3 : at].isalpha() and paragraph[at - 1].islower()
        return end + raised.end() if raised and is_note else None
    following = rest.lstrip()[0]
    if following.islower() or following in _PAUSES or following == ")":
        return None
    is_abbreviation = not marked and _is_abbreviation(paragraph[max(0, at - 12) : at], rest)
    return None if is_abbreviation else end


def _is_abbreviation(before: str, rest: str) -> bool:
    found = _WORD_BEFORE.search(before)
    word = found[0].lower() if found else ""
    first = _FIRST_WORD.match(rest)
    begins_anew = first is not None and first[1] in _BEGINNERS
    if word in _BEFORE_FIGURES and rest.lstrip()[0].isdigit():
        return True
    is_initial = len(word) == 1 and word != "i"
    if is_initial or word in _MAY_END or _INITIALS.fullmatch(word):
        return not begins_anew or (is_initial and first is not None and first[1] == "A")
    return word in _ABBREVIATIONS


def _breaks(paragraph: str) -> frozenset[int]:
    """Return the line breaks that end something: in front of a point of a list, and behind a short line."""
    if "\n" not in paragraph:
        return frozenset()
    return frozenset(_broken_lines(paragraph))


def _broken_lines(paragraph: str) -> Iterator[int]:
    lines = paragraph.split("\n")
    longest = max(map(width, lines))
    place = -1
    for line, following in pairwise(lines):
        place += len(line) + 1
        if is_point(following) or _is_broken(line.rstrip(), following.lstrip(), longest):
            yield place


def _is_broken(line: str, following: str, longest: int) -> bool:
    if not line or not following or following[0].islower() or following[0] in "，。、；：）」』”,;:)":
        return False
    if longest <= _PRINTED_LINE and width(line) >= _FILLED * longest:
        return False
    return not goes_on(line)
