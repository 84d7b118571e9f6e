"""Messages that ask nothing of the documents: greetings, thanks, "what can you do", "which files are there".

They are known by the phrases that they consist of, from the first letter to the last; polite words around a
question are no greeting, and `without_manners` takes them off.
"""

import re
from typing import Final, Literal, Protocol

from kotaemon_async.answers import phrases
from kotaemon_async.domain.model import Scope
from kotaemon_async.stores.documents import Shelf

#: What a message is there for; a message of several phrases is what comes first in this order.
DialogueAct = Literal[
    "documents", "capabilities", "more", "thanks", "farewell", "greeting", "acknowledgement"
]

#: Names that a reply lists before it says how many there are beside them.
LISTED_NAMES: Final = 20

_DOCUMENTS_EN: Final = r"(?:documents?|docs?|files?|pdfs?|papers|sources)"
_DOCUMENTS_ZH: Final = r"(?:文档|文檔|文件|资料|資料|文献|文獻|材料|pdf)"
_HERE_ZH: Final = (
    r"(?:请问|請問|你|您|我|们|們|这里|這裡|这儿|库|庫|知识库|知識庫|系统|系統|现在|現在|目前"
    r"|里|裡|中|面|手上)*"
)
_PHRASES: Final[dict[DialogueAct, str]] = {
    "documents": (
        rf"(?:which|what) {_DOCUMENTS_EN} (?:are (?:there|available|here|in here|loaded|uploaded|indexed)"
        r"|(?:do|can) you (?:have|know|see|read)|have you (?:got|read)|(?:have|did) i upload(?:ed)?"
        r"|do i have|can i ask (?:you )?about)(?: here| now| so far)?"
        rf"|how many {_DOCUMENTS_EN} (?:are there|do you have|do i have|have i uploaded)(?: here| now"
        rf"| so far)?"
        rf"|(?:list|show)(?: me)?(?: all)?(?: of)?(?: the| my| your)? (?:available )?{_DOCUMENTS_EN}"
        rf"|(?:do you have|are there) any {_DOCUMENTS_EN}"
        rf"|{_HERE_ZH}(?:一共|总共|總共|都)?(?:有|上传了|上傳了|知道|读过|讀過|读了|收录了|收錄了|能看到"
        rf"|能查)"
        rf"(?:哪些|什么|什麼|多少[个個份篇]?|几[个份篇]|幾[個份篇])(?:可用的?)?{_DOCUMENTS_ZH}"
        rf"|(?:列出|显示|顯示|列一下)(?:所有|全部)?的?{_DOCUMENTS_ZH}|{_DOCUMENTS_ZH}(?:列表|清单|清單)"
    ),
    "capabilities": (
        r"(?:what|how) can you (?:do|help)(?: for me| me| me with| with)?|what do you do"
        r"|what can i ask(?: you)?"
        r"|what are you(?: able to do| good for)?|who are you|what is your name|what['’]?s your name"
        r"|help(?: me)?"
        r"|how do (?:i|you) (?:use you|work)|are you (?:a |an )?(?:bot|robot|ai|human|machine|person)"
        r"|(?:你|您)?(?:能|可以|会|會)(?:帮我|幫我)?(?:做|干|幹)(?:些)?(?:什么|什麼|啥)"
        r"|(?:你|您)(?:能|可以|会|會)(?:什么|什麼|啥)|(?:你|您)?有(?:什么"
        r"|什麼|哪些)功能"
        r"|(?:你|您)是(?:谁|誰|什么|什麼|做什么的|幹什麼的|机器人吗|機器人嗎|人工智能吗)|(?:你|您)叫(?:什么"
        r"|什麼)(?:名字)?"
        r"|我(?:能|可以)问(?:你|您)?(?:些)?什么|怎么(?:用|使用)(?:你|您)|帮助|幫助|帮帮我|幫幫我"
    ),
    "more": (
        r"(?:please )?(?:go on|continue|carry on|keep going)|(?:tell me |say |a bit "
        r"|some )?more(?: details?)?"
        r"|(?:and )?(?:anything|what) else|(?:is there )?(?:anything|any) more|(?:in )?more detail|elaborate"
        r"|(?:请|請)?(?:继续|繼續)(?:说|說|讲|講)?(?:下去)?|接着(?:说|讲)|接著(?:說|講)|(?:还|還)有(?:吗|嗎"
        r"|呢|别的吗|其他的吗)"
        r"|然后呢|然後呢|更多|(?:再)?(?:说|說|讲|講)?(?:得)?(?:详细|詳細|具体|具體)(?:一点|一些|一點|点"
        r"|些)?|再(?:说|說|讲|講)(?:一?点|些|一點)"
    ),
    "thanks": (
        r"(?:many |much |a lot of )?thanks(?: a lot| so much| very much| a million| again)?|th(?:x|anx|nx)"
        r"|ty|cheers"
        r"|thank (?:you|u)(?: (?:so|very) much| a lot| again| all| indeed)?|much appreciated"
        r"|i appreciate (?:it|that)"
        r"|(?:非常|十分|太|真是|真的)?(?:谢谢|謝謝|感谢|感謝|多谢|多謝|谢|謝)(?:你|您|你们"
        r"|大家)?(?:的?(?:帮助|幫助|回答|解答|帮忙))?"
        r"|辛苦(?:你|您)?|麻烦(?:你|您)|麻煩(?:你|您)"
    ),
    "farewell": (
        r"(?:good ?)?bye(?: ?bye)?|see you(?: later| soon| tomorrow)?|good ?night|have a (?:nice|good"
        r"|great) day|farewell"
        r"|再见|再見|再会|再會|拜拜|回头见|下次见|明天见|晚安"
    ),
    "greeting": (
        r"hel+o+|hi+|he+y+|hiya|howdy|good ?(?:morning|afternoon|evening|day)|greetings|nice to meet you"
        r"|how are you(?: doing)?(?: today)?|how is it going|how['’]s it going|what['’]?s up"
        r"|are you (?:there|here)|is anybody there"
        r"|(?:你|您|大家|你们)(?:们|們)?好|嗨|哈[喽囉啰罗]|喂|早上好|早安|上午好|中午好|下午好|晚上好|(?:你"
        r"|您)?在(?:吗|嗎|不在)"
        r"|(?:你|您)(?:最近)?(?:好吗|好嗎|怎么样|还好吗)"
    ),
    "acknowledgement": (
        r"o ?k(?:ay)?|k|all? ?right|right|fine|good|great|perfect|nice|cool|excellent|wonderful|awesome"
        r"|sure|yes|yeah|yep"
        r"|no|nope|i see|i understand|understood|got it|makes sense|well done|very (?:good|nice|helpful)"
        r"|that helps"
        r"|(?:that['’]?s|that is|this is) (?:all|it|fine|good|great|right|enough|clear|helpful)"
        r"|(?:好|行|嗯|对|對|是)(?:的|吧|啊|嗯)*|可以|明白|知道|了解|收到|懂|原来如此|原來如此|没事|沒事"
        r"|很好|太好|真好|不错|不錯|太棒|很棒|棒"
        r"|(?:那)?(?:就|先)(?:这样|這樣)|没有?(?:问题|別的)?"
    ),
}
_COMPILED: Final = {act: re.compile(f"(?:{pattern})(?![a-z0-9'’])") for act, pattern in _PHRASES.items()}
#: What may stand before, between and behind such phrases.
_FILLER: Final = re.compile(
    r"(?:[\W_]+|(?:please|and|so|then|well|oh|ah|now|just|there|everyone|everybody|all|again|dear|friend"
    r"|assistant|bot|kotaemon"
    r"|sir|madam|you|for (?:your|the|all your) (?:help|answers?|time|support)|for (?:that|this|now|today)"
    r"|very|much|today"
    r")(?![a-z0-9])|[了啦啊呀哦喔噢哈嘿哎吧吗嗎呢的呗嘛]|那么?|请|請|一下|朋友|助手)"
)
#: Phrases that people put before and behind a question out of politeness.
_MANNERS: Final[frozenset[DialogueAct]] = frozenset({"thanks", "greeting"})


def act_of(message: str) -> DialogueAct | None:
    """Return what a message is that consists of such phrases alone; None for all that asks the documents."""
    rest = message.casefold()
    found: set[DialogueAct] = set()
    while rest:
        if phrase := _longest(rest):
            found.add(phrase[0])
            rest = rest[phrase[1] :]
        elif filler := _FILLER.match(rest):
            rest = rest[filler.end() :]
        else:
            return None
    return next((act for act in _PHRASES if act in found), None)


def without_manners(message: str) -> str:
    """Return the message without greetings and thanks before and behind it, if anything is left.

    >>> without_manners("Hello! When was the bridge built? Thank you.")
    'When was the bridge built?'
    """
    pieces = re.findall(r"[^,.;!?，。；！？…]+[,.;!?，。；！？…]*\s*", message)
    while len(pieces) > 1 and act_of(pieces[0]) in _MANNERS:
        pieces.pop(0)
    while len(pieces) > 1 and act_of(pieces[-1]) in _MANNERS:
        pieces.pop()
    return "".join(pieces).strip() or message


def _longest(rest: str) -> tuple[DialogueAct, int] | None:
    """Return the act of the longest phrase that the text begins with, and where it ends."""
    best: tuple[DialogueAct, int] | None = None
    for act, pattern in _COMPILED.items():
        match = pattern.match(rest)
        if match and match.end() > (best[1] if best else 0):
            best = act, match.end()
    return best


#: Replies in English and in Chinese.
_REPLIES: Final[dict[DialogueAct, tuple[str, str]]] = {
    "greeting": (
        "Hello! Ask me about your documents; I answer with their own sentences and say where they stand.",
        "您好！请就您的文档提问，我会用原文回答，并注明出处。",
    ),
    "thanks": ("You are welcome. Ask on whenever you like.", "不客气，有问题请随时提问。"),
    "farewell": ("Goodbye! Your documents stay here.", "再见！您的文档会保留在这里。"),
    "acknowledgement": ("Good. What else would you like to know?", "好的。您还想了解什么？"),
    "more": (
        "What would you like to know more about? Ask me about your documents.",
        "您想进一步了解什么？请就您的文档提问。",
    ),
    "capabilities": (
        "I answer questions about the documents that were uploaded here, in English or Chinese, whichever of"
        " the two a document is in. Each answer names the pages it rests on; what the documents do not"
        " say, I say I did not find. You can ask follow-up questions, ask which documents there are, or have"
        " me summarize one, or list its main points, by its name.",
        "我回答与已上传文档有关的问题，中英文提问均可，文档是中文或英文都行。每个回答都注明所依据的页码；"
        "文档中没有的内容，我会说明没有找到。您可以继续追问，可以问有哪些文档，也可以指定某个文档让我总结或列出要点。",
    ),
}


class Shelves(Protocol):
    """The part of the ledger that knows which documents there are."""

    async def shelf(self, scope: Scope, limit: int) -> Shelf: ...


async def reply(act: DialogueAct, message: str, scope: Scope, documents: Shelves) -> str:
    """Return what is said to such a message, in its language. Raises: Unavailable without the ledger."""
    if act == "documents":
        return documents_listed(await documents.shelf(scope, LISTED_NAMES), message)
    return _REPLIES[act][phrases.is_chinese(message)]


def documents_listed(shelf: Shelf, message: str) -> str:
    """Return how many documents there are, and the names of the newest as points of a list."""
    is_chinese = phrases.is_chinese(message)
    more = shelf.ready - len(shelf.names)
    lines = [f"- {name}" for name in shelf.names]
    if is_chinese:
        head = f"共有 {shelf.ready} 个文档：" if shelf.ready else "这里还没有可以提问的文档。"
        tail = [f"- ……以及另外 {more} 个"] if more > 0 else []
        waiting = [f"另有 {shelf.unfinished} 个文档尚未处理完。"] if shelf.unfinished else []
    else:
        head = _counted(shelf.ready)
        tail = [f"- … and {more} more"] if more > 0 else []
        waiting = [f"{shelf.unfinished} more not read to the end yet."] if shelf.unfinished else []
    blocks = [head, "\n".join(lines + tail), *waiting]
    return "\n\n".join(block for block in blocks if block)


def _counted(ready: int) -> str:
    if not ready:
        return "There are no documents to ask about yet."
    return "There is 1 document:" if ready == 1 else f"There are {ready} documents:"
