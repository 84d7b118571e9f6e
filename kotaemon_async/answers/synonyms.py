"""Words that people ask with and words that documents say it with: who set it up, it was founded by.

>>> "establish" in same("set")
True
"""

from functools import cache
from typing import Final

from kotaemon_async.domain import text

#: Of one line each means about the same; a line of a question's word stands for it in a sentence.
_LINES: Final = """
    found establish create set
    die death dead pass decease
    invent devise develop pioneer
    cost price expense fee
    prevent prevention avoid
    persecute persecution oppress
    begin start commence
    end finish conclude cease terminate expire
    buy purchase acquire acquisition
    sell sale sold
    build construct construction erect built
    write wrote written author compose
    poisonous toxic harmful toxicity dangerous
    fix repair mend restore
    town city municipality
    boss head director chief manager leader lead
    win won victory defeat beat
    move relocate transfer relocation
    marry wife husband marriage wed
    teach educate education instruct
    allow permit permission
    forbid ban prohibit
    clean wash rinse
"""
_LINES_ZH: Final = """
    建立 创立 成立 创建 创办 设立 建国 开创
    去世 逝世 死亡 病逝 卒于 过世 死于
    发明 研制 首创 研发
    写过 写了 创作 著有 作品 著作 撰写
    搬到 搬迁 迁至 迁往 迁建
    多大 面积 占地
    多高 身高 高度
    多长 长度 全长
    多重 重量 体重
    花了 耗资 投资 花费 造价
    祖先 先祖 始祖
    有名 著名 闻名 知名
    统治 执政 在位
    老婆 妻子 夫人
    厂家 制造 生产
    更换 换掉 替换
"""


@cache
def _table() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for line in (*_LINES.strip().splitlines(), *_LINES_ZH.strip().splitlines()):
        terms = frozenset(term for word in line.split() for term in text.terms(word))
        for term in terms:
            found[term] = found.get(term, frozenset()) | terms
    return found


def same(term: str) -> frozenset[str]:
    """Return the terms that may stand for a term of a question in a sentence, itself among them."""
    return _table().get(term, frozenset((term,)))
