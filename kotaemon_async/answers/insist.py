"""What a question insists on, and what of it a text lacks: figures, codes, names, denials, figures asked for.

A text may resemble a question and not answer it: another year, another valve, another person, the opposite.
Source: Rajpurkar, Jia and Liang, "Know What You Don't Know: Unanswerable Questions for SQuAD", 2018, lists
the kinds. Figures, codes and names are looked for in what is shown and around it, the rest in what is shown.

>>> missing("How often is valve V-8 greased?", "Valve V-7 is greased every 90 days.")
('V-8',)
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

from kotaemon_async.domain import text
from kotaemon_async.domain.figures import Whole, codes, figures, latin
from kotaemon_async.domain.numbers import SCALED, number, numbers, scaled, written_out

#: Names are compared by so many letters of their stems: Medal, Medalists.
_NAME_LETTERS: Final = 5
#: A text and a question are in one language when their shares of CJK lie on the same side of this.
_CJK_SHARE: Final = 0.3

_UNITS: Final = """
    st nd rd th s am pm h hr hrs min sec ms km m cm mm nm kg g mg l ml ha hz khz mhz ghz kw mw gw kwh v kv w a
    kb mb gb tb kbit mbit gbit bar pa c f k x px pt bn usd eur
"""
_MEASURE: Final = re.compile(rf"(\d+)-?({'|'.join(_UNITS.split())})")
_PIECE: Final = re.compile(r"[a-z]+|\d+")
_CHINESE_YEAR: Final = re.compile("(?<![〇零一二三四五六七八九])[〇零一二三四五六七八九]{4}(?=年)")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][a-z]+)?")
_NAME: Final = re.compile(r"(?<![-\w])[A-Z][^\W\d_]+(?![-\w]*\d)")
_TITLED: Final = re.compile(r"\b(Mr|Mrs|Ms|Miss)\.? ([A-Z][^\W\d_]+)")
_CHINESE_TITLED: Final = re.compile("([\u4e00-\u9fff]{1,3}?)(先生|女士|小姐)")
_MALE: Final = frozenset({"Mr", "先生"})

_DENIES: Final = re.compile(
    r"\b(?:not(?! only)|never|cannot|without)\b(?: \w+)?|\b\w+n['\u2019]t\b", re.IGNORECASE
)
_DENIED: Final = re.compile(
    r"\b(?:not?|never|nor|neither|none|cannot|without|unable|except|fail\w*|refus\w*|reject\w*|lack\w*"
    r"|den(?:y|ie)\w*|exclud\w*|prohibit\w*|forbid\w*|ban(?:s|ned)?|exempt\w*)\b|n['\u2019]t\b|[不没未无非禁]",
    re.IGNORECASE,
)
_EITHER: Final = re.compile(
    r"\bor not\b|\b(?:is|are|was|were|do|does|did|has|have)n['\u2019]t (?:it|they|he|she)\b"
    r"|^\W*(?:is|are|was|were|do|does|did|has|have|can|could|would|should)n['\u2019]t\b",
    re.IGNORECASE,
)

_ASKS_YEAR: Final = re.compile(r"\b(?:what|which) (?:year|century|decade)\b|哪一?年|何年", re.IGNORECASE)
_ASKS_COUNT: Final = re.compile(
    r"\bhow many\b(?: \w+)?|\b(?:what|which) (?:percentage|number)\b", re.IGNORECASE
)
_COUNT: Final = re.compile(
    r"\b(?:hundreds?|thousands?|millions?|billions?|half|dozens?|thirds?|quarters?|no|none|few|several|many)\b"
    r"|[几数半无]",
    re.IGNORECASE,
)
_CHINESE_YEARS: Final = re.compile("[元〇零一二三四五六七八九十]年")


class _Asked(NamedTuple):
    """What a question insists on: its words there, and spellings of which the text has to have one."""

    words: str
    forms: frozenset[str]


class _Text:
    """What is shown with what stands around it, cut once into what may be looked for."""

    def __init__(self, words: str) -> None:
        self.folded = text.folded(words)
        self.numbers = numbers(words) | {term for one in figures(self.folded) for term in one.terms}

    def has_code(self, terms: tuple[str, ...]) -> bool:
        """Return whether the code stands there, with or without something between letters and digits."""
        pieces = _PIECE.findall(terms[0])
        end = r"(?!\d)" if pieces[-1].isdecimal() else "(?![a-z])"
        found = r"(?<![a-z0-9])" + "[-_./ ]?".join(map(re.escape, pieces)) + end
        return re.search(found, self.folded) is not None


def missing(question: str, said: str, around: str = "") -> tuple[str, ...]:
    """Return the question's words for what it insists on and a text lacks, in the order of the kinds.

    `said` is what is shown, `around` its passage, headings, title and file name.
    """
    whole = f"{said}\n{around}"
    lacking = [*missing_figures(question, whole), *missing_codes(question, whole)]
    if _is_chinese(question) == _is_chinese(said):
        lacking += missing_names(question, whole)
    if (denial := denial_of(question)) and not _DENIED.search(said):
        lacking.append(denial)
    if (asked := asked_figure(question)) and not holds_figure(question, said):
        lacking.append(asked)
    return tuple(dict.fromkeys(lacking))


def missing_figures(claim: str, source: str) -> list[str]:
    """Return the claim's figures, dates and numbers that the source states in no spelling."""
    asked = list(_asked_numbers(text.folded(claim)))
    if not asked:
        return []
    stated = _Text(source).numbers
    return [_as_written(claim, one.words) for one in asked if not _is_stated(one, stated)]


def missing_codes(claim: str, source: str) -> list[str]:
    """Return the claim's names of letters and digits that do not stand in the source."""
    asked = [code for code in codes(text.folded(claim)) if _is_code(code)]
    found = _Text(source) if asked else None
    return [_as_written(claim, code.written) for code in asked if found and not found.has_code(code.terms)]


def missing_names(claim: str, source: str) -> list[str]:
    """Return the claim's words with a capital, but for the first, that do not stand in the source.

    A claim that writes every word with a capital names nothing by it.
    """
    plain = unicodedata.normalize("NFKC", claim)
    names = _names(plain)
    if names:
        stems = {term[:_NAME_LETTERS] for term in text.terms(source)}
        flat = "".join(re.findall("[a-z0-9]+", text.folded(source)))
        names = [name for name in names if not _stands(name, stems, flat)]
    return [*names, *_other_titles(plain, source)]


def denial_of(question: str) -> str | None:
    """Return the denial in an English question for what is not, with the word behind it.

    In Chinese 不 and 没 stand in too many words and questions that deny nothing.
    """
    found = _DENIES.search(_EITHER.sub("", question))
    return found[0] if found else None


def asked_figure(question: str) -> str | None:
    """Return the words that ask for a year or for how many."""
    found = _ASKS_YEAR.search(question) or _ASKS_COUNT.search(question)
    return found[0] if found else None


def holds_figure(question: str, said: str) -> bool:
    """Return whether what is shown has a number beside the question's own, or a word that counts."""
    if numbers(said) - numbers(question):
        return True
    return bool((_COUNT if _ASKS_COUNT.search(question) else _CHINESE_YEARS).search(said))


def _is_chinese(words: str) -> bool:
    return text.cjk_share(words) > _CJK_SHARE


def _asked_numbers(folded: str) -> Iterator[_Asked]:
    rest = folded
    for whole in figures(folded):
        rest = rest.replace(whole.written, " ", 1)
        yield from _ends_of_range(whole) or [_Asked(whole.written, _spellings(whole))]
    for year in _CHINESE_YEAR.findall(rest):
        yield _Asked(year, frozenset({number(year)}))
    for written, digits in written_out(rest):
        yield _Asked(written, frozenset({digits}))
    for code in codes(rest):
        rest = rest.replace(code.written, " ", 1)
        if measure := _MEASURE.fullmatch(code.written):
            yield _Asked(code.written, _amounts(measure[1], measure[2]))
    rest = text.normalized(rest)
    products = {match[1]: scaled(match) for match in SCALED.finditer(rest)}
    for digits in re.findall(r"\d+", rest):
        yield _Asked(digits, frozenset({number(digits), products.get(digits, number(digits))}))


def _amounts(digits: str, unit: str) -> frozenset[str]:
    """Return the number of a measure; of a decade, such as 1990s and 90s, all years."""
    if unit != "s":
        return frozenset({number(digits)})
    centuries = ("17", "18", "19", "20") if len(digits) == 2 else ("",)
    return frozenset(f"{century}{digits[:-1]}{year}" for century in centuries for year in range(10))


def _ends_of_range(whole: Whole) -> list[_Asked]:
    """Return both ends of a range such as 1914-1918, which a text may join by another sign or word."""
    ends = re.fullmatch(r"(\d+)[-/](\d+)", whole.written)
    return [_Asked(end, frozenset({number(end)})) for end in ends.groups()] if ends else []


def _spellings(whole: Whole) -> frozenset[str]:
    """Return the terms that say as much as the figure: 1.234 may be 1234."""
    is_date = len(whole.terms) > 2
    return frozenset(whole.terms[:1] if is_date else whole.terms)


def _is_stated(asked: _Asked, stated: set[str]) -> bool:
    """Return whether a spelling is stated; two digits may be a year's end."""
    if asked.forms & stated:
        return True
    return len(asked.words) == 2 and any(len(one) == 4 and one.endswith(asked.words) for one in stated)


def _is_code(code: Whole) -> bool:
    """Return whether a word of letters and digits is a name, and no ordinal, decade or measure."""
    is_mixed = any(map(str.isdecimal, code.terms[0])) and any(map(str.isalpha, code.terms[0]))
    return is_mixed and not _MEASURE.fullmatch(code.written)


def _as_written(claim: str, folded: str) -> str:
    """Return the claim's own spelling of a folded word."""
    found = re.search(re.escape(folded.strip()), unicodedata.normalize("NFKC", claim), re.IGNORECASE)
    return found[0] if found else folded.strip()


def _names(claim: str) -> list[str]:
    words = [match[0] for match in _WORD.finditer(latin(claim))]
    if not any(word.islower() and not _is_stopword(word) for word in words[1:]):
        return []
    rest = claim.removeprefix(words[0]) if claim.startswith(words[0]) else claim
    return [name for name in _NAME.findall(latin(rest)) if len(name) > 2 and not _is_stopword(name)]


def _stands(name: str, stems: set[str], flat: str) -> bool:
    is_there = any(term[:_NAME_LETTERS] in stems for term in text.terms(name))
    return is_there or "".join(re.findall("[a-z0-9]+", text.folded(name)))[: _NAME_LETTERS + 1] in flat


def _other_titles(claim: str, source: str) -> Iterator[str]:
    """Yield people of whom the source knows only a man of that name, or only a woman."""
    for pattern, title, name in ((_TITLED, 1, 2), (_CHINESE_TITLED, 2, 1)):
        for match in pattern.finditer(claim):
            others = [one[title] in _MALE for one in pattern.finditer(source) if one[name] == match[name]]
            if others and (match[title] in _MALE) not in others:
                yield match[0]


def _is_stopword(word: str) -> bool:
    return word.casefold() in text.STOPWORDS
