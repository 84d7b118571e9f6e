"""Words of a text as they are compared, whatever they were written with: stems, and pairs of CJK characters.

>>> terms("Museums of 2024: 系統穩定!")
['museum', 'of', '2024', '系统', '统稳', '稳定']
>>> query_terms("What is 稳定?")
['稳定']
"""

import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from operator import add
from typing import Final

from py_rust_stemmers import SnowballStemmer

from kotaemon_async.domain.child_characters import legible

_ENGLISH = """
    a about also am an and any are as at be because been being between both but by can could did do does
    doing done during each for from had has have having he her hers him his how i if in into is it its
    just me might more most must my no nor not of off on once one only or other our ours out over own
    please s same shall she should so some such t tell than that the their theirs them then there these
    they this those through to too under until up us very was we were what when where which while who
    whom whose why will with would you your yours
"""

#: Simplified, as every text is compared.
_CHINESE = """
    什么 甚么 为什么 为何 怎么 怎样 怎么样 如何 何时 何地 何处 何人 何种 哪 哪些 哪个 哪里 哪位 哪年 哪一
    哪一个 哪一年 哪几 哪种 哪儿 谁 多少 几个 几年 多久 多大 多长 多高 多远 请问 是否 吗 呢 有没有
"""

#: Words that a question holds because it is a question: dropped from queries, never from the index.
STOPWORDS: Final = frozenset(_ENGLISH.split())

#: Han, kana and Hangul: scripts whose words are not, or not wholly, set apart by spaces.
CJK: Final = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
#: Chinese characters and their punctuation, which take no blank beside them.
_WIDE: Final = re.compile("[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uff65]")
CJK_CHARACTER: Final = re.compile(f"[{CJK}]")
#: One word, or CJK characters in a row.
RUN: Final = re.compile(f"(?P<cjk>[{CJK}]+)|(?P<word>[^\\W_{CJK}]+)")
CJK_RUN: Final = re.compile(f"[{CJK}]+")
#: Letters and digits in a row: a run of RUN in a text that has no CJK characters.
_WORD: Final = re.compile(r"[^\W_]+")
_LAST_RUN: Final = re.compile(f"{RUN.pattern}$")
#: A stem has so many letters at least, and what is cut from a word so many at most.
_LEAST_STEM: Final = 4
_LONGEST_END: Final = 4
_POSSESSIVE: Final = re.compile(r"['\u2019]s\b")
#: What stands before it is looked at behind the comma: commas are found faster than digits.
_THOUSANDS: Final = re.compile(r",(?<=\d,)(?=\d{3}(?!\d))")
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
#: Hyphens and dashes that are no ASCII, and the minus sign.
_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")
#: Longest first, so that 为什么 is found before 什么.
_CHINESE_QUESTION_WORD: Final = re.compile("|".join(sorted(_CHINESE.split(), key=len, reverse=True)))
#: A CJK character says as much as several letters, so a text with fewer of them may still be written in them.
_CJK_SHARE: Final = 0.3
_stemmers = threading.local()


def _simplified() -> dict[int, int]:
    """Return the simplified character of each traditional one, for str.translate."""
    table = resources.files(f"{__package__}.data").joinpath("simplified.txt").read_text("utf-8")
    pairs = "".join(line for line in table.splitlines() if not line.startswith("#"))
    return str.maketrans(pairs[::2], pairs[1::2])


_SIMPLIFIED: Final = _simplified()
#: The traditional ones of the first plane, and any of another: together they would be a slow expression.
_TRADITIONAL: Final = re.compile(f"[{''.join(chr(one) for one in _SIMPLIFIED if one < 0x10000)}]")
_FAR_CHARACTER: Final = re.compile("[\U00010000-\U0010ffff]")
#: Anything but characters of which only the case and the script are folded, whatever stands beside them.
_UNUSUAL: Final = re.compile(
    "[^\x00-\x7f\u00b7\u2018\u2019\u201c\u201d\u2022\u3001\u3002\u3008-\u3011\u4e00-\u9fff]"
)
#: Latin, Greek and Cyrillic letters, dashes and blanks, ligatures, fullwidth forms.
_OFTEN_MET: Final = "\u00a0-\u024f\u0370-\u045f\u2002-\u2015\u2026\u2212\u3000\ufb00-\ufb04\uff01-\uff5e"


def is_cjk(character: str) -> bool:
    """Return whether the character is of a script that is written without spaces."""
    return CJK_CHARACTER.match(character) is not None


def cjk_share(text: str) -> float:
    """Return the CJK part of all letters and digits, 0 to 1; 0 for a text without any."""
    if not CJK_CHARACTER.search(text):
        return 0.0
    letters = sum(map(len, _WORD.findall(text)))
    return sum(map(len, CJK_RUN.findall(text))) / letters if letters else 0.0


def is_mostly_cjk(text: str) -> bool:
    """Return whether a text is written in CJK characters, perhaps with words of other scripts in it."""
    return cjk_share(text) > _CJK_SHARE


def one_line(text: str) -> str:
    """Return the text without line breaks; between Chinese characters nothing takes their place."""
    line = ""
    for word in text.split():
        line = joined(line, word)
    return line


def joined(before: str, after: str) -> str:
    """Return both texts in one line: with a blank between them, but not between Chinese characters."""
    needs_blank = before and after and not (_WIDE.match(before[-1]) and _WIDE.match(after[0]))
    return f"{before} {after}" if needs_blank else before + after


def shortened(line: str, most: int) -> str:
    """Return the line, or as many of its whole words as fit into so many characters, with an ellipsis.

    >>> shortened("Kühlwasser im dritten Haus", 20), shortened("冷却水温度是多少", 5)
    ('Kühlwasser im…', '冷却水温…')
    """
    if len(line) <= most:
        return line
    cut = line[: most - 1]
    if not (is_cjk(line[most - 2]) or is_cjk(line[most - 1])) and " " in cut.strip():
        cut = cut if line[most - 1].isspace() else cut.rsplit(maxsplit=1)[0]
    return f"{cut.rstrip(' ,;:.，；：。')}…"


def excerpt(text: str, parts: Sequence[str], before: int = 40, after: int = 80) -> str:
    """Return the words around the first of the folded parts that stands in the text, in one line.

    >>> excerpt("It has 6 windows.\\nThe seal holds.", ["seal"])
    'It has 6 windows. The seal holds.'
    """
    line = one_line(text)
    plain = line.casefold()
    if len(plain) != len(line):
        plain = line
    starts = [at for part in parts if (at := plain.find(part)) >= 0] or _folded_places(line, parts)
    start = max(0, min(starts, default=0) - before)
    if start:
        start = next((at + 1 for at in range(start, start + before) if not line[at].isalnum()), start)
    said = shortened(line[start:], before + after)
    return f"…{said}" if start else said


def _folded_places(line: str, parts: Sequence[str]) -> list[int]:
    """Return where the folded parts stand in a line whose own letters differ from them."""
    folds = [folded(character) for character in line]
    plain, places = "".join(folds), [at for at, fold in enumerate(folds) for _ in fold]
    return [places[at] for part in parts if (at := plain.find(part)) >= 0]


def terms(text: str) -> list[str]:
    """Return every index term of a text, in order and with repetitions."""
    return terms_of(normalized(text))


def query_terms(text: str) -> list[str]:
    """Return the different terms of a question without its question and function words.

    A question of nothing but such words keeps them all: they are all there is to look for.
    """
    plain = normalized(text)
    return list(dict.fromkeys(terms_of(content(plain)) or terms_of(plain)))


def content(plain: str) -> str:
    """Return a normalized text without question and function words."""
    bare = _CHINESE_QUESTION_WORD.sub(" ", plain)
    return RUN.sub(lambda run: "" if run["word"] in STOPWORDS else run[0], bare)


def normalized(text: str) -> str:
    """Return the folded text without possessives and thousands separators."""
    return bare(folded(text))


def bare(folded: str) -> str:
    """Return a folded text without possessives and thousands separators."""
    return _THOUSANDS.sub("", _POSSESSIVE.sub("", folded))


def folded(text: str) -> str:
    """Fold compatibility forms, case, accents, dashes, scripts and radicals into one spelling."""
    if text.isascii():
        return text.casefold()
    try:
        plain = _UNUSUAL.sub(_often_met, text).casefold()
    except KeyError:
        return _folded_whole(text)
    return plain.translate(_SIMPLIFIED) if _TRADITIONAL.search(plain) else plain


def _often_met(unusual: re.Match[str]) -> str:
    return _FOLDED[unusual[0]]


def _folded_whole(text: str) -> str:
    """Return what `folded` does, by the way that is right for any text and takes several times as long."""
    plain = legible(unicodedata.normalize("NFKC", text))
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", plain.casefold()))
    plain = _DASHES.sub("-", unicodedata.normalize("NFC", plain))
    may_differ = _TRADITIONAL.search(plain) or _FAR_CHARACTER.search(plain)
    return plain.translate(_SIMPLIFIED) if may_differ else plain


def _folded_alone() -> dict[str, str]:
    """Return what becomes of each character that is often met, wherever it stands."""
    ends = re.findall("(.)(?:-(.))?", _OFTEN_MET)
    every = (chr(code) for first, last in ends for code in range(ord(first), ord(last or first) + 1))
    found = {one: _folded_whole(one) for one in every}
    return {one: fold for one, fold in found.items() if not _UNUSUAL.search(fold)}


_FOLDED: Final = _folded_alone()


def unfinished(query: str) -> str:
    """Return the last word of a query as one that is still being typed, or its last CJK character.

    A single letter or a function word begins too much, and what ends in a sign is no word any more: "" then.

    >>> [unfinished(one) for one in ("the old Harb", "系統", "harbour?", "plan b", "harbour in")]
    ['harb', '统', '', '', '']
    """
    last = _LAST_RUN.search(bare(folded(query)))
    if last is None:
        return ""
    if last["cjk"]:
        return last["cjk"][-1]
    return last["word"] if len(last["word"]) > 1 and last["word"] not in STOPWORDS else ""


def is_begun(term: str, begun: str) -> bool:
    """Return whether a term is one that the unfinished word becomes, or the stem of what it already is."""
    if term.startswith(begun):
        return True
    return len(term) >= _LEAST_STEM and begun.startswith(term) and len(begun) - len(term) <= _LONGEST_END


def terms_of(plain: str) -> list[str]:
    """Return every term of a normalized text, in order and with repetitions."""
    if not CJK_CHARACTER.search(plain):
        return [stem(word) for word in _WORD.findall(plain)]
    found: list[str] = []
    for cjk, word in RUN.findall(plain):
        if word:
            found.append(stem(word))
        else:
            found += pairs(cjk)
    return found


def run_terms(run: re.Match[str]) -> list[str]:
    """Return the terms of a run of RUN: the stem of a word, pairs of CJK characters or a lone one."""
    return pairs(run["cjk"]) if run["cjk"] else [stem(run["word"])]


def pairs(cjk: str) -> list[str]:
    """Return the pairs of CJK characters in a row, or a lone one."""
    return list(map(add, cjk, cjk[1:])) or [cjk]


def forget() -> None:
    """Clear the cache of stems."""
    stem.cache_clear()


@lru_cache(maxsize=8_192)  # the frequent words; 2 MB when it is full
def stem(word: str) -> str:
    """Return the stem of a folded English word; other words are cut only where they end like one."""
    stemmer = getattr(_stemmers, "english", None)
    if stemmer is None:
        stemmer = _stemmers.english = SnowballStemmer("english")
    return str(stemmer.stem_word(word))
