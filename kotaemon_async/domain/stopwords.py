"""Words that a question holds because it is a question: dropped from queries, never from the index."""

from typing import Final

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

ENGLISH: Final = frozenset(_ENGLISH.split())

#: Longest first, so that 为什么 is found before 什么.
CHINESE: Final = tuple(sorted(_CHINESE.split(), key=len, reverse=True))
