"""Whether what a font claims to be text is any: letters that no language puts together are none; pure.

A font with a wrong map of its letters, or none, gives a text of the right length and shape: its words
are told by the pairs of letters in them, ideographs by how frequent they are, else by scripts within a word.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from itertools import pairwise, product
from typing import Final, NamedTuple

from kotaemon_async.documents.parsing.child_letters import ideographs

#: How likely a letter follows another one in the best of 22 languages in Latin letters, from 0 to 9: rows and
#: columns are the word's edge and a to z. 4 is chance. Counted with the word lists of wordfreq 3.
_PAIRS: Final = """
    088888778768787785788677277 986777667867779663888765166 475217010620503500532600050
    670507009755425700555600047 872238221732415720555632047 975677575867879352988664456
    550025410540405600534400040 772038154744514600545610071 760247000633534600536453030
    976779476677778745787753566 671137210605124600152611001 882237002646523700565642060
    783258335764755620056630051 775138101711453650253600041 972678385875647712268632075
    956566564766768751886777146 570107313611522750734500020 000000000000000000000600000
    984468443845555732566643157 972727225857544651368644048 892218237844445810667744165
    864557544656777640776644455 570117000702405620441420063 570326004701304510240300062
    530104000300000220002000000 774636334634455630555544043 673447032624436630335534074
"""
_EDGE: Final = " "
_ALPHABET: Final = _EDGE + "abcdefghijklmnopqrstuvwxyz"
_SCORES: Final = dict(zip(product(_ALPHABET, repeat=2), map(int, "".join(_PAIRS.split())), strict=True))
#: Letters that are not a base letter with marks.
_PLAIN: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i"}
)
#: Words without digits or signs in them, but no parts of addresses.
_WORD: Final = re.compile(r"(?<![\w'’./@])[^\W\d_]{3,}(?![\w'’]|[./@]\w)")
#: Words in capitals tell something where there are hardly any others: else they are short forms.
_CAPITALS: Final = 2
_LEAST_CAPITALS: Final = 4
_LATIN: Final = re.compile(r"[a-z]+")
#: The mean score of so many letters that is too low for any language.
_LEAST_SCORES: Final = ((80, 6.0), (45, 5.8), (28, 5.2))
#: Letters in fewer different kinds are no words: sequences of genes, signs for sizes.
_LEAST_KINDS: Final = 7
_IDEOGRAPH: Final = re.compile("[\u2e80-\u2fdf\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff]")
#: The mean bits of so many ideographs that are too many for any language; chance among common ones has 13.
_MOST_BITS: Final = ((60, 13.3), (25, 14.0), (10, 15.5))
_LANGUAGES: Final = ("simplified", "traditional", "japanese", "korean")
#: Replacement characters, controls and what is for private use; nothing that a font should map to.
NO_LETTER: Final = re.compile(
    "[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\U000f0000-\U0010fffd]"
)
#: So good a mean score of so many letters is that of a language.
_CLEAR: Final = (28, 6.3)
_LEAST_LOST: Final = 3
_LOST_PART: Final = 0.3
_MIXED_PART: Final = 0.12
_LEAST_MIXED: Final = 4
#: Scripts that stand beside each other in one word: units and formulas, names, Japanese.
_TOGETHER: Final = frozenset({"latin", "greek", "ideographic", ""})


class Evidence(NamedTuple):
    """What a piece of text shows; that of several pieces is their sum."""

    visible: int = 0
    lost: int = 0
    letters: int = 0
    score: int = 0
    kinds: frozenset[str] = frozenset()
    neighbours: int = 0
    mixed: int = 0
    ideographs: str = ""

    def __add__(self, other: "Evidence") -> "Evidence":  # type: ignore[override]
        pairs = ((getattr(self, name), getattr(other, name)) for name in self._fields)
        return Evidence(*(one | two if isinstance(one, frozenset) else one + two for one, two in pairs))


def evidence(text: str) -> Evidence:
    """Return what the text shows of being one."""
    words = _EDGE + _EDGE.join(_words(text)) + _EDGE
    scores = [_SCORES.get(pair, 0) for pair in pairwise(words)] if len(words) > len(_EDGE * 2) else []
    visible = len("".join(text.split()))
    found = Evidence(visible, letters=len(scores), score=sum(scores), kinds=frozenset(words))
    if text.isascii() and text.isprintable():
        return found
    lost, wide = len(NO_LETTER.findall(text)), "".join(_IDEOGRAPH.findall(text))
    neighbours, mixed = _mixed(text)
    return found._replace(lost=lost, neighbours=neighbours, mixed=mixed, ideographs=wide)


def is_clear(found: Evidence) -> bool:
    """Return whether a text surely is one."""
    least, mean = _CLEAR
    return found.letters >= least and found.score >= mean * found.letters


def is_illegible(found: Evidence) -> bool:
    """Return whether a text is none; too little of it tells nothing."""
    if found.lost >= _LEAST_LOST and found.lost > _LOST_PART * found.visible:
        return True
    if found.mixed >= _LEAST_MIXED and found.mixed > _MIXED_PART * found.neighbours:
        return True
    if len(found.kinds) >= _LEAST_KINDS and _is_below(found.letters, found.score):
        return True
    return _is_strange(found.ideographs)


def _is_below(letters: int, score: int) -> bool:
    least = next((mean for count, mean in _LEAST_SCORES if letters >= count), 0.0)
    return score < least * letters


def _is_strange(wide: str) -> bool:
    most = next((mean for count, mean in _MOST_BITS if len(wide) >= count), None)
    if most is None:
        return False
    counted = Counter(wide)
    return all(ideographs(name).cost(counted) > most * len(wide) for name in _LANGUAGES)


def _words(text: str) -> list[str]:
    """Return the words in plain lower-case letters."""
    found = _WORD.findall(text)
    small = [word for word in found if word[1:].islower()]
    large = [word for word in found if word.isupper() and len(word) >= _LEAST_CAPITALS]
    if sum(map(len, large)) > _CAPITALS * sum(map(len, small)):
        small += large
    return [word for word in map(_folded, map(str.lower, small)) if word]


@lru_cache(maxsize=20_000)
def _folded(word: str) -> str:
    """Return the word in plain letters; "" when it is of other ones."""
    if word.isascii():
        return word
    apart = unicodedata.normalize("NFD", word.translate(_PLAIN))
    plain = "".join(one for one in apart if not unicodedata.combining(one))
    return plain if _LATIN.fullmatch(plain) else ""


def _mixed(text: str) -> tuple[int, int]:
    """Return how many letters stand beside each other, and how many of them are of scripts that never do."""
    count = mixed = 0
    for one, other in pairwise(map(_script, text)):
        if one and other:
            count += 1
            mixed += one != other and not {one, other} <= _TOGETHER
    return count, mixed


@lru_cache(maxsize=20_000)
def _script(character: str) -> str:
    """Return the script of a letter, "" for what is none."""
    if not character.isalpha():
        return ""
    name = unicodedata.name(character, "").partition(" ")[0].lower()
    return "ideographic" if name in {"cjk", "hiragana", "katakana", "hangul", "bopomofo", "kangxi"} else name
