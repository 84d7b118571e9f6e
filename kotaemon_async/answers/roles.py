"""What a question asks to be told of its subject - a birth, a capital, a price - and whether a text tells it.

A sentence about the right person that tells of his company does not answer where he was born. Only what is
asked for often and said in few ways is looked for.

>>> untold("Where was Ada Holt born?", "Ada Holt founded a company in Hale.")
['born']
>>> untold("Where was Ada Holt born?", "Ada Holt is a native of Hale.")
[]
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final

from kotaemon_async.domain import text

#: What stands behind a name in brackets, two years or days, is a life.
_LIFE: Final = re.compile(
    r"[A-Z\u4e00-\u9fff][\w.'\u2019-]* ?[(（；;]"
    r"[^()]{0,40}(?<!\d)\d{3,4}(?!\d)[^()]{0,12}[-~–—－～]\s?"
    r"(?:[^()]{0,20}[)）]|\d{3,4}年)"
)
_OF_A_LIFE: Final = re.compile(r"born|birth|die|dea|pass|出生|诞生|生于|世|死")

#: Asked with the words of one line, told with those of the lines below it.
_ROLES: Final = (
    (
        r"\bborn\b|\bbirth(?:place|day)?\b|出生|诞生|生于",
        r"\bborn\b|\bbirth|\bnative of\b|出生|诞生|生于",
    ),
    (
        r"\bdied?\b|\bdeath\b|\bpass(?:ed)? away\b|去世|逝世|怎么死|死于|死亡|死的|过世",
        r"\bdie[ds]?\b|\bdying\b|\bdeaths?\b|\bdead\b|\bkilled\b|\bpass(?:ed)? away\b|\bexecut"
        r"|\bassassinat|\bsuicide\b|[死亡卒薨崩斩]|去世|逝世|过世|遇害|病故|被杀|自杀|牺牲|处决|自尽|辞世",
    ),
    (
        r"\bmarr(?:y|ied|iage)\b|\bwife\b|\bhusband\b|\bspouse\b|结婚|妻子|丈夫|老婆|娶|嫁",
        r"\bmarr|\bwife\b|\bwives\b|\bhusband|\bspouse|\bwed|\bwidow|\bbride"
        r"|婚|妻|丈夫|娶|嫁|夫人|皇后|配偶",
    ),
    (
        r"'s (?:father|mother|parents)\b|\b(?:father|mother|parents) of\b|父亲|母亲|父母|爸爸|妈妈",
        r"\bfather|\bmother|\bparents?\b|\bsons?\b|\bdaughter|\bborn to\b|\bchild"
        r"|父|母|之子|儿子|女儿|长子|次子|[一二三四五六七八九]子",
    ),
    (
        r"\bfound(?:ed|ers?)\b|创立|创办|创始|创建|成立|建立",
        r"\bfound(?:ed|ers?|ing|ation)\b|\bestablish|\bset up\b|\bcreat|\bform(?:ed|ation|ing)\b"
        r"|\bstart|\bbuil[dt]|\blaunch|\borgani[sz]|\bincorporat|\binstitut|\borigin|\bbeg[aiu]n"
        r"|\bopened\b|[创建]|诞生|成立|设立|奠|开国|改组|组成|起源",
    ),
    (
        r"\binvent(?:ed|or|s)?\b|发明",
        r"\binvent|\bpatent|\bdevelop|\bdevis|\bpioneer|\bcreat|\bdesign|\bdiscover|\bintroduc"
        r"|\bproduc|发明|首创|研制|创|研发|开发|提出|设计|发现",
    ),
    (
        r"\bdiscover(?:ed|er|s)?\b|发现",
        r"\bdiscover|\bfound\b|\bidentif|\bisolat|\bdetect|\bobserv|\bfirst\b|发现|首次|分离|观测|检测",
    ),
    (
        r"\bdesign(?:ed|er)\b|\barchitect\b|设计",
        r"\bdesign|\barchitect|\bplan|\bbuilt by\b|设计|规划|建筑师",
    ),
    (
        r"\bcapital(?: city)?(?= of\b)|首都|国都|都城",
        r"\bcapitals?\b|\bseat of\b|首都|国都|都城|定都|建都|迁都|京城|首府|省会|[上大中东西南北]都",
    ),
    (
        r"\bpopulation\b|\binhabitants\b|\bpeople live[sd]?\b|人口|居民",
        r"\bpopula|\binhabit|\bresident|\bpeople\b|\bcitizens\b|\bhome to\b|人口|居民|人数|\d ?万?人",
    ),
    (r"\bhow tall\b|身高", r"\btall\b|\bheight|\bhigh\b|\bfeet\b|\bm\b|\bcm\b|身高|[高米]"),
    (
        r"\bcrowned\b|\bcoronation\b|加冕|登基|即位",
        r"\bcrown|\bcoronat|\bthrone\b|\bking in\b|\bbecame (?:king|queen|emperor)|\bsucceed|\breign"
        r"|加冕|登基|即位|继位|称帝|登上",
    ),
    (
        r"\bkill(?:ed)?\b|\bmurder(?:ed)?\b|杀死|杀害",
        r"\bkill|\bmurder|\bmassacr|\bexecut|\bslain\b|\bslaughter|\bdead\b|\bdeaths?\b|\bdied\b"
        r"|\bshot\b|\blives\b|[杀斩死]|处决|遇害",
    ),
    (
        r"\b(?:fall|collapse) of\b|\bcollapsed?\b|灭亡|覆灭",
        r"\bfall\b|\bfell\b|\bcollaps|\bconquer|\bconquest|\bcaptured?\b|\bend(?:ed|s)?\b"
        r"|[灭亡]|攻陷|陷落|终结|结束",
    ),
    (r"\bbox office\b|票房", r"\bbox office\b|\bgross|\bearn|票房|卖座|[收进]入"),
    (
        r"\bsymbol\b|\bemblem\b|\bmascot\b|标志|象征|吉祥物",
        r"\bsymbol|\bemblem|\bmascot|\blogo|标志|象征|吉祥物|代表",
    ),
    (
        r"\b(?:what|which) colou?r\b|什么颜色|哪种颜色",
        r"\bcolou?r|\b(?:red|blue|green|black|white|yellow|brown|gr[ae]y|pink|purple|orange)\b"
        r"|[红蓝绿黑白黄灰紫橙棕褐色]",
    ),
)


def asked(question: str) -> list[str]:
    """Return the words with which a question asks for any of them."""
    return [words for words, _ in _asked(question)]


def told_terms(question: str, said: str) -> frozenset[str]:
    """Return the terms by which a question asks for what a text tells, in whatever words."""
    found = (words for words, is_told in _told(question, said) if is_told)
    return frozenset(term for words in found for term in text.terms(words))


def untold(question: str, said: str) -> list[str]:
    """Return the words of a question for what of its subject a text does not tell."""
    return [words for words, is_told in _told(question, said) if not is_told]


def _told(question: str, said: str) -> Iterator[tuple[str, bool]]:
    """Yield the words for what is asked, and whether a text tells it."""
    wanted = _asked(question)
    plain = text.folded(said) if wanted else ""
    for words, told in wanted:
        is_life = _OF_A_LIFE.search(words) and _LIFE.search(said)
        yield words, bool(told.search(plain) or is_life)


@lru_cache(maxsize=64)  # asked again for each sentence
def _asked(question: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the words for what is asked, and how it is told."""
    plain = text.folded(question)
    found = ((asks.search(plain), told) for asks, told in _patterns())
    return tuple((match[0], told) for match, told in found if match)


@cache
def _patterns() -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    return [(re.compile(asks), re.compile(told)) for asks, told in _ROLES]
