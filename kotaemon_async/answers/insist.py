"""What a question insists on, and what of it a text lacks: figures, codes, names, denials, figures asked for.

A text may resemble a question and not answer it: another year, another valve, another person, the opposite.
Source: Rajpurkar, Jia and Liang, "Know What You Don't Know: Unanswerable Questions for SQuAD", 2018, lists
the kinds. Figures, codes and names are looked for in what is shown and around it, the rest in what is shown.

>>> missing("How often is valve V-8 greased?", "Valve V-7 is greased every 90 days.")
('V-8',)
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Final, NamedTuple

from kotaemon_async.domain import text
from kotaemon_async.domain.child_characters import legible
from kotaemon_async.domain.figures import Whole, codes, figures, latin
from kotaemon_async.domain.numbers import ROMAN, SCALED, number, numbers, scaled, written_out

#: Names are compared by so many letters of their stems: Medal, Medalists.
_NAME_LETTERS: Final = 5
#: Letters from which on a name with one other letter is the same one, misspelt.
_LONG_NAME: Final = 7
#: A text and a question are in one language when their shares of CJK lie on the same side of this.
_CJK_SHARE: Final = 0.3

_UNITS: Final = """
    st nd rd th s am pm h hr hrs min sec ms km m cm mm nm kg g mg l ml ha hz khz mhz ghz kw mw gw kwh v kv w a
    kb mb gb tb kbit mbit gbit bar pa c f k x px pt bn usd eur
"""
_MEASURE: Final = re.compile(rf"(\d+)-?({'|'.join(_UNITS.split())})")
_PIECE: Final = re.compile(r"[a-z]+|\d+")
_CENTURIES: Final = ("17", "18", "19", "20")
_CENTURY: Final = re.compile(r"(?<![a-z\d])(\d{1,2})(?:st|nd|rd|th)?[ -]?(?:century|世纪)")
_CHINESE_YEAR: Final = re.compile("(?<![〇零一二三四五六七八九])[〇零一二三四五六七八九]{4}(?=年)")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][a-z]+)?")
_NAME: Final = re.compile(r"(?<![-\w])[A-Z][^\W\d_]+(?![-\w]*\d)")
_TITLED: Final = re.compile(r"\b(Mr|Mrs|Ms|Miss)\.? ([A-Z][^\W\d_]+)")
_CHINESE_TITLED: Final = re.compile("([\u4e00-\u9fff]{1,3}?)(先生|女士|小姐)")
_TITLES: Final = frozenset({"Mr", "Mrs", "Ms", "Miss"})
_MALE: Final = frozenset({"Mr", "先生"})

#: What a thing's name may begin behind, and what begins no name.
_THING: Final = re.compile(
    "(?:^|[^\u4e00-\u9fff]|[的在由以与])(?![该这那哪本某每各所两几])([\u4e00-\u9fff]{2,4}?)"
    "(?:项目|公司|集团|大学|学院|中学|小学|医院|银行|铁路|公路|大桥|隧道|机场|车站|港口|码头|计划|工程|系统"
    "|协议|条约|委员会|协会|基金会|博物馆|图书馆|水库|工厂|车间|仓库|部门|小组|中心)"
)
_SURNAMES: Final = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董潘袁于蒋蔡余杜叶"
    "程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦傅方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_PERSON: Final = re.compile(
    f"(?:^|[^\u4e00-\u9fff]|[由被请請])([{_SURNAMES}](?:(?![是的在了])[\u4e00-\u9fff]){{1,2}}?)"
    "(?:先生|女士|小姐|经理|主任|老师|教授|医生|博士|工程师)?"
    "(?:负责|担任|任职|住|出生|生于|去世|逝世|毕业|撰写|写|说|认为|属于|管理|主管|做|教|来自|工作|参加|发现|发明"
    "|在|的|呢|是谁|何时|什么|哪)"
)
_COMMON: Final = """
    方法 方案 方式 高度 高压 高层 白天 金额 石油 马上 周末 周期 周围 任务 任何 余额 程序 程度 万一 严重 武器
    何时 史料 夏天 夏季 叶片 雷达 段落 顾客 顾问 许可 许多 曾经 于是 范围 温度 黄金 林业 孙子 毛利 石材 向导
    江河 田地 陆地 龙头 钱款 方面 方向 高级 金属 白色 任期 王国 周年 石头 马路
"""
#: Words that begin like a name.
_NO_PERSON: Final = tuple(_COMMON.split())

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
    r"\bhow many\b(?: \w+)?|\b(?:what|which) (?:percentage|number)\b"
    "|多少[个位名次年种天条座所家人岁米元公里]?|几[个位名次年种天条座所家人岁层]",
    re.IGNORECASE,
)
_COUNT: Final = re.compile(
    r"\b(?:hundreds?|thousands?|millions?|billions?|half|dozens?|thirds?|quarters?|no|none|few"
    r"|several|many)\b"
    r"|[几数半无]",
    re.IGNORECASE,
)
_ASKS_PRICE: Final = re.compile(
    r"\b(?:price|cost|fee|fare)s?(?= of\b)|\bhow expensive\b"
    r"|\bhow much (?=(?:does|did|do|is|was|were|are|has|have)\b.{3,60}\b(?:costs?|paid|pay|charged?"
    r"|spent|spend)\b)"
    r"|多少[钱錢]|(?:[价價]格|票[价價]|[费費]用|造[价價])(?=是|[为為]|有?多)",
    re.IGNORECASE,
)
_MONEY: Final = re.compile(
    r"[$€£¥]|\b(?:dollars?|euros?|pounds?|yuan|yen|cents?|usd|eur|gbp|rmb|free)\b|元|[免收]费"
    r"|\d ?[万亿萬億]"
    # A column of prices names no currency in its cells.
    r"|\b(?:price|cost|fee|fare)s?(?: \([^)]*\))?(?::| is| was)? ?\d"
    r"|[价價费費](?:格|用|[钱錢])?(?:\([^)]*\))?[:是为為]? ?\d",
    re.IGNORECASE,
)
#: What names a time without a year in digits, or a year of a reign.
_ERA: Final = re.compile(
    r"\bcentur(?:y|ies)\b|\bdecade|\d0s\b|\b(?:BC|BCE|AD|CE|BP)\b|世[纪紀]|[元〇零一二三四五六七八九十\d]\s?年",
    re.IGNORECASE,
)


class _Asked(NamedTuple):
    """What a question insists on: its words there, and spellings of which the text has to have one."""

    words: str
    forms: frozenset[str]


@lru_cache(maxsize=64)  # a passage is looked at again for each of its sentences; about 20 kB each
def _stated(source: str) -> frozenset[str]:
    """Return the numbers, figures and dates of a text in one spelling."""
    whole = {term for one in figures(text.folded(source)) for term in one.terms}
    return frozenset(numbers(source) | whole)


@lru_cache(maxsize=64)
def _stems(source: str) -> frozenset[str]:
    """Return the beginnings of a text's words that names are compared by."""
    return frozenset(term[:_NAME_LETTERS] for term in text.terms(source))


def missing(
    question: str, said: str, around: str = "", unknown: Collection[str] = frozenset()
) -> tuple[str, ...]:
    """Return the question's words for what it insists on and a text lacks, in the order of the kinds.

    `said` is what is shown, `around` its passage, headings, title and file name; `unknown` are those terms of
    the question that no document has.
    """
    question, said = (legible(unicodedata.normalize("NFKC", words)) for words in (question, said))
    shown = (said, around)
    lacking = [*missing_figures(question, *shown), *missing_codes(question, *shown)]
    if _is_chinese(question) == _is_chinese(said):
        lacking += [*missing_names(question, *shown), *unknown_names(question, unknown, *shown)]
    if (denial := denial_of(question)) and not _DENIED.search(said):
        lacking.append(denial)
    if (price := _ASKS_PRICE.search(question)) and not _MONEY.search(said):
        lacking.append(price[0].strip())
    elif (asked := asked_figure(question)) and not holds_figure(question, said):
        lacking.append(asked)
    return tuple(dict.fromkeys(lacking))


def missing_figures(claim: str, *sources: str) -> list[str]:
    """Return the claim's figures, dates and numbers that no source states in any spelling."""
    asked = list(_asked_numbers(text.folded(claim)))
    stated = frozenset().union(*map(_stated, sources)) if asked else frozenset()
    return [_as_written(claim, one.words) for one in asked if not one.forms & stated]


def missing_codes(claim: str, *sources: str) -> list[str]:
    """Return the claim's names of letters and digits that stand in no source."""
    asked = [code.written for code in codes(text.folded(claim)) if _is_code(code)]
    return [
        _as_written(claim, code) for code in asked if not any(_has_code(source, code) for source in sources)
    ]


def missing_names(claim: str, *sources: str) -> list[str]:
    """Return the claim's words with a capital, but for the first, that stand in no source.

    A claim that writes every word with a capital names nothing by it.
    """
    plain = unicodedata.normalize("NFKC", claim)
    names = [name for name in _names(plain) if not any(_has_name(source, name) for source in sources)]
    return [*names, *_other_titles(plain, "\n".join(sources))]


def unknown_names(question: str, unknown: Collection[str], *sources: str) -> list[str]:
    """Return names in a Chinese question of which no document has a pair of characters, nor a source.

    That is: what stands before a word such as 项目 or 公司, and what begins like a person's name and does
    something. Most pairs that no document has stand across the borders of words.
    """
    plain = text.normalized(question)
    things = [(match[0].lstrip("的在由以与"), match[1]) for match in _THING.finditer(plain)]
    people = [
        (match[1], match[1]) for match in _PERSON.finditer(plain) if not match[1].startswith(_NO_PERSON)
    ]
    stated = "\n".join(map(text.folded, sources)) if things or people else ""
    found = [
        words
        for words, name in (*things, *people)
        if name not in stated and all(pair in unknown for pair in _pairs(name))
    ]
    return [_as_written(question, "".join(filter(text.is_cjk, words))) for words in found]


def missing_people(claim: str, source: str) -> list[str]:
    """Return names of people in a Chinese claim that a Chinese source does not have."""
    plain, stated = text.normalized(claim), text.folded(source)
    if not _is_chinese(source):
        return []
    people = [match[1] for match in _PERSON.finditer(plain) if not match[1].startswith(_NO_PERSON)]
    return [name for name in people if not any(pair in stated for pair in _pairs(name))]


def denial_of(question: str) -> str | None:
    """Return the denial in an English question for what is not, with the word behind it.

    In Chinese 不 and 没 stand in too many words and questions that deny nothing.
    """
    found = _DENIES.search(_EITHER.sub("", question))
    return found[0] if found else None


def asked_figure(question: str) -> str | None:
    """Return the words that ask for a year or for how many."""
    plain = text.folded(question)
    found = _ASKS_YEAR.search(plain) or _ASKS_COUNT.search(plain)
    return _as_written(question, found[0]) if found else None


def holds_figure(question: str, said: str) -> bool:
    """Return whether what is shown has a number beside the question's own, or a word that counts."""
    asked = {form for one in _asked_numbers(text.folded(question)) for form in one.forms}
    if _ASKS_YEAR.search(text.folded(question)):
        return any(len(one) > 2 for one in numbers(said) - asked) or _ERA.search(said) is not None
    if numbers(said) - asked:
        return True
    return _COUNT.search(said) is not None


def _is_chinese(words: str) -> bool:
    return text.cjk_share(words) > _CJK_SHARE


def _asked_numbers(folded: str) -> Iterator[_Asked]:
    rest = folded
    products = {match[1]: scaled(match) for match in SCALED.finditer(text.bare(folded))}
    for whole in figures(folded):
        rest = rest.replace(whole.written, " ", 1)
        product = {products[whole.written]} if whole.written in products else set()
        yield from _ends_of_range(whole) or [_Asked(whole.written, _spellings(whole) | product)]
    for century in _CENTURY.finditer(rest):
        rest = rest.replace(century[0], " ", 1)
        yield _Asked(century[0], _years_of(int(century[1])))
    for year in _CHINESE_YEAR.findall(rest):
        yield _Asked(year, frozenset({number(year)}))
    for written, digits in written_out(rest):
        yield _Asked(written, frozenset({digits}))
    for code in codes(rest):
        rest = rest.replace(code.written, " ", 1)
        if measure := _MEASURE.fullmatch(code.written):
            yield _Asked(code.written, _amounts(measure[1], measure[2]))
    rest = text.normalized(rest)
    for match in re.finditer(r"(['\u2019]?)(\d+)", rest):
        digits = match[2]
        short = {f"{century}{digits}" for century in _CENTURIES} if match[1] and len(digits) == 2 else set()
        yield _Asked(digits, frozenset({number(digits), products.get(digits, number(digits)), *short}))


def _years_of(century: int) -> frozenset[str]:
    """Return the number of a century and its years, of which a text may name one instead."""
    years = range(100 * (century - 1), 100 * century)
    return frozenset({str(century), *map(str, years)})


def _amounts(digits: str, unit: str) -> frozenset[str]:
    """Return the number of a measure; of a decade, such as 1990s and 90s, all years."""
    if unit != "s":
        return frozenset({number(digits)})
    if len(digits) == 4 and digits.endswith("00"):
        return _years_of(int(digits[:2]) + 1)
    centuries = _CENTURIES if len(digits) == 2 else ("",)
    return frozenset(f"{century}{digits[:-1]}{year}" for century in centuries for year in range(10))


def _ends_of_range(whole: Whole) -> list[_Asked]:
    """Return both ends of a range such as 1914-1918, which a text may join by another sign or word."""
    ends = re.fullmatch(r"(\d+)[-/](\d+)", whole.written)
    return [_Asked(end, frozenset({number(end)})) for end in ends.groups()] if ends else []


def _spellings(whole: Whole) -> frozenset[str]:
    """Return the terms that say as much as the figure: 1.234 may be 1234."""
    is_date = len(whole.terms) > 2
    return frozenset(whole.terms[:1] if is_date else whole.terms)


def _is_code(code: Whole) -> bool:
    """Return whether a word of letters and digits is a name, and no ordinal, decade or measure."""
    is_mixed = any(map(str.isdecimal, code.terms[0])) and any(map(str.isalpha, code.terms[0]))
    return is_mixed and not _MEASURE.fullmatch(code.written)


def _pairs(characters: str) -> list[str]:
    return [characters[at : at + 2] for at in range(len(characters) - 1)]


def _as_written(claim: str, folded: str) -> str:
    """Return the claim's own spelling of a folded word."""
    plain = unicodedata.normalize("NFKC", claim)
    start = "".join(text.folded(one)[:1] or " " for one in plain).find(folded.strip())
    return plain[start : start + len(folded.strip())] if start >= 0 else folded.strip()


def _names(claim: str) -> list[str]:
    for whole in figures(text.folded(claim)):  # a month is no name
        claim = re.sub(re.escape(whole.written), " ", claim, count=1, flags=re.IGNORECASE)
    words = [match[0] for match in _WORD.finditer(latin(claim))]
    if not any(word.islower() and not _is_stopword(word) for word in words[1:]):
        return []
    rest = claim.removeprefix(words[0]) if claim.startswith(words[0]) else claim
    found = [name for name in _NAME.findall(latin(rest)) if len(name) > 2 and not _is_stopword(name)]
    return [name for name in found if not ROMAN.fullmatch(name) and name not in _TITLES]


def _has_code(source: str, written: str) -> bool:
    """Return whether the code stands there, with or without something between letters and digits."""
    pieces = _PIECE.findall(written)
    end = r"(?!\d)" if pieces[-1].isdecimal() else "(?![a-z])"
    found = r"(?<![a-z0-9])" + "[-_./ ]?".join(map(re.escape, pieces)) + end
    return re.search(found, text.folded(source)) is not None


def _has_name(source: str, name: str) -> bool:
    """Return whether the name stands there, glued to another word or misspelt by a letter as well."""
    if any(term[:_NAME_LETTERS] in _stems(source) for term in text.terms(name)):
        return True
    folded = text.folded(source)
    flat = _flat(text.folded(name))[: _NAME_LETTERS + 1]
    return flat in _flat(folded) or _is_misspelt(name, set(re.findall("[a-z]+", folded)))


def _flat(folded: str) -> str:
    return "".join(re.findall("[a-z0-9]+", folded))


def _is_misspelt(name: str, words: Collection[str]) -> bool:
    """Return whether a long name stands there with one letter changed, left out or added."""
    wanted = text.folded(name)
    if len(wanted) < _LONG_NAME:
        return False
    return any(
        abs(len(word) - len(wanted)) <= 1 and _shared_ends(wanted, word) >= max(len(wanted), len(word)) - 1
        for word in words
    )


def _shared_ends(one: str, two: str) -> int:
    """Return how many letters two words share at their beginning and, of the rest, at their end."""
    begin = _shared_beginning(one, two)
    return begin + _shared_beginning(one[begin:][::-1], two[begin:][::-1])


def _shared_beginning(one: str, two: str) -> int:
    return sum(1 for _ in takewhile(lambda letters: letters[0] == letters[1], zip(one, two, strict=False)))


def _other_titles(claim: str, source: str) -> Iterator[str]:
    """Yield people of whom the source knows only a man of that name, or only a woman."""
    for pattern, title, name in ((_TITLED, 1, 2), (_CHINESE_TITLED, 2, 1)):
        for match in pattern.finditer(claim):
            others = [one[title] in _MALE for one in pattern.finditer(source) if one[name] == match[name]]
            if others and (match[title] in _MALE) not in others:
                yield match[0]


def _is_stopword(word: str) -> bool:
    return word.casefold() in text.STOPWORDS
