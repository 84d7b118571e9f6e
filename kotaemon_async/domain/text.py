"""Index terms, the same for what is stored and what is asked: stemmed words and pairs of CJK characters.

>>> segment("Museums of 2024: 系统稳定!")
'museum of 2024 系统 统稳 稳定'
>>> query_terms("What is 稳定?")
['稳定']
"""

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from py_rust_stemmers import SnowballStemmer

_ENGLISH = """
    a about also am an and any are as at be because been being between both but by can could did do does
    doing done during each for from had has have having he her hers him his how i if in into is it its
    just me might more most must my no nor not of off on once one only or other our ours out over own
    please s same shall she should so some such t tell than that the their theirs them then there these
    they this those through to too under until up us very was we were what when where which while who
    whom whose why will with would you your yours
"""

#: Both scripts, since neither is folded into the other.
_CHINESE = """
    什么 什麼 甚么 甚麼 为什么 為什麼 为何 為何 怎么 怎麼 怎样 怎樣 怎么样 怎麼樣 如何 何时 何時 何地
    何处 何處 何人 何种 何種 哪 哪些 哪个 哪個 哪里 哪裡 哪裏 哪位 哪年 哪一 哪一个 哪一個 哪一年 哪几
    哪幾 哪种 哪種 哪儿 哪兒 谁 誰 多少 几个 幾個 几年 幾年 多久 多大 多长 多長 多高 多远 多遠 请问 請問
    是否 吗 嗎 呢 有没有 有沒有
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
_CJK_CHARACTER: Final = re.compile(f"[{CJK}]")
_RUN: Final = re.compile(f"(?P<cjk>[{CJK}]+)|(?P<word>[^\\W_{CJK}]+)")
_POSSESSIVE: Final = re.compile(r"['\u2019]s\b")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ACCENTS_AND_SOFT_HYPHENS: Final = re.compile("[\u0300-\u036f\u00ad]")
#: Longest first, so that 为什么 is found before 什么.
_CHINESE_QUESTION_WORD: Final = re.compile("|".join(sorted(_CHINESE.split(), key=len, reverse=True)))
_stemmers = threading.local()


def is_cjk(character: str) -> bool:
    """Return whether the character is of a script that is written without spaces."""
    return _CJK_CHARACTER.match(character) is not None


def cjk_share(text: str) -> float:
    """Return the CJK part of all letters and digits, 0 to 1; 0 for a text without any."""
    letters = sum(character.isalnum() for character in text)
    return len(_CJK_CHARACTER.findall(text)) / letters if letters else 0.0


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


def terms(text: str) -> list[str]:
    """Return every index term of a text, in order and with repetitions."""
    return list(_terms(normalized(text)))


def segment(text: str) -> str:
    """Return the index terms with a space between them, for a tokenizer that splits at spaces."""
    return " ".join(terms(text))


def query_terms(text: str) -> list[str]:
    """Return the different terms of a question without its question and function words.

    A question of nothing but such words keeps them all: they are all there is to look for.
    """
    plain = normalized(text)
    content = _CHINESE_QUESTION_WORD.sub(" ", plain)
    kept = [
        term
        for run in _RUN.finditer(content)
        if run["cjk"] or run["word"] not in STOPWORDS
        for term in _run_terms(run)
    ]
    return list(dict.fromkeys(kept or _terms(plain)))


def normalized(text: str) -> str:
    """Fold compatibility forms, case, accents, possessives and thousands separators into one spelling."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = _ACCENTS_AND_SOFT_HYPHENS.sub("", unicodedata.normalize("NFD", folded))
    return _THOUSANDS.sub("", _POSSESSIVE.sub("", unicodedata.normalize("NFC", bare)))


def _terms(plain: str) -> Iterator[str]:
    for run in _RUN.finditer(plain):
        yield from _run_terms(run)


def _run_terms(run: re.Match[str]) -> list[str]:
    cjk = run["cjk"]
    if cjk is None:
        return [_stem(run["word"])]
    return [cjk[at : at + 2] for at in range(len(cjk) - 1)] or [cjk]


def forget() -> None:
    """Clear the cache of stems."""
    _stem.cache_clear()


@lru_cache(maxsize=8_192)  # the frequent words; 2 MB when it is full
def _stem(word: str) -> str:
    stemmer = getattr(_stemmers, "english", None)
    if stemmer is None:
        stemmer = _stemmers.english = SnowballStemmer("english")
    return str(stemmer.stem_word(word))
