"""Hybrid search that degrades, with lanes that do as they are told."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Mode, Passage, PassageSentences, Place, Reason, Scope, Sentence
from kotaemon_async.domain.text import query_terms
from kotaemon_async.search.lanes import Hits
from kotaemon_async.search.retrieval import Retrieval, page_of
from kotaemon_async.search.settings import RetrievalSettings
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health

TEXTS = {"a": "red pump", "b": "blue pump", "c": "green valve"}


class LedgerOfTexts:
    """A ledger that knows the chunks of TEXTS, each on its own page."""

    async def searchable(self, chunk_ids: Sequence[str], _scope: Scope) -> dict[str, bool]:
        return {key: False for key in chunk_ids if key in TEXTS}

    async def carried_over(self, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
        return {}

    async def passages(self, chunk_ids: Sequence[str], _scope: Scope) -> dict[str, Passage]:
        return {
            key: Passage(key, "d1", "a.pdf", ord(key), TEXTS[key], 0.0) for key in chunk_ids if key in TEXTS
        }


class Lane:
    """Answers with its hits, with an error, or never; counts the calls."""

    def __init__(self, hits: Hits | None = None, error: str = "", hangs: bool = False) -> None:
        self.hits, self.error, self.hangs, self.calls = hits or [], error, hangs, 0
        self.calibrated = self.is_exact = False

    async def search(self, *_: object, **__: object) -> Hits:
        self.calls += 1
        if self.hangs:
            await anyio.sleep_forever()
        if self.error:
            raise Unavailable("down", code=self.error)
        return self.hits

    async def embed_query(self, text: str) -> object:
        return await self.search(text)


class IndexStatus:
    """What is known of the index without asking it."""

    def __init__(self) -> None:
        self.outage: str | None = None
        self.era = 1
        self.is_partial = False


class Space(NamedTuple):
    """A model and its index."""

    embedder: Lane
    vectors: Lane
    status: IndexStatus


HANGS: dict[str, Any] = {"hangs": True}
KEYWORDS = [("a", 9.0), ("b", 3.0)]
VECTORS = [("c", 0.9), ("a", 0.5)]


def states(service: Retrieval) -> dict[str, str]:
    return {breaker.name: breaker.state for breaker in service.breakers}


def retrieval(
    keywords: Lane,
    vectors: Lane,
    embedder: Lane | None = None,
    status: IndexStatus | None = None,
    documents: LedgerOfTexts | None = None,
) -> Retrieval:
    space = Space(embedder or Lane(), vectors, status or IndexStatus())
    return Retrieval(
        documents=documents or LedgerOfTexts(),
        keywords=keywords,
        space=lambda: space,
        settings=RetrievalSettings(vector_timeout_s=0.01, keyword_timeout_s=0.01),
        clock=lambda: 0.0,
    )


async def test_hybrid_holds_the_hits_of_both_lanes_with_scores_up_to_one() -> None:
    found = await retrieval(Lane(KEYWORDS), Lane(VECTORS)).search("red pump", Scope())
    assert [one.id for one in found.passages] == ["a", "b", "c"]
    assert all(0 < one.score <= 1 for one in found.passages)
    assert found.degraded == ()


async def test_the_beginning_of_a_word_counts_where_words_and_vectors_meet() -> None:
    nearest = [("c", 0.9), ("a", 0.8), ("b", 0.8)]
    search = retrieval(Lane([("b", 3.0)]), Lane(nearest)).search
    scores = [(await search("the blu", Scope(), as_typed=typed)).passages[0].score for typed in (True, False)]
    assert scores[0] > scores[1]


async def test_keyword_mode_asks_keywords_alone() -> None:
    vectors = Lane(VECTORS)
    found = await retrieval(Lane(KEYWORDS), vectors).search("pump", Scope(), mode="keyword")
    assert [(one.id, one.score) for one in found.passages] == [("a", 1.0), ("b", 0.333333)]
    assert vectors.calls == 0


async def test_vector_mode_asks_vectors_alone() -> None:
    keywords = Lane(KEYWORDS)
    found = await retrieval(keywords, Lane(VECTORS)).search("pump", Scope(), mode="vector")
    assert [one.id for one in found.passages] == ["c", "a"]
    assert keywords.calls == 0


async def test_top_k_limits_the_passages() -> None:
    found = await retrieval(Lane(KEYWORDS), Lane(VECTORS)).search("red pump", Scope(), top_k=1)
    assert [one.id for one in found.passages] == ["a"]


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
@pytest.mark.parametrize(("vectors", "embedder", "reason"), [
    (Lane(error="vectors_unavailable"), Lane(), Reason("vectors", "vectors_unavailable")),
    (Lane(hangs=True), Lane(), Reason("vectors", "timeout")),
    (Lane(), Lane(error="embedder_unavailable"), Reason("embedder", "embedder_unavailable")),
    (Lane(), Lane(hangs=True), Reason("embedder", "timeout")),
])  # fmt: skip
async def test_keywords_stand_in_for_vectors(
    vectors: Lane, embedder: Lane, reason: Reason, mode: Mode
) -> None:
    found = await retrieval(Lane(KEYWORDS), vectors, embedder).search("pump", Scope(), mode=mode)
    assert [one.id for one in found.passages] == ["a", "b"]
    assert found.degraded == (reason,)


async def test_vectors_carry_on_without_keywords() -> None:
    found = await retrieval(Lane(error="ledger_unavailable"), Lane(VECTORS)).search("pump", Scope())
    assert [one.id for one in found.passages] == ["c", "a"]
    assert found.degraded == (Reason("keywords", "ledger_unavailable"),)


async def test_both_lanes_down_is_unavailable() -> None:
    down = retrieval(Lane(hangs=True), Lane(error="vectors_unavailable"))
    with pytest.raises(Unavailable, match=r"vectors \(vectors_unavailable\), keywords \(timeout\)"):
        await down.search("pump", Scope())


@pytest.mark.parametrize("mode", ["keyword", "vector"])
async def test_a_mode_without_a_lane_is_unavailable(mode: Mode) -> None:
    down = retrieval(Lane(error="ledger_unavailable"), Lane(error="vectors_unavailable"))
    with pytest.raises(Unavailable):
        await down.search("pump", Scope(), mode=mode)


async def test_a_lane_that_fails_again_and_again_is_no_longer_asked() -> None:
    vectors = Lane(error="vectors_unavailable")
    search = retrieval(Lane(KEYWORDS), vectors).search
    found = [await search("pump", Scope()) for _ in range(8)]
    assert vectors.calls == 5
    assert found[-1].degraded == (Reason("vectors", "vectors_unavailable"),)


@pytest.mark.parametrize("fault", [{"error": "embedder_unavailable"}, HANGS], ids=["fails", "hangs"])
async def test_an_embedder_that_fails_opens_its_own_breaker(fault: dict[str, Any]) -> None:
    vectors, embedder = Lane(VECTORS), Lane(**fault)
    service = retrieval(Lane(KEYWORDS), vectors, embedder)
    found = [await service.search("pump", Scope()) for _ in range(8)]
    assert states(service) == {"embedder": "open", "vectors": "closed"}
    assert (embedder.calls, vectors.calls) == (5, 0)
    assert found[-1].degraded == (Reason("embedder", "embedder_unavailable"),)


@pytest.mark.parametrize("fault", [{"error": "vectors_unavailable"}, HANGS], ids=["fails", "hangs"])
async def test_an_index_that_fails_never_opens_the_embedder_s_breaker(fault: dict[str, Any]) -> None:
    embedder = Lane()
    service = retrieval(Lane(KEYWORDS), Lane(**fault), embedder)
    for _ in range(8):
        await service.search("pump", Scope())
    assert states(service) == {"embedder": "closed", "vectors": "open"}
    assert embedder.calls == 5  # nothing is embedded for an index that is not asked


async def test_the_health_report_shows_how_the_breakers_of_embedder_and_index_stand() -> None:
    service, health = retrieval(Lane(KEYWORDS), Lane(error="vectors_unavailable")), Health()
    for name in ("embedder", "vectors"):
        health.register(name, anyio.lowlevel.checkpoint)
    service.register_in(health)
    for _ in range(5):
        await service.search("pump", Scope())
    report: Any = await health.report()
    embedder, vectors = (report["components"][name] for name in ("embedder", "vectors"))
    assert (embedder["status"], embedder["state"]) == ("ok", "closed")
    expected = ("degraded", "open", "vectors_unavailable")
    assert (vectors["status"], vectors["state"], vectors["code"]) == expected
    assert metrics.REGISTRY.get_sample_value("kotaemon_breaker_state", {"component": "vectors"}) == 2


@pytest.mark.parametrize("fault", [{"error": "ledger_unavailable"}, HANGS], ids=["fails", "hangs"])
async def test_a_ledger_that_cannot_be_read_opens_no_breaker(fault: dict[str, Any]) -> None:
    class Locked(LedgerOfTexts):
        async def searchable(self, chunk_ids: Sequence[str], _scope: Scope) -> dict[str, bool]:
            return dict(await Lane(**fault).search())  # type: ignore[arg-type]

        async def carried_over(self, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
            return {}

        async def passages(self, chunk_ids: Sequence[str], _scope: Scope) -> dict[str, Passage]:
            return dict(await Lane(**fault).search())  # type: ignore[arg-type]

    service = retrieval(Lane(KEYWORDS), Lane(VECTORS), documents=Locked())
    for _ in range(8):
        with pytest.raises(Unavailable) as caught:
            await service.search("pump", Scope())
        assert caught.value.code == fault.get("error", "timeout")
    assert states(service) == {"embedder": "closed", "vectors": "closed"}


async def test_a_search_that_is_given_up_says_nothing_about_a_neighbour() -> None:
    service = retrieval(Lane(KEYWORDS), Lane(VECTORS), Lane(hangs=True))
    for _ in range(8):
        with anyio.move_on_after(0.001):
            await service.search("pump", Scope())
    assert states(service) == {"embedder": "closed", "vectors": "closed"}


async def test_a_deleted_chunk_is_left_out() -> None:
    found = await retrieval(Lane([("gone", 9.0), ("a", 3.0)]), Lane()).search("pump", Scope())
    assert [(one.id, one.score) for one in found.passages] == [("a", 1.0)]


async def test_nothing_found_is_an_empty_answer() -> None:
    assert (await retrieval(Lane(), Lane()).search("pump", Scope())).passages == ()


async def test_an_index_that_is_known_to_be_away_is_not_asked_and_not_blamed() -> None:
    vectors, status = Lane(VECTORS), IndexStatus()
    search = retrieval(Lane(KEYWORDS), vectors, status=status).search
    status.outage = "vectors_rebuilding"
    found = [await search("pump", Scope()) for _ in range(20)]
    assert {one.degraded for one in found} == {(Reason("vectors", "vectors_rebuilding"),)}
    status.outage = None
    assert ((await search("pump", Scope())).degraded, vectors.calls) == ((), 1)


async def test_an_index_that_came_back_is_asked_at_once() -> None:
    vectors, status = Lane(error="vectors_unavailable"), IndexStatus()
    search = retrieval(Lane(KEYWORDS), vectors, status=status).search
    for _ in range(8):
        await search("pump", Scope())
    vectors.error, vectors.hits, status.era = "", VECTORS, 2
    assert (await search("red pump", Scope())).degraded == ()


async def test_hits_of_an_index_that_began_anew_meanwhile_do_not_count() -> None:
    status = IndexStatus()

    class Renewed(Lane):
        async def search(self, *_: object, **__: object) -> Hits:
            status.outage = "vectors_rebuilding"
            return [("b", 0.9)]

    found = await retrieval(Lane(), Renewed(), Lane(), status).search("pump", Scope())
    assert (found.passages, found.degraded) == ((), (Reason("vectors", "vectors_rebuilding"),))


async def test_more_is_asked_for_when_most_hits_are_of_a_version_that_is_not_searchable_yet() -> None:
    class Crowded(Lane):
        async def search(self, *_: object, **asked: Any) -> Hits:
            self.calls += 1
            return [*((f"new {n}", 0.9) for n in range(150)), ("b", 0.5), ("c", 0.4)][: asked["limit"]]

    crowded = Crowded()
    found = await retrieval(Lane(), crowded, Lane()).search("pump", Scope(), mode="vector")
    assert ([one.id for one in found.passages], crowded.calls) == (["b", "c"], 2)


async def test_an_index_that_holds_only_some_documents_is_used_and_that_is_said() -> None:
    status = IndexStatus()
    status.is_partial = True
    search = retrieval(Lane(KEYWORDS), Lane(VECTORS), status=status).search
    found = await search("red pump", Scope())
    assert [one.id for one in found.passages] == ["a", "b", "c"]
    assert found.degraded == (Reason("vectors", "vectors_rebuilding"),)
    assert (await search("red pump", Scope(), mode="keyword")).degraded == ()


async def test_a_calibrated_model_brings_the_other_language_beside_the_question_s() -> None:
    texts = {"zh": "设备的密封件", "en": "the seal of the pump", "far": "别的东西"}

    class BothLanguages(LedgerOfTexts):
        async def carried_over(self, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
            return {}

        async def passages(self, chunk_ids: Sequence[str], _scope: Scope) -> dict[str, Passage]:
            return {key: Passage(key, "d1", "a.pdf", ord(key[0]), texts[key], 0.0) for key in chunk_ids}

        async def searchable(self, chunk_ids: Sequence[str], _scope: Scope) -> dict[str, bool]:
            return {key: key == "zh" for key in chunk_ids}

    vectors = Lane([("zh", 0.50), ("en", 0.45), ("far", 0.1)])
    embedder = Lane()
    first = []
    for embedder.calibrated in (True, False):
        service = retrieval(Lane([("far", 1.0)]), vectors, embedder, documents=BothLanguages())
        first.append((await service.search("多久更换？", Scope())).passages[0].id)
    assert first[0] == "en"
    assert first[1] != "en"


SENTENCES = (
    Sentence("The pump is red.", (Place(4, 0, 16),)),
    Sentence("The valve was bought in Leeds by the fitter.", (Place(4, 17, 26), Place(5, 0, 34))),
)


@pytest.mark.parametrize(
    ("question", "page"),
    [("Where was the valve bought?", 5), ("What colour is the pump?", 4), ("阀门在哪里买的", 4)],
)
def test_a_passage_over_a_page_break_opens_at_its_nearest_sentence(question: str, page: int) -> None:
    assert page_of(query_terms(question), SENTENCES) == page


async def test_a_hit_is_opened_at_the_page_of_its_nearest_sentence() -> None:
    class OverThePage(LedgerOfTexts):
        async def carried_over(self, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
            return {"a": PassageSentences("", SENTENCES)} if "a" in chunk_ids else {}

    found = await retrieval(Lane(KEYWORDS), Lane(VECTORS), documents=OverThePage()).search("valve", Scope())
    assert {one.id: one.page for one in found.passages}["a"] == 5
