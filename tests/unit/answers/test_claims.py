"""A model's sentences are held to what they cite."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from kotaemon_async.answers.claims import ClaimCheck, all_unsupported
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Claim
from tests.support.answering import source, table

PUMP = "The pump P-70 was installed in 2019. Its seal is replaced every 4200 hours by the fitter."
VALVE = "阀门V-8于二〇三一年三月检查，由李青负责。检查结果由值班长签字确认。"
FERRY = "The ferry company of Port Ellis runs six boats. Captain Mara Voss never sailed at night."
SOURCES = (source(PUMP, "pumps.pdf"), source(VALVE, "阀门.pdf"), source(FERRY, "ferries.pdf"))


class Near:
    """An embedder in whose eyes texts that share a mark are the same, and others have nothing in common."""

    calibrated = True

    def __init__(self, *marks: str, fails: bool = False) -> None:
        self.marks, self.fails = marks, fails

    async def embed_query(self, text: str) -> np.ndarray:
        found: np.ndarray = (await self.embed_sentences([text]))[0]
        return found

    async def embed_sentences(self, texts: Sequence[str]) -> np.ndarray:
        if self.fails:
            raise Unavailable("away", code="embedder_unavailable")
        rows = [[mark in text for mark in self.marks] for text in texts]
        return np.array(rows, np.float32)


class AllAlike:
    """A library in which every term is as rare as any other."""

    async def rarity(self, terms: Sequence[str]) -> Mapping[str, float]:
        return dict.fromkeys(terms, 1.0)


async def claims(answer: str, embedder: Near | None = None) -> list[Claim]:
    check = ClaimCheck((lambda: embedder) if embedder else None, AllAlike())
    return list(await check.check(answer, SOURCES, Deadline.within(5)))


async def verdict(answer: str, embedder: Near | None = None) -> tuple[str, str | None]:
    (claim,) = await claims(answer, embedder)
    return claim.verdict, claim.reason


@pytest.mark.parametrize("answer", [
    "The seal of the pump is replaced every 4200 hours [1].", "The seal is replaced every 4,200 hours. [1]",
    "Pump P70 was installed in 2019 [1].", "阀门V-8在2031年3月检查。[2]", "閥門V-8由李青負責檢查[2]。",
    "The company runs 6 boats from Port Ellis [3].", "Captain Voss never sailed at night [3].",
    "According to passage 3, Captain Voss never sailed at night [3].",
    "1. Captain Voss never sailed at night [3]",
    "The passage does not mention the year 2024 [1].", "文中没有提到V-9阀门[2]。", "Six [3].",
    "The valve V-8 is checked in March 2031 [2].",
])  # fmt: skip
async def test_what_stands_in_its_source_is_supported(answer: str) -> None:
    assert await verdict(answer) == ("supported", None)


@pytest.mark.parametrize(("answer", "reason"), [
    ("The seal is replaced every 4300 hours [1].", "figure"),
    ("Pump P-70 was installed in 2018 [1].", "figure"),
    ("阀门V-8在2031年5月检查。[2]", "figure"), ("阀门V-8由三十位工人检查，共90次。[2]", "figure"),
    ("Pump P-71 was installed by the fitter [1].", "code"), ("阀门V-9由李青负责[2]。", "code"),
    ("The seal is replaced every 4200 hours [3].", "figure"),
    ("Pump P-70 has a seal that is replaced [2].", "code"),
])  # fmt: skip
async def test_a_figure_or_code_that_its_source_lacks_is_unsupported(answer: str, reason: str) -> None:
    assert await verdict(answer) == ("unsupported", reason)


async def test_a_name_that_its_source_lacks_is_to_be_checked() -> None:
    assert await verdict("The boats of Captain Nora Hale never sailed at night [3].") == ("check", "name")


OTHER = "The emperor ordered new roads through every mountain province [1]."


@pytest.mark.parametrize(("embedder", "found"), [
    (None, ("check", "subject")), (Near("nothing"), ("unsupported", "subject")),
    (Near("e"), ("check", "subject")), (Near("nothing", fails=True), ("check", "subject")),
], ids=["words alone", "words and meaning", "words against meaning", "a model that is away"])  # fmt: skip
async def test_another_subject_is_told_by_words_and_meaning(
    embedder: Near | None, found: tuple[str, str]
) -> None:
    assert await verdict(OTHER, embedder) == found


async def test_across_languages_only_meaning_tells_the_subject() -> None:
    claim = "检查结果由值班长签字[3]。"
    assert await verdict(claim) == ("supported", None)
    assert await verdict(claim, Near("nothing")) == ("check", "subject")
    assert await verdict(claim, Near("检查", "ferry")) == ("check", "subject")


async def test_each_sentence_has_its_claim_and_its_markers() -> None:
    answer = "I found:\n\n- Captain Voss never sailed at night [3, 1].\n- Pump P-9 broke.[1] Dr. Hale left."
    found = await claims(answer)
    assert [(claim.sentence, claim.markers) for claim in found] == [
        ("Captain Voss never sailed at night.", (3, 1)), ("Pump P-9 broke.", (1,)), ("Dr. Hale left.", ()),
    ]  # fmt: skip


async def test_a_sentence_without_a_marker_is_held_to_all_sources() -> None:
    assert await verdict("The seal is replaced every 4200 hours.") == ("supported", None)
    assert await verdict("The seal is replaced every 7 years.") == ("unsupported", "figure")
    assert await verdict(OTHER.replace(" [1]", ""), Near("nothing")) == ("check", "subject")


@pytest.mark.parametrize(("verdicts", "whole"), [
    (["unsupported", "unsupported"], True), (["unsupported", "check"], False), (["supported"], False),
    ([], False),
])  # fmt: skip
def test_an_answer_is_unsupported_when_all_of_it_is(verdicts: list[str], whole: bool) -> None:
    made = [Claim("x", "unsupported" if one == "unsupported" else "check", None) for one in verdicts]
    assert all_unsupported(made) is whole


async def test_an_answer_of_nothing_but_signs_has_no_claims() -> None:
    assert await claims("…  [1]") == []


BELTS = table(
    "Model | Width | Stock", "KT-131 | 7403 | 12", "KT-132 | 7416 | 9", "KT-133 | 7429 | 40",
    before="All belts are stored in hall 7.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "verdict", "reason"),
    [
        ("The width of KT-131 is 7403.", "supported", None),
        ("KT-131 is stored in hall 7 and has a width of 7403.", "supported", None),
        ("KT-131 and KT-133 have widths of 7403 and 7429.", "supported", None),
        ("The width of KT-131 is 7416.", "unsupported", "figure"),
        ("KT-132 has a stock of 40.", "unsupported", "figure"),
        ("The width of KT-139 is 7403.", "unsupported", "code"),
        ("KT-131 的宽度是 7416。", "unsupported", "figure"),
    ],
)
async def test_a_figure_of_another_row_does_not_support_a_claim(
    sentence: str, verdict: str, reason: str | None
) -> None:
    (claim,) = await ClaimCheck().check(f"{sentence[:-1]} [1]{sentence[-1]}", (BELTS,), Deadline.within(5))
    assert (claim.verdict, claim.reason) == (verdict, reason)
