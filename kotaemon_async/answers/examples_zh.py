"""Questions that a Chinese sentence answers, made of its own words.

>>> question_of("轴封每四千小时更换一次。")
('轴封多久更换一次？', 'figure')
"""

import re
from collections.abc import Callable
from typing import Final, Literal

from kotaemon_async.domain.text import folded, is_cjk

_Kind = Literal[
    "name", "date", "person", "figure", "place", "reason", "part", "definition", "topic", "summary"
]

_LEAST: Final = 2
_MOST: Final = 16
_X: Final = r"(?P<x>[\u4e00-\u9fffA-Za-z0-9·《》（）()「」“” \-]{2,24}?)"
_YEAR: Final = r"(?:公元)?(?:\d{2,4}|[一二三四五六七八九〇零○]{4})年(?:\d{1,2}月)?(?:\d{1,2}日)?"
_NUMBER: Final = (
    r"(?:约|大约|近|超过|共|共有|只有|达|达到|仅)?\s?[\d一二三四五六七八九十百千万亿两]"
    r"[\d,.一二三四五六七八九十百千万亿两]*"
)
_DONE: Final = (
    r"(?P<v>建成|成立|创立|創立|创建|創建|建立|开通|開通|启用|啟用|开业|開業|出生|逝世|去世|发布"
    r"|發布|出版|通车|通車|竣工|开工"
    r"|開工|开幕|開幕|颁布|頒布|生效|上市|设立|設立|落成|举行|舉行|毕业|畢業|退役|解散|发现|發現"
    r"|发明|發明|播出|上映)"
)
#: What is done has no object.
_DONE_END: Final = r"(?=[，。；、,於于在]|$)"
_UNITS: Final = r"(?:个|個|名|位|人|座|所|家|条|條|种|種|台|臺|辆|輛|间|間|层|層|章|篇|次|艘|架|门|門)"
_MEASURES: Final = (
    r"(?:面积|面積|人口|长度|長度|高度|宽度|深度|海拔|重量|温度|溫度|压力|速度|价格|價格|费用"
    r"|費用|容量|功率|总长|總長|全长"
    r"|全長|年产量|数量|數量|预算|期限|保修期|有效期|工期|总投资|總投資|投资额|票房|产值|產值|营业额|營業額|收入|利润"
    r"|销量|身高|体重|體重|寿命|壽命)"
)
#: How a clause ends that says who somebody is.
_PERSON: Final = re.compile(
    r"^.{0,6}一[位名]|人物$|(?:(?<![国國])家|者|[员員]|[师師]|手|(?<!机器)(?<!機器)人|官|演|将|將|帝|王|妃"
    r"|[长長]|士|僧|明星|[总總][统統]|[军軍])$"
)
#: What a subject may not begin with, hold, or end in.
_NO_BEGINNING: Final = re.compile(
    r"(?:[这這那它其他她此该該本我你您也就但而不如因由从從在当當对對为為与與和及或以所每有是被把将將使让讓虽雖若则則又还還再只"
    r"都更最很太曾已可应應需能会會请請如且并並同另首然后後所于於之现現今"
    r"图圖表注第]|目前|一般|一种|一種|一些|一个|一個)"
)
_NOT_INSIDE: Final = re.compile(
    r"(?:什[么麼]|[谁誰哪怎几幾]|如何|多少|[还還][应應]|在|另一|由|对|對|从|從|是|成为|成為|因为|因為|如果|但是|而且|或者|以及|承认|承認|属于"
    r"|屬於|认为|認為|表示|指出|发现|發現|可以|应该"
    r"|需要|不能|没有|沒有|就|都|也|被|把|使|让|讓|曾|已|将|將|会|會|能|要|说|說|称|稱|最|很|更|得|着|了|过)"
)
_NO_END: Final = re.compile(
    r"(?:的|有|应|應|在|于|於|和|与|與|及|或|之|则|則|中|时|時|后|後|前|共|约|曾|已|也|都|仅|還|还|主要"
    r"|一般|通常|计|計|特别|特別|原本|既|便|总|總|并|並|亦|即|乃|原|又|更|尤其|同样|同樣)$"
)
#: Too general to be asked about.
_TOO_GENERAL: Final = """
    父亲 父親 母亲 母親 原理 原因 目的 结果 結果 内容 內容 特点 特點 作用 方法 条件
    條件 标准 標準 时间 時間 地点 问题 問題 任务 全书 作品 影片 电影 小说 游戏 学校
    學校 公司 车站 車站 该站 剧情 故事 主角 原址 项目 項目 乐队 樂隊 站房 湖面 宣言
    校园 校園 帝国 帝國 总部 總部 现址 主体 名字 名称 名稱 情节 情節 漫画情节 雨林 站台 方式 做法 意思 关键
    關鍵 重点 重點 要点 目标 目標 意义 意義 优点 缺点 优势 步骤 步驟 流程 措施 本质
"""
_GENERAL: Final = frozenset(_TOO_GENERAL.split())
_BRACKETS: Final = re.compile(r"[（(][^（()）]*[)）]")
#: Blanks that a PDF has put beside Chinese characters.
_BLANKS: Final = re.compile(r"(?<=[\u4e00-\u9fff，。、；：]) +| +(?=[\u4e00-\u9fff，。、；：])")
_NO_HEADINGS: Final = re.compile(
    r"^(?:目录|目錄|前言|附录|附錄|参考文献|參考文獻|引言|结论|結論|摘要|致谢|致謝|概述|简介"
    r"|簡介|其他|备注|總結|总结|图|表).{0,3}$"
)

#: Characters that simplified texts have as well, though another one stands for them in most.
_IN_BOTH_SCRIPTS: Final = frozenset("著乾瞭藉徵覆麼後里於鍾餘係")
#: What the forms ask with.
_TRADITIONAL: Final = {
    "是什么": "是什麼", "由什么": "由什麼", "是谁": "是誰",
    "由谁": "由誰", "位于哪里": "位於哪裡", "关于": "關於", "内容": "內容",
    "组成": "組成", "占地": "佔地", "获得": "獲得", "项奖": "項獎", "还有什么名称": "還有什麼名稱",
}  # fmt: skip

_PAIRS: Final = (("（", "）"), ("(", ")"), ("「", "」"), ("“", "”"), ("《", "》"))

#: Of whom something is said that begins so, it is asked who; what begins so defines nothing.
_ROLES: Final = re.compile(
    r"(?:作者|导演|導演|创始人|創始人|校长|校長|负责人|負責人|主席|总统|總統|总理|總理|市长|市長|院长|院長|经理|經理)$"
)
_NO_DEFINITION: Final = re.compile(
    r"[为為]了|因[为為]|由[于於]|[从從]|基[于於]|在|[对對]|不|[没沒]|否|可以|需要|什|如此|[这這那此该該]|其|以|用|[与與]|和|[将將]|被|比"
)
#: Names of one thing beside each other, and figures that are no part of a name.
_NO_NAME: Final = re.compile(
    r"又[译譯称稱名]|[简簡]称|[亿億万萬]|\d%|的.+的|的(?:大?部分|.{0,4}原因|一[个個種种])"
)


def _defined(match: re.Match[str], x: str) -> str | None:
    said = match["y"]
    if _NO_NAME.search(x) or _NO_DEFINITION.match(said):
        return None
    if re.match(r"[约約]?\s?\d", said):
        return f"{x}是多少？"
    return f"{x}是{'谁' if _is_person(said) or _ROLES.search(x) else '什么'}？"


def _is_person(said: str) -> bool:
    plain = re.sub("之一$", "", said)
    return _PERSON.search(plain) is not None and not any(map(str.isdecimal, plain))


_Make = Callable[[re.Match[str], str], str | None]
_FORMS: Final[tuple[tuple[_Kind, re.Pattern[str], _Make], ...]] = (
    (
        "figure",
        re.compile(rf"{_X}(?:应|應|需|须|須|必须|要|应当)?每(?:隔)?{_NUMBER}(?:个|個)?(?:小时|小時|天|日|周"
                   rf"|週|月|年|季度|公里|次)(?P<v>[\u4e00-\u9fff]{{2,4}}?)一次"),
        lambda match, x: f"{x}多久{match['v']}一次？",
    ),
    (
        "date",
        re.compile(rf"{_X}(?:是)?(?:在|于|於){_YEAR}(?:正式|首次|全线|全線)?{_DONE}{_DONE_END}"),
        lambda match, x: f"{x}是哪一年{match['v']}的？",
    ),
    ("date", re.compile(rf"{_X}{_DONE}(?:于|於|在){_YEAR}"), lambda match, x: f"{x}是哪一年{match['v']}的？"),
    ("place", re.compile(rf"{_X}(?:位于|位於|坐落于|坐落在|地处|地處)"), lambda _, x: f"{x}位于哪里？"),
    (
        "figure",
        re.compile(rf"{_X}(?P<m>{_MEASURES})(?:大约|大約|约|約|共|总计)?(?:为|為|是|达|達|有)?{_NUMBER}"),
        lambda match, x: f"{x}{match['m']}是多少？",
    ),
    (
        "figure",
        re.compile(rf"{_X}(?:共|计|計|一共|总共|總共|现|現|拥有|擁有|设"
                   rf"|設)?有{_NUMBER}(?P<u>{_UNITS})(?P<n>[\u4e00-\u9fff]{{1,6}})[，。；、]"),
        lambda match, x: f"{x}有多少{match['u']}{match['n']}？",
    ),
    ("part", re.compile(rf"{_X}由[^，。]{{2,30}}(?:组成|組成|构成|構成)"), lambda _, x: f"{x}由什么组成？"),
    (
        "part",
        re.compile(rf"{_X}(?:主要)?(?:包括|包含|分为|分為)(?:了|以下)?[^，。]{{2,}}"),
        lambda _, x: f"{x}包括哪些？",
    ),
    ("figure", re.compile(rf"{_X}(?:占地|佔地)(?:面积|面積)?{_NUMBER}"), lambda _, x: f"{x}占地多少？"),
    ("figure", re.compile(rf"{_X}(?:获得|獲得|荣获|榮獲)(?:了)?{_NUMBER}(?P<u>项|項|次|枚|座|个|個)"),
     lambda match, x: f"{x}获得了多少{match['u']}奖？" if match["u"] in "项項" else None),
    ("name", re.compile(rf"{_X}，?(?:又称|又稱|又名|亦称|别称|別稱|俗称|俗稱|被称为|被稱為|简称|簡稱)(?:为|為"
                        rf"|作)?[“「《]?[\u4e00-\u9fffA-Za-z]{{2,}}"),
     lambda _, x: f"{x}还有什么名称？"),
    ("date", re.compile(rf"{_X}(?:是)?(?:在|于|於){_YEAR}(?P<v>被[\u4e00-\u9fff]{{2,10}}?)[，。；]"),
     lambda match, x: f"{x}是哪一年{match['v']}的？"),
    (
        "person",
        re.compile(rf"{_X}由(?P<y>[\u4e00-\u9fff·]{{2,6}})(?P<v>负责|負責|创立|創立|创办|創辦|设计|設計|执导"
                   rf"|執導|主演|撰写|撰寫|编写|編寫|创作|創作|发明|發明|提出)"),
        lambda match, x: f"{x}由谁{match['v']}？",
    ),
    (
        "definition",
        re.compile(rf"{_X}，?(?:又称[^，。]{{1,12}}，"
                   rf"|简称[^，。]{{1,8}}，)?是(?:指)?(?P<y>[^，。；、（(]{{4,}})"),
        _defined,
    ),
)  # fmt: skip


def question_of(sentence: str) -> tuple[str, _Kind] | None:
    """Return a question that the sentence answers, and what it asks for; None when it has no such form."""
    plain = _BLANKS.sub("", _BRACKETS.sub("", sentence))
    for kind, form, make in _FORMS:
        match = form.match(plain)
        if match is not None and _is_subject(match["x"]) and (question := make(match, match["x"].strip())):
            return _in_script(question, sentence), kind
    return None


def question_on(heading: str) -> str | None:
    """Return a question on what stands below a heading; None for one that names no subject."""
    plain = heading.strip(" ：:。.")
    if (
        not _LEAST + 2 <= len(plain) <= _MOST
        or _NO_HEADINGS.match(plain)
        or re.search(r"[，。；：、？！,;:?!|/]", plain)
    ):
        return None
    return _in_script(f"关于{plain}有哪些内容？", plain) if _NO_BEGINNING.match(plain) is None else None


def _in_script(question: str, words: str) -> str:
    """Return the question in the script of the words that it is made of."""
    pairs = zip(filter(is_cjk, folded(words)), filter(is_cjk, words), strict=False)
    if not any(one != two and two not in _IN_BOTH_SCRIPTS for one, two in pairs):
        return question
    for simplified, traditional in _TRADITIONAL.items():
        question = question.replace(simplified, traditional)
    return question


def _is_subject(x: str) -> bool:
    if not _LEAST <= len(x) <= _MOST or _NO_BEGINNING.match(x) or _NO_END.search(x):
        return False
    if any(x.count(opening) != x.count(closing) for opening, closing in _PAIRS):
        return False
    return x not in _GENERAL and _NOT_INSIDE.search(x) is None and not x.isdigit()
