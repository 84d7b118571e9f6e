"""Questions that a sentence answers, made of its own words: for people who do not know what to ask.

A form names what a sentence says of its subject: when, who, how many, what it is. A subject with a verb of
its own or a word that points elsewhere makes no question; rather none than one that nobody would ask so.

>>> question_of("The harbour master is called Ottilie Brandt.")
Example(question='What is the harbour master called?', kind='name')
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from kotaemon_async.answers import examples_zh
from kotaemon_async.domain.text import cjk_share

#: What a question asks for.
Kind = Literal[
    "name", "date", "person", "figure", "place", "reason", "part", "definition", "topic", "summary"
]

_MOST_SUBJECT: Final = 60
_MOST_WORDS: Final = 8
_LONGEST: Final = 110
_CJK_SHARE: Final = 0.3

_POINTING: Final = """
    it they this these those that he she we i you there here his her its their our your my such some many
    most both one another other others each several few all any no none not what which who whose whom when
    where why how in on at by for from of to with without within under over after before during since
    until while although though because if unless as like than then however but and or nor also so yet
    thus therefore hence moreover furthermore additionally finally first second third next later today now
    figure fig table section chapter note see e.g i.e following above below despite according instead only
    even just more less same likewise similarly one two three four five six seven eight nine ten ours theirs
    recently importantly interestingly notably specifically generally
"""
_VERBS: Final = """
    is are was were be been being has have had do does did can could will would may might must shall
    should that which who whose whom where when while because if then also not there suggest suggests
    suggested show shows showed shown find finds found report reports reported indicate indicates
    indicated demonstrate demonstrates believe believed state stated say says said think argue argued
    claim claimed note noted see seen consider considered became become becomes made make makes took take
    takes went go goes came come comes gave give gives led began held use uses used include includes
    included including require requires required need needs needed cause causes caused provide provides
    provided remain remains remained contain contains contained wrote won lost got became and or but said
    says however often usually generally currently now still then mainly only both either neither reveals
    revealed means meant thought know known consists describes described latter former study paper article
    authors results conclusion conclusions hypothesis aim goal purpose present this these those it he she
    they his her its their each every likewise
"""
_NO_BEGINNING: Final = frozenset(_POINTING.split())
_NOT_INSIDE: Final = frozenset(_VERBS.split())
#: Words with this end are adverbs, or participles, but for these.
_ADVERB: Final = re.compile(r"(?!(?:famil|ital|assembl|jul|suppl|monopol|anomal|butterfl)y).*(?:ly|ed|ing)$")
#: What is counted only beside something else.
#: Asides that stand between a subject and its verb.
_ASIDE: Final = re.compile(
    r"\s*\([^()]*\)|\s*\[[^\[\]]{0,24}\]|, (?:officially|formally|also|or|historically|literally"
    r"|sometimes)\b[^,]{0,60},"
)
#: A figure that is no part of a name; raised numbers of notes look so, too.
_LOOSE_FIGURE: Final = re.compile(r"[$€£%]|\d{3,}|(?<=[a-z] )\d{1,2}$")
_COMPARED: Final = ("more ", "less ", "other ", "different ", "additional ", "times", "years old")
_LAST: Final = "of in on at by for from to with a an the and or as into its their his her our"
_NO_END: Final = frozenset(_LAST.split())
_DETERMINERS: Final = frozenset(("the", "a", "an", "our", "each", "every"))

_X: Final = r"(?P<x>[A-Z0-9][^,;:()\[\]\"“”?!]{2,58}?)"
_ABOUT: Final = (
    r"(?:about |some |around |approximately |roughly |nearly |almost |more than |over |only |at least |up to "
    r"|at most )*"
)
_NUMBER: Final = (
    r"(?:[€$£¥]\s?)?(?:\d[\d,.]*(?: (?:thousand|million|billion))?|two|three|four|five|six|seven"
    r"|eight|nine|ten"
    r"|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
    r"|sixty|hundreds)"
)
_DATE: Final = (
    r"(?:in|on|since|around|from) (?:the )?(?:(?:early|late|mid)[- ])?(?:\d{1,2} )?"
    r"(?:(?:January|February|March|April|May|June|July|August|September|October|November|December)\b,? ?"
    r"(?:\d{1,2}(?:st|nd|rd|th)?,? ?)?)?\d{4}\b"
)
_DONE: Final = (
    r"(?P<v>(?:first |officially |originally |finally )?(?:[a-z]{2,}ed|built|found|held|made|begun|written"
    r"|sold|bought|taken|given|set up|shown|known|won|lost|sent|put|cut|torn down|born|chosen|drawn|led|laid"
    r"|struck|hit|sunk))"
)
#: What people do to things, and the past of it.
_PAST: Final = {
    "written": "wrote",
    "drawn": "drew",
    "chosen": "chose",
    "led": "led",
    "built": "built",
    "won": "won",
}
_BY: Final = (
    r"(?P<v>written|built|founded|invented|discovered|designed|painted|composed|directed"
    r"|developed|created|established"
    r"|drawn|chosen|led|owned|produced|published|proposed|commissioned|introduced|signed|won"
    r"|conquered|defeated|coined"
    r"|described|repaired|restored|funded|maintained|checked|approved)"
)
_BASE: Final = {
    "consists of": "consist of", "requires": "require", "includes": "include", "contains": "contain",
    "causes": "cause", "provides": "provide", "means": "mean", "covers": "cover", "produces": "produce",
    "affects": "affect", "prevents": "prevent",
    "protects": "protect", "regulates": "regulate", "determines": "determine", "encodes": "encode",
    "eats": "eat", "describes": "describe", "enables": "enable",
}  # fmt: skip
_ENDED: Final = {
    "died": "die", "opened": "open", "began": "begin", "started": "start", "ended": "end", "closed": "close",
    "collapsed": "collapse", "arrived": "arrive", "retired": "retire", "sank": "sink", "fell": "fall",
    "expires": "expire", "ends": "end", "begins": "begin", "starts": "start", "opens": "open",
}  # fmt: skip
#: What a manual tells to do again and again.
_TASKS: Final = {
    "replace": "replaced", "clean": "cleaned",
    "check": "checked", "inspect": "inspected", "grease": "greased",
    "oil": "oiled", "change": "changed", "lubricate": "lubricated", "test": "tested", "empty": "emptied",
    "calibrate": "calibrated", "renew": "renewed",
    "rinse": "rinsed", "charge": "charged", "update": "updated",
}  # fmt: skip
_HAVE: Final = {
    "has": ("does", "have"), "have": ("do", "have"), "had": ("did", "have"), "contains": ("does", "contain"),
    "contain": ("do", "contain"), "holds": ("does", "hold"),
    "employs": ("does", "employ"), "owns": ("does", "own"),
    "operates": ("does", "operate"), "serves": ("does", "serve"),
}  # fmt: skip
_MADE_OF: Final = "|".join(_BASE)
_PERSON: Final = re.compile(
    r"\b(?:\w{3,}(?:ist|ian|ologer|grapher|wright)|actor|actress|author|baker|captain|chancellor"
    r"|commander|composer"
    r"|director|emperor|engineer|explorer|founder|general|governor|inventor|king|lawyer|leader"
    r"|manager|mathematician"
    r"|mayor|member|minister|officer|painter|philosopher|player|poet|pope|president|prince"
    r"|princess|professor|queen"
    r"|ruler|scholar|singer|soldier|teacher|writer|woman|man|son|daughter|brother|sister)\b"
)

_LONGEST_TITLE: Final = 90
_NO_TITLE: Final = re.compile(
    r"(?:table of )?contents|abstract|introduction|summary|overview|preface|foreword|untitled.*"
    r"|document\d*|page \d+"
    r"|slide \d+|sheet ?\d*|目[录錄]|摘要|前言|引言|正文|[封首][面页頁]",
    re.IGNORECASE,
)
#: One of a series: another one is called nearly so, and would be found as well.
_OF_A_SERIES: Final = re.compile(
    r"第[\d一二三四五六七八九十]+[册冊卷期集部辑輯回章]"
    r"|\b(?:vol(?:ume)?|part|issue|no|chapter|book)\b\.? ?[\dIVX]+",
    re.IGNORECASE,
)
_HEADING_NUMBER: Final = re.compile(
    r"^(?:(?:\d{1,2}|[IVX]+)[.)]?(?:\d+[.)]?)*|第[一二三四五六七八九十\d]+[章节条部分]+|[一二三四五六七八九十]+、)\s+"
    r"|^(?:第[一二三四五六七八九十\d]+[章节条部分]+|[一二三四五六七八九十]+、)"
)


@dataclass(frozen=True, slots=True)
class Example:
    """A question that a document answers, and what it asks for."""

    question: str
    kind: Kind


_Make = Callable[[re.Match[str], str], str | None]


def _when(match: re.Match[str], x: str) -> str | None:
    rest = match["rest"].strip()
    if re.search(r"\b(?:there|here|then|it|them|that|which|and)\b", rest):
        return None
    return f"When {match['be']} {x} {match['v']}{f' {rest}' if rest else ''}?"


def _when_active(match: re.Match[str], x: str) -> str:
    is_present = match["v"].endswith("s")
    return f"When {'does' if is_present else 'did'} {x} {_ENDED[match['v']]}?"


def _how_many(match: re.Match[str], x: str) -> str | None:
    auxiliary, base = _HAVE[match["v"]]
    if match["n"].startswith(_COMPARED):
        return None
    return f"How many {match['n']} {auxiliary} {x} {base}?"


def _how_often(match: re.Match[str], x: str) -> str:
    auxiliary, _, be = match["be"].partition(" ")
    if match["be"] == "has to be":
        return f"How often does {x} have to be {match['v']}?"
    return f"How often {auxiliary} {x} {f'{be} ' if be else ''}{match['v']}?"


def _how_much(match: re.Match[str], x: str) -> str:
    base = match["v"].rstrip("s")
    is_present = match["v"].endswith("s") or (base == "weigh")
    return f"How much {'does' if is_present else 'did'} {x} {base}?"


def _what_is(match: re.Match[str], x: str) -> str | None:
    kind_of = re.split(r"\b(?:of|that|which|who|whose|in|for|from|to|by|with|and|on|at)\b|[,.]", match["y"])[
        0
    ]
    is_person = _PERSON.search(kind_of) is not None and x[:1].isupper()
    is_the = x.split(maxsplit=1)[0] in _DETERMINERS
    if _LOOSE_FIGURE.search(x) or (match["be"] in ("was", "were") and x == x.lower()):
        return None
    content = [word for word in x.split() if word not in _DETERMINERS]
    if not content or (
        is_the and (match["be"] in ("was", "were") or len(content) < 2) and content[0].islower()
    ):
        return None
    return f"{'Who' if is_person else 'What'} {match['be']} {x}?"


_AGENT: Final = (
    r"developed|invented|discovered|founded|established|designed|created|wrote|introduced|proposed|built"
    r"|painted|composed|defeated|conquered|proclaimed|coined|pioneered|commissioned|patented"
)
_CHANGED: Final = {
    "declined": "decline", "decreased": "decrease", "increased": "increase", "fell": "fall", "rose": "rise",
    "grew": "grow", "dropped": "drop",
}  # fmt: skip
_LASTED: Final = {"takes": "take", "took": "take", "lasts": "last", "lasted": "last", "lived": "live"}
_SPAN: Final = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?)"
_POINTS_ELSEWHERE: Final = re.compile(
    r"\b(?:it|its|they|them|their|he|his|him|she|her|this|that|these|those|we|our|which|who|there|so|such)\b"
)


def _why(match: re.Match[str], x: str) -> str | None:
    return None if _POINTS_ELSEWHERE.search(match["r"]) else f"Why {match['be']} {x} {match['r']}?"


def _who_did(match: re.Match[str], x: str) -> str | None:
    thing = match["o"].strip()
    is_named = bool(re.search(r"[A-Z]", thing)) or len(thing.split()) > 2
    return f"Who {match['v']} {thing}?" if is_named and not _POINTS_ELSEWHERE.search(thing) and x else None


def _what_share(match: re.Match[str], x: str) -> str | None:
    return None if _POINTS_ELSEWHERE.search(match["r"]) else f"What percentage of {x} {match['r']}?"


def _until_when(match: re.Match[str], x: str) -> str | None:
    return None if _POINTS_ELSEWHERE.search(match["r"]) else f"When {match['m']} {x} {match['r']}?"


#: The forms of an English sentence, what they ask for, and the question; `x` is the subject.
_FORMS: Final[tuple[tuple[Kind, re.Pattern[str], _Make], ...]] = (
    (
        "name",
        re.compile(rf"{_X} (?P<be>is|was|are|were) (?:called|named) [\"“A-Z]"),
        lambda match, x: f"What {match['be']} {x} called?" if x.split()[0] in _DETERMINERS else None,
    ),
    (
        "person",
        re.compile(rf"{_X} (?:was|were|is|are) {_BY} by (?:the )?[A-Z]"),
        lambda match, x: f"Who {_PAST.get(match['v'], match['v'])} {x}?",
    ),
    (
        "date",
        re.compile(rf"{_X} (?P<be>was|were|is|are) {_DONE}(?P<rest>(?: [a-zA-Z'’-]+){{0,4}}?) {_DATE}"),
        _when,
    ),
    ("date", re.compile(rf"{_X} (?P<v>{'|'.join(_ENDED)}) {_DATE}"), _when_active),
    (
        "date",
        re.compile(rf"{_DATE.replace('in|on', 'In|On').replace('since|around|from', 'Around')}, ?{_X}"
                   rf" (?P<be>was|were) {_DONE}(?P<rest>(?: [a-zA-Z'’-]+){{0,5}}?)[.,;]"),
        _when,
    ),
    (
        "date",
        re.compile(rf"{_X} (?P<m>must|should|shall) (?P<r>(?:be )?[a-z]+[^,;:.]{{0,60}}?) (?:within"
                   rf"|no later than"
                   r"|before|by) (?:\w+ ){0,3}\w"),
        _until_when,
    ),
    ("reason", re.compile(rf"{_X} (?P<be>is|are|was|were) (?P<r>[^,;:.]{{4,70}}?),? (?:because"
                          rf"|due to|owing to) "),
     _why),
    (
        "person",
        re.compile(rf"(?:[A-Z][^,.;]{{2,40}}, )?(?:[A-Za-z]+ (?:[a-z]+"
                   rf" ){{1,3}})?(?P<x>[A-Z][\w'’.-]+(?: [A-Z][\w'’.-]+)+)"
                   rf" (?P<v>{_AGENT}) (?P<o>[^,;:().]{{3,60}}?)(?=[,.;:(]| (?:in|with|to|by|on|at"
                   rf"|as|for|during"
                   r"|when|which|that|and|from|after|before)\b)"),
        _who_did,
    ),
    (
        "figure",
        re.compile(rf"(?:About |Around |Nearly |Over |Almost |Some |Only "
                   rf"|Approximately )?{_NUMBER}(?:%| percent| per cent)"
                   r" of (?P<x>[^,;:()]{3,60}?) (?P<r>(?:are|is|was|were|did not|do not|have|had"
                   r"|has|live|lived|use"
                   r"|used|died|reported|said) ?[^.,;]{3,60}?)[.;,]"),
        _what_share,
    ),
    (
        "figure",
        re.compile(rf"{_X} (?:has |have |had )?(?P<v>{'|'.join(_CHANGED)}) (?:by|from) {_ABOUT}{_NUMBER}"),
        lambda match, x: f"By how much did {x} {_CHANGED[match['v']]}?",
    ),
    (
        "figure",
        re.compile(rf"{_X} (?P<v>{'|'.join(_LASTED)}) {_ABOUT}{_NUMBER} {_SPAN}\b"),
        lambda match, x: f"How long {'does' if match['v'].endswith('s') else 'did'} {x}"
                         f" {_LASTED[match['v']]}?",
    ),
    (
        "figure",
        re.compile(rf"There (?P<be>are"
                   rf"|were) {_ABOUT}{_NUMBER} (?P<x>[a-z][a-z -]{{3,40}}?s) (?P<y>(?:in|on|at) (?:the )?"
                   r"[A-Z][^,;:.()]{2,40}?)(?=[,.;]| (?:and|that|which|with)\b)"),
        lambda match, x: f"How many {x} {match['be']} there {match['y']}?",
    ),
    (
        "figure",
        re.compile(rf"{_X} (?P<be>is|are|was|were|must be|should be|has to be) {_DONE} (?:once )?every \w"),
        _how_often,
    ),
    (
        "figure",
        re.compile(
            rf"(?P<v>{'|'.join(one.capitalize() for one in _TASKS)}) (?P<x>the [^,;:.]{{3,50}}?)"
            r" (?:(?:after |at least )?every|once an?|once every) \w"
        ),
        lambda match, x: f"How often should {x} be {_TASKS[match['v'].lower()]}?",
    ),
    (
        "figure",
        re.compile(rf"{_X} (?P<v>costs?|weighs?) {_ABOUT}{_NUMBER}"),
        _how_much,
    ),
    (
        "figure",
        re.compile(rf"{_X} (?P<v>{'|'.join(_HAVE)}) {_ABOUT}{_NUMBER} (?P<n>(?:[a-z-]+ )?[a-z-]{{3,}}s)\b"),
        _how_many,
    ),
    (
        "figure",
        re.compile(
            rf"{_X} (?P<be>is|was|are|were) {_ABOUT}{_NUMBER} [a-z]+ (?P<how>long|high|wide|deep"
            rf"|tall|old|heavy|thick)\b"
        ),
        lambda match, x: f"How {match['how']} {match['be']} {x}?",
    ),
    (
        "figure",
        re.compile(rf"(?P<x>The [^,;:()]{{3,55}}?) (?P<be>is|was|are|were) {_ABOUT}{_NUMBER}(?!\d)"),
        lambda match, x: f"What {match['be']} {x}?",
    ),
    (
        "place",
        re.compile(rf"{_X} (?P<be>is|was|are|were) (?P<v>located|situated|headquartered|stored|kept|buried"
                   rf"|born)"
                   r" (?:in|at|on|near|between) (?!\d)"),
        lambda match, x: f"Where {match['be']} {x} {match['v']}?",
    ),
    (
        "place",
        re.compile(rf"{_X} lies (?:in|at|on|near|between) (?!\d)"),
        lambda _, x: f"Where does {x} lie?",
    ),
    (
        "part",
        re.compile(rf"{_X} (?P<v>{_MADE_OF}) (?:\w+[ ,.]+){{2}}"),
        lambda match, x: f"What does {x} {_BASE[match['v']]}?",
    ),
    (
        "definition",
        re.compile(rf"{_X} (?P<be>is|are|was|were) (?:an? |the |one of )(?P<y>(?:[\w'’-]+[ ,.]+){{2,}})"),
        _what_is,
    ),
)  # fmt: skip


def question_of(
    sentence: str,
    common: Callable[[str], bool] = lambda _: False,
    known: Callable[[str], bool] = lambda _: False,
) -> Example | None:
    """Return a question that the sentence answers, None when it has none of the forms.

    `common` says whether a word is written small elsewhere, and so is no name; `known` whether a reader
    knows which one is meant by a single common word: the crane.
    """
    if cjk_share(sentence) > _CJK_SHARE:
        found = examples_zh.question_of(sentence)
        return None if found is None else Example(*found)
    plain = _ASIDE.sub("", sentence)
    for kind, form, make in _FORMS:
        match = form.match(plain)
        if (
            match is None
            or not _is_subject(match["x"])
            or _is_vague(match["x"], known)
            or (kind != "definition" and _is_any(match["x"]))
        ):
            continue
        question = make(match, _small(match["x"], common))
        if question is not None and len(question) <= _LONGEST:
            return Example(question, kind)
    return None


def question_on(heading: str, common: Callable[[str], bool] = lambda _: False) -> Example | None:
    """Return a question on what stands below a heading; None for one that names no subject."""
    plain = _HEADING_NUMBER.sub("", heading.replace("_", " "))
    if cjk_share(plain) > _CJK_SHARE:
        said = examples_zh.question_on(plain)
        return None if said is None else Example(said, "topic")
    words = plain.split()
    if (
        not 2 <= len(words) <= _MOST_WORDS
        or not _is_subject(plain)
        or re.search(r"n['’]t\b|[:;,?!|/]|\.\w|\d{3}", plain)
    ):
        return None
    return Example(f"What does the document say about {_small(plain, common)}?", "topic")


def _is_any(x: str) -> bool:
    """Return whether the subject is one of several, so that nobody would know which is meant."""
    return x.split(maxsplit=1)[0].lower() in ("a", "an", "each", "every")


def _is_vague(x: str, known: Callable[[str], bool]) -> bool:
    """Return whether the subject is a single common word of which a reader cannot know which one is meant."""
    first, _, rest = x.partition(" ")
    return first.lower() in _DETERMINERS and rest.islower() and " " not in rest and not known(rest)


def summary_of(title: str) -> Example | None:
    """Return the wish to have the document of that title summed up; None for one that names nothing."""
    plain = " ".join(title.replace("_", " ").split()).strip(" .。:：")
    is_cjk = cjk_share(plain) > _CJK_SHARE
    is_name = (
        len(plain) >= (2 if is_cjk else 4)
        and any(map(str.isalpha, plain))
        and not re.search(r"[“”《》]", plain)
    )
    if not is_name or len(plain) > _LONGEST_TITLE or _NO_TITLE.fullmatch(plain) or _OF_A_SERIES.search(plain):
        return None
    return Example(f"总结《{plain}》这份文档" if is_cjk else f"Summarize the document “{plain}”.", "summary")


def _is_subject(x: str) -> bool:
    words = x.split()
    small = [word.strip(".'’").casefold() for word in words]
    if not words or len(x) > _MOST_SUBJECT or len(words) > _MOST_WORDS or not re.search(r"[A-Za-z]{2}", x):
        return False
    if (
        small[0] in _NO_BEGINNING
        or small[-1] in _NO_END
        or small[0].endswith("ly")
        or small[0].endswith("ing")
    ):
        return False
    if _ADVERB.match(small[-1]) and len(small) > 1:
        return False
    return not any(word in _NOT_INSIDE for word in small) and not re.search(r"https?|@|\.\s", x)


def _small(x: str, common: Callable[[str], bool]) -> str:
    """Return the subject as it stands within a sentence: with a small letter unless it begins with a name."""
    first, _, rest = x.partition(" ")
    is_small = first.lower() in _DETERMINERS or (first.istitle() and common(first.lower()))
    if not is_small:
        return x
    return f"{first.lower()} {rest}" if rest else first.lower()
