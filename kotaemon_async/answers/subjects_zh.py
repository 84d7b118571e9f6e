"""What a Chinese question is about, and that question with something else in its subject's place.

The subject stands before the question word, or behind it and its verb when the question word comes first.

>>> subject_of("黄埔港在哪里？")
'黄埔港'
>>> with_subject("它什么时候重新开港？", "黄埔港")
'黄埔港什么时候重新开港？'
>>> with_new_subject("黄埔港什么时候重新开港？", "黄埔港", "许申")
'许申什么时候重新开港？'
"""

import re
from typing import Final

_HAN: Final = "\u3400-\u9fff\uf900-\ufaff"
_POLITE: Final = re.compile(
    r"^(?:请问|請問|那么|那麼|那(?=[，,它他她其])|另外|还有|還有|以及|麻烦|请|請|我想知道|我想问|你知道"
    r"|您知道|(?:能|可以)?(?:告诉|告訴)我|一下|[，,\s])+"
)
_TOLD: Final = re.compile(
    r"^(?:(?:给我|給我|帮我|幫我)?(?:介绍|介紹|说说|說說|讲讲|講講|谈谈|談談|描述|解释|解釋|说明|說明|总结"
    r"|總結|概括|概述)(?:一下)?|关于|關於|有关|有關)+"
)
WHO: Final = re.compile(r"谁|誰|哪位|哪个人|什么人|什麼人|何人")
PLACE: Final = re.compile(r"哪里|哪儿|哪裡|哪裏|什么地方|什麼地方|何处|何處|何地")
_ASKED: Final = re.compile(
    r"在?(?:哪里|哪儿|哪裡|哪裏|哪个地方|什么地方|什麼地方|何处|何處|何地)|什么时候|什麼時候|什么时间|何时"
    r"|何時|哪一?[年天月日]|几月|几号|幾月"
    r"|为什么|為什麼|为何|為何|怎么样?|怎麼樣?|怎样|怎樣|如何|什么|什麼|谁|誰|哪位"
    r"|哪[些个個种種几座所家条本国國省市]?|多少|多[大高长長远遠久深重快宽寬厚老]"
    r"|几|幾|是否|是不是|有没有|有沒有|能不能|可不可以|吗|嗎|何人"
)
#: Question words that one can put another in the place of: when, where, why, how.
ADVERBIAL: Final = re.compile(
    r"什么时候|什麼時候|什么时间|何时|何時|哪一?年|为什么|為什麼|为何|為何|怎么|怎麼|怎样|怎樣|如何|是否|多久"
)
#: What stands between a subject and its question word.
_LINK: Final = re.compile(
    r"(?:一共|总共|總共|大概|大约|目前|现在|最终|最后|后来|曾经|曾|成立|建立|建成|创立|創立|创建|创办|出生"
    r"|去世|逝世|发生|發生|开始|開始|结束|結束"
    r"|毕业|起源|来自|负责|負責|担任|(?<=.)(?:位|建|生|葬|产|死|设|分布)(?:于|於|在)|(?<=.)(?:居住|住)在?"
    r"|叫做|叫|名叫|称为|等|为|為|是由|是被|是|在|有|由|被|于|於|又|还|還|也|的"
    r"|需要|应该|应|該|该|要|可以|最早|第一次|[，,\s])+$"
)
_DONE: Final = re.compile(
    r"(?:娶|嫁|写|寫|去|来|用|花|做|得|生|建|卖|买|赢|输|走|看|说|到|拿|吃|发现|發現|发明|获得|出版|参加"
    r"|担任|设计|建造|发表|创作|使用|打败)(?:了|过|過)$"
)
_VERB: Final = re.compile(
    r"^(?:是|在|为|被|由|曾|最早|首先)?(?:建造|修建|建立|创立|創立|创建|创办|創辦|成立|发明|發明|发现|發現"
    r"|设计|設計|写|寫|撰写|负责|負責|领导|領導|担任|统治|击败|撰|画|拍|主持|提出|批准|签署"
    r"|共享|使用|需要|更换|批|管理|管|住在|拥有|生产|开发|建|发起|参加|导致|造成|影响)?(?:了|过|過|着)?"
)
#: What "which" counts, up to the verb behind it: 哪些国家共享….
_COUNTED: Final = re.compile(
    rf"[{_HAN}]{{1,4}}?(?=共享|使用|需要|参加|拥有|生产|导致|影响|属于|位于|发起|签署|在|有|是)"
)
_OBJECT_VERB: Final = re.compile(r"^.{1,4}?[了过過]")
#: What one may ask of something; such a word takes the place of its like, and not of the thing.
_ATTRIBUTE: Final = re.compile(
    r"(?:人口|面积|面積|首都|总统|總統|总理|總理|主席|校长|校長|市长|市長|院长|部长|负责人|作者|首领|皇帝"
    r"|国王|價格|价格|费用|費用|成本|收入|利润|利潤|产量|產量|销量"
    r"|长度|長度|高度|宽度|深度|重量|体积|颜色|顏色|大小|年龄|寿命|温度|速度|位置|地址|电话|预算|預算|规模"
    r"|名字|名称|语言|货币|气候|历史|原因|结果|作用|用途|特点|成分|影响|意义|期限|日期|时间|地点|妻子|丈夫"
    r"|父亲|母亲|儿子|女儿|孩子|作品|著作|营业收入|增长率|汇率|股价)$"
)
_OFFICE: Final = re.compile(
    r".*(?:总统|總統|总理|總理|主席|校长|校長|市长|市長|院长|部长|负责人|作者|首领|皇帝|国王|妻子|丈夫|父亲"
    r"|母亲|儿子|女儿|孩子)"
)
_PRONOUN: Final = re.compile(
    r"(?P<of>该|該|此)(?P<noun>公司|项目|產品|产品|大学|大學|学校|机构|组织|城市|国家|地区|系统|设备|部门"
    r"|文件|文档|条约|协议|计划|工程|[" + _HAN + r"])"
    r"|(?:它|他|她|牠|祂)(?:们|們)?(?!人|国|乡|日)|(?<![尤极及与])其(?!他|它|余|餘|实|實|次)"
    r"|(?:这|那|這)(?P<measure>[个個座本家条條种種部位场次项份款台艘架所只])(?P<what>["
    + _HAN
    + r"]{0,2}?)(?=$|[？?，,。]|什么|什麼|是|在|有|的|何|谁|多|怎|为|哪|由|被|叫|会|能)"
    r"|(?:那里|那儿|那裡|这里|这儿|這裡)|(?:这|那|這)(?=是|在|有|会|能|意味)|上述"
)
_OTHERS: Final = re.compile(
    r"其他|其它|其餘|其余|其实|其次|他人|吉他|应该|應該|因此|从此|如此|彼此|此外|那么|那麼"
)


def subject_of(question: str) -> str:
    """Return the words that name what the question is about; empty when they cannot be told."""
    plain = _POLITE.sub("", question.strip().rstrip("？?。.！!呢吧啊呀 "))
    if told := _TOLD.match(plain):
        return plain[told.end() :].strip("的 ")
    asked = _ASKED.search(plain)
    if asked is None:
        return plain.split()[0] if plain else ""
    before = _linked_off(plain[: asked.start()])
    if before:
        return before
    after = plain[asked.end() :]
    if asked[0].startswith("哪") and (counted := _COUNTED.match(after)):
        after = after[counted.end() :]
    if verb := _VERB.match(after):
        after = after[verb.end() :]
    if (done := _OBJECT_VERB.match(after)) and done.end() < len(after):
        after = after[done.end() :]
    return re.sub(r"(?:的|了|吗|嗎)$", "", after)


def described_in(question: str, subject: str) -> str:  # noqa: ARG001
    """Return the subject, whose describing words stand before it in Chinese."""
    return subject


def name_in(answer: str, question: str) -> str:
    """Return the name that an answer gives to a question for somebody or a place; empty without one."""
    plain = re.sub(r"\s*\[\d{1,3}\]", "", answer)
    name = rf"([{_HAN}·・]{{2,4}}?|[A-Z][\w'’.-]*(?: [A-Z][\w'’.-]*)*|[{_HAN}]+[·・][{_HAN}·・]+)"
    end = (
        r"(?=[于於在，,。、；;（(从自率所]|年|主持|负责|負責|建造|修建|设计|設計|建立|创立|创建|发明|撰写"
        r"|写|担任|领导|统治|提出|签署|$)"
    )
    if PLACE.search(question):
        place = re.search(rf"(?:位于|位於|在|是)([{_HAN}]{{2,8}}?)(?=[，,。；;、的]|$)", plain)
        return place[1] if place and place[1] not in question else ""
    for pattern in (
        rf"(?:由|被){name}{end}",
        rf"(?:人|者|长|長|席|理|统|統|帝|王|家|师|師|任|手|员)(?:是|为|為|：|:|叫){name}{end}",
        rf"(?:是|为|為){name}(?=[，,。；;（(]|$)",
        rf"(?:^|[。，,；;])(?:\d+年)?{name}(?:于|於|在\d|担任|是|建造|修建|设计|建立|创立|创建|发明|撰写|写)",
    ):
        for match in re.finditer(pattern, plain):
            if match[1] not in question:
                return match[1]
    return ""


def leans_on_subject(question: str) -> bool:
    """Return whether a pronoun stands for something that the question does not name before it."""
    pronoun = _first_pronoun(question)
    return pronoun is not None and len(_POLITE.sub("", question[: pronoun.start()])) < 2


def lacks_subject(question: str) -> bool:
    """Return whether a question leaves its subject out, as 什么时候开港 and 负责人是谁 do."""
    plain = _POLITE.sub("", question.strip().rstrip("？?。.！!呢吧啊呀 "))
    asked = _ASKED.search(plain)
    if asked is None:
        return False
    if _ATTRIBUTE.fullmatch(_linked_off(plain[: asked.start()])):
        return True
    rest = re.sub(r"[的了过吗]", "", plain[asked.end() :])
    if re.match("(?:还|還)?有(?:哪|什么|什麼)", plain) and len(rest) <= 4:
        return True
    is_short = (len(rest) <= 4 and not asked[0].startswith(("什么", "哪"))) or (
        ADVERBIAL.fullmatch(asked[0]) and len(rest) <= 4
    )
    return bool(is_short) and re.fullmatch("[是在有又还，, ]*", plain[: asked.start()]) is not None


def prefixed(question: str, subject: str) -> str:
    """Return the question that lacks its subject with it."""
    plain = _POLITE.sub("", question.strip())
    asked = _ASKED.search(plain)
    owned = asked is not None and _ATTRIBUTE.match(_linked_off(plain[: asked.start()]))
    return f"{subject}的{plain}" if owned else f"{subject}{plain}"


def with_subject(question: str, subject: str) -> str:
    """Return the question with its first pronoun replaced by the subject, or unchanged without a pronoun."""
    pronoun = _first_pronoun(question)
    if pronoun is None or not subject:
        return question
    noun = pronoun["what"] or ""
    said = subject
    if noun and not subject.endswith(noun[-1]):
        said = f"{subject}的{noun}"
    elif pronoun[0] == "其":
        rest = question[pronoun.end() :]
        said = subject if rest.startswith("中") else f"{subject}的"
    return question[: pronoun.start()] + said + question[pronoun.end() :]


def with_new_subject(question: str, subject: str, new: str) -> str:
    """Return the question with another subject, or with another part of it, whichever is like the new one.

    >>> with_new_subject("肯尼亚的首都是哪里？", "肯尼亚的首都", "挪威")
    '挪威的首都是哪里？'
    >>> with_new_subject("肯尼亚的首都是哪里？", "肯尼亚的首都", "人口")
    '肯尼亚的人口是哪里？'
    """
    at = question.find(subject) if subject else -1
    if at < 0:
        return question
    owner, of, attribute = subject.rpartition("的")
    if WHO.search(question) and _ATTRIBUTE.fullmatch(new) and not _OFFICE.fullmatch(new):
        question = WHO.sub("多少" if re.search("数|额|预算|[量度价格]$", new) else "什么", question)
    exchanged = new
    if of and "的" not in new:
        exchanged = f"{owner}的{new}" if _ATTRIBUTE.search(new) else f"{new}的{attribute}"
    elif not of and _ATTRIBUTE.fullmatch(new):
        exchanged = f"{subject}的{new}"
    return question[:at] + exchanged + question[at + len(subject) :]


def _linked_off(before: str) -> str:
    shorter = before
    while True:
        cut = _LINK.sub("", _DONE.sub("", shorter))
        if cut == shorter or not cut:
            return shorter if cut else ""
        shorter = cut


def _first_pronoun(question: str) -> re.Match[str] | None:
    others = [match.span() for match in _OTHERS.finditer(question)]
    return next(
        (
            match
            for match in _PRONOUN.finditer(question)
            if not any(start <= match.start() < stop for start, stop in others)
        ),
        None,
    )
