"""Answers that may be given again, and conversations, over a real SQLite file."""

from dataclasses import replace
from pathlib import Path

import pytest

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Failure, Scope
from kotaemon_async.stores.answers import CacheBounds
from kotaemon_async.stores.ledger import Ledger
from tests.support.ledger import claimed, make_ready, new_document, run_sql, word_batch

ANSWER = Answer("ans_1", "How much?", "Eight. [1]", "primary", False, (), (), "a" * 32)
BOUNDS = CacheBounds(rows=100, size_bytes=10**6, age_s=100.0)


async def a_document(ledger: Ledger, name: str, collection: str = "default") -> None:
    await ledger.documents.accept(new_document(name, collection=collection), 1.0)
    await make_ready(ledger, name, word_batch(1))


async def keep(ledger: Ledger, key: str, now_s: float, bounds: CacheBounds = BOUNDS) -> None:
    stamp = await ledger.answers.stamp(Scope())
    await ledger.answers.cache(key, stamp, ANSWER, link="main", now_s=now_s, bounds=bounds)


async def kept(ledger: Ledger, key: str, since_s: float = 0.0, link: str | None = None) -> float | None:
    found = await ledger.answers.cached(key, await ledger.answers.stamp(Scope()), since_s=since_s, link=link)
    return found and found[1]


async def test_an_answer_is_given_again_while_its_documents_are_the_same(ledger: Ledger) -> None:
    await a_document(ledger, "a")
    await keep(ledger, "k", 10.0)
    stamp = await ledger.answers.stamp(Scope())
    assert await ledger.answers.cached("k", stamp, since_s=0.0) == (ANSWER, 10.0)
    assert await kept(ledger, "another") is None


async def test_an_answer_is_wanted_from_one_link_or_from_any(ledger: Ledger) -> None:
    await keep(ledger, "k", 10.0)
    assert (await kept(ledger, "k", link="main"), await kept(ledger, "k", link="other")) == (10.0, None)


@pytest.mark.parametrize("change", ["new", "delete", "again", "fail", "cancel"])
async def test_any_change_of_a_document_makes_its_answers_void(ledger: Ledger, change: str) -> None:
    for name in ("a", "b", "c"):
        await a_document(ledger, name)
    await keep(ledger, "k", 10.0)
    if change == "new":
        await a_document(ledger, "d")
    elif change == "delete":
        await ledger.documents.delete("b")
    else:
        await ledger.documents.start_anew("b", 11.0, force=True)
        claim = await claimed(ledger, "b", 11.0)
        if change == "fail":
            await ledger.claims.fail(claim, Failure("corrupt", "It is broken.", "Mend it."), 12.0)
        elif change == "cancel":
            await ledger.documents.cancel("b", 12.0)
    assert await kept(ledger, "k") is None


async def test_a_change_outside_of_the_scope_changes_nothing(ledger: Ledger) -> None:
    await a_document(ledger, "a")
    await a_document(ledger, "b", "other")
    scopes = Scope(("default",)), Scope(document_ids=("a",))
    before = [await ledger.answers.stamp(scope) for scope in scopes]
    await ledger.documents.delete("b")
    assert [await ledger.answers.stamp(scope) for scope in scopes] == before


async def test_what_is_too_old_is_neither_given_nor_kept(ledger: Ledger) -> None:
    await keep(ledger, "old", 10.0)
    assert await kept(ledger, "old", since_s=10.0) is None
    await keep(ledger, "new", 200.0)
    assert await kept(ledger, "old") is None


@pytest.mark.parametrize("bounds", [replace(BOUNDS, rows=5), replace(BOUNDS, size_bytes=1500)])
async def test_the_cache_is_bounded_and_the_oldest_goes_first(ledger: Ledger, bounds: CacheBounds) -> None:
    for number in range(40):
        await keep(ledger, str(number), 10.0 + number, bounds)
    rows, size_bytes = await ledger.database.read(
        lambda conn: conn.execute("SELECT count(*), sum(size_bytes) FROM cached_answers").get
    )
    assert 1 <= rows <= bounds.rows and size_bytes <= bounds.size_bytes
    assert (await kept(ledger, "0"), await kept(ledger, "39")) == (None, 49.0)


async def test_a_conversation_begins_with_its_first_answer(ledger: Ledger) -> None:
    await ledger.answers.save(ANSWER, "c1", EVERYBODY, 10.0)
    await ledger.answers.save(replace(ANSWER, id="ans_2", question="And then?"), "c1", EVERYBODY, 20.0)
    conversation = await ledger.conversations.get("c1", EVERYBODY)
    assert (conversation.title, conversation.turns, conversation.updated_at_s) == ("How much?", 2, 20.0)
    turns = await ledger.conversations.turns("c1", EVERYBODY, 10)
    assert [turn.answer.question for turn in turns] == ["How much?", "And then?"]
    assert [turn.answer.id for turn in await ledger.conversations.turns("c1", EVERYBODY, 1)] == ["ans_2"]


async def test_conversations_are_listed_the_latest_first_and_by_title(ledger: Ledger) -> None:
    for number, title in enumerate(["Rivers", "100% wool", "Seas"]):
        await ledger.conversations.begin(f"c{number}", title, EVERYBODY, float(number))
    first, cursor = await ledger.conversations.page(EVERYBODY, q=None, limit=2, cursor=None)
    rest, end = await ledger.conversations.page(EVERYBODY, q=None, limit=2, cursor=cursor)
    assert ([one.id for one in (*first, *rest)], end) == (["c2", "c1", "c0"], None)
    found, _ = await ledger.conversations.page(EVERYBODY, q="100%", limit=2, cursor=None)
    assert [one.title for one in found] == ["100% wool"]


async def test_conversations_are_found_by_any_spelling_of_their_title(ledger: Ledger) -> None:
    await ledger.conversations.begin("c1", "Über die Ｄatenbank 備份", EVERYBODY, 1.0)
    await ledger.conversations.begin("c2", "other", EVERYBODY, 2.0)
    for part in ("über", "U\u0308BER", "datenbank", "备份"):
        found, _ = await ledger.conversations.page(EVERYBODY, q=part, limit=5, cursor=None)
        assert [one.id for one in found] == ["c1"]


async def test_a_conversation_is_renamed_and_deleted_with_its_answers(ledger: Ledger) -> None:
    await ledger.answers.save(ANSWER, "c1", EVERYBODY, 10.0)
    assert (await ledger.conversations.rename("c1", "Sums", EVERYBODY, 11.0)).title == "Sums"
    await ledger.conversations.delete("c1", EVERYBODY)
    conversations = ledger.conversations
    for gone in (
        conversations.get("c1", EVERYBODY),
        ledger.answers.get("ans_1", EVERYBODY),
        conversations.delete("c1", EVERYBODY),
    ):
        with pytest.raises(Refused, match="There is no"):
            await gone


async def test_an_answer_of_an_earlier_release_still_reads(ledger: Ledger, tmp_path: Path) -> None:
    kept = (
        '{"id":"ans_0","question":"q?","answer":"a [1]","served_by":"extractive","degraded":false,'
        '"reasons":[],"citations":[{"id":"ans_0.1","marker":1,"document_id":"d","document_name":"a.pdf","page":2,"quote":"a",'
        '"score":0.5}],"trace_id":"t","age_s":0.0,"timings_s":{},"usage":null,"uncited":[],"complete":true}'
    )
    run_sql(
        tmp_path / "ledger.db", "INSERT INTO answers (id, created_at, record) VALUES ('ans_0', 1.0, ?)", kept
    )
    found = await ledger.answers.get("ans_0", EVERYBODY)
    assert (found.outcome, found.missing, found.claims, found.rejected) == ("answer", (), (), None)
    assert (found.citations[0].quote, found.citations[0].parts) == ("a", ())
