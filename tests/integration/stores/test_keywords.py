"""What the keyword index finds first: figures, codes, single characters, capitals, either Chinese script."""

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from kotaemon_async.domain.index_terms import earlier_terms
from kotaemon_async.domain.model import Block, Page, Scope
from kotaemon_async.stores import keywords
from kotaemon_async.stores.ledger import FILE, Ledger
from kotaemon_async.stores.scopes import scope_values
from tests.support.ledger import batch_of, index, make_ready, new_document, run_sql, word_batch


async def first_page(ledger: Ledger, texts: list[str], query: str) -> int | None:
    """The page that the query finds before all others, each text being a page; None when two are equal."""
    await ledger.documents.accept(new_document(), 1.0)
    await make_ready(ledger, "doc_1", batch_of([Page(n, text) for n, text in enumerate(texts, 1)]))
    hits = await ledger.keywords.search(query, Scope(), 5)
    if not hits or (len(hits) > 1 and hits[0][1] <= hits[1][1]):
        return None
    return int(hits[0][0].split(".")[2])


@pytest.mark.parametrize(("first", "second", "query"), [
    ("Das Treffen am 04.07.2031 in Bonn.", "Das Treffen am 07.04.2031 in Bonn.", "Was ist am 04.07.2031?"),
    ("Frist bis 12.11.2030.", "Frist bis 11.12.2030.", "Welche Frist endet am 12.11.2030?"),
    ("会议于2031年3月5日举行。", "会议于2031年5月3日举行。", "2031年3月5日有什么会议"),
    ("合同于2029年11月2日签署。", "合同于2029年2月11日签署。", "二〇二九年十一月二日签了什么合同？"),
    ("The audit is on 2031-03-05.", "The audit is on 2031-05-03.", "What is on 2031-03-05?"),
    ("The audit is on March 5, 2031.", "The audit is on 2031-05-03.", "What is on 2031-03-05?"),
    ("The fair opens 6 May 2028.", "The fair opens 5 June 2028.", "What opens on 2028-05-06?"),
    ("Host 10.0.12.0 is up", "Host 12.0.10.0 is down", "state of 10.0.12.0"),
    ("网关192.168.7.1停用", "网关192.168.1.7启用", "192.168.7.1的状态"),
    ("train leaves 05:14", "train leaves 14:05", "which train leaves 05:14"),
    ("列车6:40发车", "列车4:06发车", "6:40的列车"),
    ("Version 3.5 of the library.", "Version 5.3 of the library.", "version 3.5"),
    ("固件2.10已发布", "固件10.2已发布", "固件2.10"),
    ("Fee 7,50 EUR", "Fee 17,50 EUR", "fee of 7,50"),
    ("费用7.50元", "费用17.50元", "7.50元的费用"),
    ("Sum 1.234,56", "Sum 1.234,65", "1234,56"), ("Sum 1.234,56", "Sum 1.234,65", "1234.56"),
    ("Sum 1.234,56", "Sum 1.234,65", "1,234.56"), ("总额98,765.40元", "总额98,765.04元", "98765.40"),
])  # fmt: skip
async def test_a_figure_finds_the_same_figure_and_not_its_parts(
    ledger: Ledger, first: str, second: str, query: str
) -> None:
    assert await first_page(ledger, [second, first], query) == 2


@pytest.mark.parametrize(("texts", "query"), [
    (["other ABC-124", "part ABC-123"], "abc123"), (["other thing", "part abc123"], "ABC-123"),
    (["阀门V-9", "阀门V-8"], "v8"), (["泵P 70", "泵P-71"], "p71泵"),
    (["W-3 form", "W-2 form"], "W2"), (["T-2 cell", "T-1 cell"], "T1"),
    (["型号KT-132停产", "型号KT-131停产"], "KT131"),
    (["C is a language. C C", "C++ is a language"], "C++"), (["C++ 编译器", "C# 编译器"], "C#的编译器"),
    (["other snake", "Python3.12 is out"], "Python"), (["phone", "iPhone15 case"], "iphone"),
    (["其他系统", "安装Ubuntu24.04"], "ubuntu"), (["gate way", "the Pay-Gateway is down"], "paygateway"),
])  # fmt: skip
async def test_a_code_is_found_however_it_is_written(ledger: Ledger, texts: list[str], query: str) -> None:
    assert await first_page(ledger, texts, query) == 2


@pytest.mark.parametrize(("texts", "query"), [
    (["it is what it is and it was it", "IT runs the servers"], "What is IT?"),
    (["who is who", "The WHO met in Geneva"], "What is the WHO?"),
    (["it is late, it is cold", "Call IT about it"], "IT"),
    (["they told us about us", "US exports grew"], "US"),
])  # fmt: skip
async def test_capitals_tell_a_name_from_a_stop_word(ledger: Ledger, texts: list[str], query: str) -> None:
    assert await first_page(ledger, texts, query) == 2


@pytest.mark.parametrize(("texts", "query"), [
    (["雨水很多", "税由房东承担。"], "税"), (["晴天", "今年多雨"], "雨"),
    (["本季度报告内容", "税由房东承担。"], "预算报表 税"),
    (["房东住在这里", "税由房东承担。"], "谁交税？"), (["甲方支付", "乙方支付"], "乙"), (["晴", "雪"], "雪"),
    (["电表已换", "盐由厨房保管。"], "盐在哪里？"),
])  # fmt: skip
async def test_one_chinese_character_is_enough(ledger: Ledger, texts: list[str], query: str) -> None:
    assert await first_page(ledger, texts, query) == 2


@pytest.mark.parametrize(("texts", "query"), [
    (["其他內容", "資料庫備份每日執行"], "资料库备份"), (["其他内容", "数据库备份每日执行"], "數據庫備份"),
    (["國會", "頭髮的顏色"], "头发"), (["开会", "发动机的检修周期"], "發動機檢修"),
    (["other", "高级⻓期⻅证机构"], "长期见证"), (["other", "Ru\u0308ckgabe"], "rückgabe"),
    (["其他", "Ｃ２０混凝土"], "c20"),
    (["office", "co\u200boperation of two towns"], "cooperation"),
])  # fmt: skip
async def test_every_spelling_of_a_character_is_one(ledger: Ledger, texts: list[str], query: str) -> None:
    assert await first_page(ledger, texts, query) == 2


async def old_index(ledger: Ledger, texts: list[str]) -> None:
    """A folder as the last release left it: terms of the first form, and nothing that says so."""
    await ledger.documents.accept(new_document(), 1.0)
    await make_ready(ledger, "doc_1", batch_of([Page(n, text) for n, text in enumerate(texts, 1)]))
    rows = await ledger.keywords.chunks_after(0)
    first_form = [(row, chunk_id, " ".join(pairs(page[a:b]))) for row, chunk_id, _, a, b, page, *_ in rows]
    await ledger.keywords.replace(first_form, 0)


def pairs(text: str) -> list[str]:
    return earlier_terms(text) or text.casefold().split()


TRADITIONAL = ["資料庫備份", "whole terms", "part ABC-123"]


async def found(ledger: Ledger, query: str) -> list[int]:
    return [int(key.split(".")[2]) for key, _ in await ledger.keywords.search(query, Scope(), 5)]


async def test_an_old_index_is_searched_before_its_terms_are_renewed(ledger: Ledger) -> None:
    await old_index(ledger, TRADITIONAL)
    assert await found(ledger, "資料庫") == [1]
    assert await found(ledger, "whole") == [2]
    assert await found(ledger, "资料库") == []


async def test_the_terms_of_an_old_index_are_renewed(ledger: Ledger) -> None:
    await old_index(ledger, TRADITIONAL)
    assert await ledger.keywords.renew() == 3
    assert await found(ledger, "资料库") == await found(ledger, "資料庫") == [1]
    assert await found(ledger, "abc123") == [3]
    assert (await ledger.keywords.renewed_to(), await ledger.keywords.renew()) == (None, 0)


async def test_renewing_goes_on_where_it_was_interrupted(ledger: Ledger) -> None:
    await old_index(ledger, TRADITIONAL)
    first = (await ledger.keywords.chunks_after(0))[0]
    await ledger.keywords.replace([(first[0], first[1], "ghost")], first[0])
    assert await ledger.keywords.renew() == 2
    assert (await found(ledger, "ghost"), await found(ledger, "abc123")) == ([1], [3])


async def test_rows_of_a_table_are_found_by_their_columns_after_a_renewal(ledger: Ledger) -> None:
    block = Block("table", 0, 7, header="Model | Tragkraft")
    await ledger.documents.accept(new_document(), 1.0)
    await make_ready(ledger, "doc_1", batch_of([Page(1, "KX | 42", (block,))]))
    await ledger.keywords.replace([], 0)
    assert await ledger.keywords.renew() == 1
    assert await found(ledger, "Tragkraft") == [1]


async def test_terms_of_a_chunk_that_is_gone_are_not_renewed(ledger: Ledger) -> None:
    await old_index(ledger, TRADITIONAL)
    rows = await ledger.keywords.chunks_after(0)
    await ledger.documents.delete("doc_1")
    await ledger.keywords.replace([(row, chunk_id, "ghost") for row, chunk_id, *_ in rows], None)
    assert await found(ledger, "ghost") == []


async def test_a_new_ledger_has_terms_of_this_form(ledger: Ledger) -> None:
    assert await ledger.keywords.renewed_to() is None


@pytest.mark.parametrize(("texts", "query"), [
    (["The barn", "The old harbours"], "harb"), (["The cabin", "The maintenance"], "maintenan"),
    (["其他内容", "系统维护每日执行"], "系统维"), (["the seal", "the pump's seals"], "seal of the pum"),
    (["a house", "STRAẞE"], "stras"), (["other thing", "part KT-131"], "part kt-13"),
])  # fmt: skip
async def test_the_last_word_of_what_is_typed_may_be_a_beginning(
    ledger: Ledger, texts: list[str], query: str
) -> None:
    await first_page(ledger, texts, query)
    hits = await ledger.keywords.search(query, Scope(), 5, as_typed=True)
    assert int(hits[0][0].split(".")[2]) == 2


async def test_a_whole_word_finds_what_it_finds_when_nobody_types(ledger: Ledger) -> None:
    await first_page(ledger, ["The portable port", "The portable crane"], "port")
    typed, plain = [
        await ledger.keywords.search("the port", Scope(), 5, as_typed=one) for one in (True, False)
    ]
    assert (typed, len(typed)) == (plain, 1)


@pytest.mark.parametrize("query", ["harb", "harb is", "harb?", "h"])
async def test_only_the_last_word_and_only_while_it_is_typed(ledger: Ledger, query: str) -> None:
    await first_page(ledger, ["The old harbour"], query)
    as_typed = query != "harb"
    assert await ledger.keywords.search(query, Scope(), 5, as_typed=as_typed) == []


#: As it would be said without a thought of what it costs.
PLAIN = """
    SELECT c.id, -bm25(keywords) AS score FROM keywords
    JOIN chunks AS c ON c.row = keywords.rowid
    JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version
    WHERE keywords MATCH ?1
      AND (?2 IS NULL OR d.collection IN (SELECT value FROM json_each(?2)))
      AND (?3 IS NULL OR d.id IN (SELECT value FROM json_each(?3)))
    ORDER BY score DESC, c.row LIMIT ?4
"""
WORDS = ["anchor", "basin", "cargo", "gulf", "harbour", "reef", "strait", "tug"]


async def many_documents(ledger: Ledger, folder: Path) -> None:
    """Forty in four collections, of few words so that scores are equal; every seventh is not searchable."""
    drawn = random.Random(8)
    for number in range(40):
        name = f"doc_{number}"
        await ledger.documents.accept(new_document(name, collection="abcd"[number % 4]), 1.0)
        terms = [" ".join(drawn.choices(WORDS, k=drawn.randint(1, 4))) for _ in range(10)]
        await index(ledger, name, replace(word_batch(10), terms=terms))
    run_sql(folder / FILE, "UPDATE documents SET searchable_version = 0 WHERE rowid % 7 = 3")


SCOPES = [
    Scope(),
    Scope(("a",)),
    Scope(("a", "b", "c")),
    Scope(("elsewhere",)),
    Scope(document_ids=("doc_5",)),
    Scope(document_ids=tuple(f"doc_{n}" for n in range(0, 40, 3))),
    Scope(("b",), tuple(f"doc_{n}" for n in range(30))),
]


def plainly(folder: Path, asked: list[str], scope: Scope, limit: int) -> list[tuple[object, ...]]:
    match, within = " OR ".join(asked), scope_values(scope)
    return run_sql(folder / FILE, PLAIN, match, within["collections"], within["document_ids"], limit)


@pytest.mark.parametrize("few", [0, 60, 5000], ids=["no scope is few", "some are few", "all are few"])
async def test_every_scope_has_its_own_best_in_their_order(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    await many_documents(ledger, tmp_path)
    monkeypatch.setattr(keywords, "FEW_CHUNKS", few)
    monkeypatch.setattr(keywords, "FEW_OF_ALL", 0)
    monkeypatch.setattr(keywords, "WIDER", 2)
    drawn = random.Random(9)
    for scope, limit in product(SCOPES, (1, 3, 10, 500)):
        asked = drawn.sample(WORDS, drawn.randint(1, 3))
        found = await ledger.keywords.search(" ".join(asked), scope, limit)
        assert found == plainly(tmp_path, asked, scope, limit)


#: Asked of forty documents of ten chunks, which all have one word; another one stands in twelve of them.
COMMON_QUESTIONS = {
    "what is rare is enough": ("cargo reef", 2),
    "fewer have what is rare than are wanted": ("cargo reef", 10),
    "all is common": ("cargo", 3),
    "nothing is common": ("reef", 3),
}


@pytest.mark.parametrize(("query", "limit"), COMMON_QUESTIONS.values(), ids=COMMON_QUESTIONS)
async def test_what_only_common_terms_are_found_by_is_not_missed_among_many(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, limit: int
) -> None:
    for number in range(40):
        await ledger.documents.accept(new_document(f"doc_{number}", collection="a"), 1.0)
        rare = "reef reef" if number % 10 == 3 else "gulf"
        terms = [f"cargo {rare if n < 3 else 'gulf'}" + " tug" * (number + n) for n in range(10)]
        await index(ledger, f"doc_{number}", replace(word_batch(10), terms=terms))
    monkeypatch.setattr(keywords, "MANY_CHUNKS", 100)
    monkeypatch.setattr(keywords, "WIDER", 3)
    found = await ledger.keywords.search(query, Scope(), limit)
    assert found == plainly(tmp_path, query.split(), Scope(), limit)


async def test_among_many_chunks_those_with_common_terms_alone_are_not_scored(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.documents.accept(new_document("doc", collection="a"), 1.0)
    terms = [f"cargo reef {'tug ' * 9}" if n % 25 == 1 else "cargo cargo cargo" for n in range(100)]
    await index(ledger, "doc", replace(word_batch(100), terms=terms))
    few = await ledger.keywords.search("cargo reef", Scope(), 1)
    monkeypatch.setattr(keywords, "MANY_CHUNKS", 100)
    monkeypatch.setattr(keywords, "WIDER", 4)
    assert await ledger.keywords.search("cargo reef", Scope(), 1) == few
    scored = list[str]()
    monkeypatch.setattr(keywords, "SQL", _Noting(keywords.SQL, scored))
    await ledger.keywords.search("cargo reef", Scope(), 1)
    assert [name for name in scored if name.startswith("best")] == ["best_of_all", "best_of_rows"]


class _Noting(dict[str, str]):
    """Queries whose names are noted when they are asked for."""

    def __init__(self, queries: Mapping[str, str], noted: list[str]) -> None:
        super().__init__(queries)
        self._noted = noted

    def __getitem__(self, name: str) -> str:
        self._noted.append(name)
        return super().__getitem__(name)
