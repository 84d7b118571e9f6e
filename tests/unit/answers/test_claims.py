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


@pytest.mark.parametrize(("said", "claim", "stands"), [
    ("The bridge cost 83,000 euros.", "The bridge cost 83000 euros.", True),
    ("The bridge cost 83,000 euros.", "The bridge cost €83,000.", True),
    ("The bridge cost 83,000 euros.", "The bridge cost 83 thousand euros.", True),
    ("The bridge cost 83,000 euros.", "The bridge cost 38,000 euros.", False),
    ("The city has 1.2 million inhabitants.", "The city has 1,200,000 inhabitants.", True),
    ("The city has 1,200,000 inhabitants.", "The city has about 1.2 million inhabitants.", True),
    ("The city has 1.2 million inhabitants.", "The city has 1.3 million inhabitants.", False),
    ("The city has 1.2 million inhabitants.", "The city has 12 million inhabitants.", False),
    ("Sales rose by 12.5% in May.", "Sales rose by 12.5 percent in May.", True),
    ("Sales rose by 12.5% in May.", "Sales rose by 12.5 per cent in May.", True),
    ("Sales rose by 12.5% in May.", "Sales rose by 15.2% in May.", False),
    ("Sales rose by 12.5% in May.", "Sales rose by 125% in May.", False),
    ("Half of the pumps failed.", "50% of the pumps failed.", True),
    ("A quarter of the pumps failed.", "25% of the pumps failed.", True),
    ("The treaty was signed on 4 July 2031.", "The treaty was signed on July 4, 2031.", True),
    ("The treaty was signed on 4 July 2031.", "The treaty was signed on 2031-07-04.", True),
    ("The treaty was signed on 4 July 2031.", "The treaty was signed in July 2031.", True),
    ("The treaty was signed on 4 July 2031.", "The treaty was signed in 2031.", True),
    ("The treaty was signed on 4 July 2031.", "The treaty was signed on 7 April 2031.", False),
    ("The treaty was signed on 4 July 2031.", "The treaty was signed on 5 July 2031.", False),
    ("The tank holds 40 kg of salt.", "The tank holds 40 kilograms of salt.", True),
    ("The tank holds 40kg of salt.", "The tank holds 40 kg of salt.", True),
    ("The tank holds 40 kg of salt.", "The tank holds 40 g of salt.", False),
    ("The pipe is 3 km long.", "The pipe is 3 kilometres long.", True),
    ("The pipe is 3 km long.", "The pipe is 3 m long.", False),
    ("The pipe is 3 km long.", "The pipe is 3,000 metres long.", True),
    ("The seal is replaced every three months.", "The seal is replaced every 3 months.", True),
    ("The seal is replaced every three months.", "The seal is replaced every 3 weeks.", False),
    ("The seal is replaced every three months.", "The seal is replaced every four months.", False),
    ("轴封每三千小时更换一次。", "轴封每3000小时更换一次。", True),
    ("轴封每三千小时更换一次。", "轴封每3,000小时更换一次。", True),
    ("轴封每三千小时更换一次。", "轴封每四千小时更换一次。", False),
    ("轴封每三千小时更换一次。", "轴封每3000天更换一次。", False),
    ("该市人口为120万。", "该市人口约为1,200,000人。", True),
    ("该市人口为一百二十万。", "该市人口为120万。", True),
    ("该市人口为120万。", "该市人口为102万。", False),
    ("合格率为百分之九十五。", "合格率为95%。", True),
    ("合格率为百分之九十五。", "合格率为59%。", False),
    ("合同于二〇三一年七月四日签订。", "合同于2031年7月4日签订。", True),
    ("合同于2031年7月4日签订。", "The contract was signed on 4 July 2031.", True),
    ("合同于2031年7月4日签订。", "The contract was signed on 7 April 2031.", False),
    ("轴封每三千小时更换一次。", "The shaft seal is replaced every 3,000 hours.", True),
    ("轴封每三千小时更换一次。", "The shaft seal is replaced every 4,000 hours.", False),
    ("The shaft seal is replaced every 3,000 hours.", "轴封每三千小时更换一次。", True),
    ("The shaft seal is replaced every 3,000 hours.", "轴封每三百小时更换一次。", False),
    ("投资总额为5.81亿元。", "The total investment is 581 million yuan.", True),
    ("投资总额为5.81亿元。", "The total investment is 5.81 billion yuan.", False),
    ("The director of the port is Mara Voss.", "The director of the port is Mara Voss.", True),
    ("The director of the port is Mara Voss.", "The director of the port is Otto Berg.", False),
    ("The director of the port is Mara Voss.", "The port's director is Voss.", True),
    ("项目由李青负责。", "项目由王芳负责。", False),
    ("项目由李青负责。", "李青负责该项目。", True),
    ("项目由李青负责。", "The project is led by Li Qing.", True),
    ("The Danube flows through Vienna.", "多瑙河流经维也纳。", True),
    ("约翰·史密斯于1931年建造了大桥。", "大桥由约翰·史密斯建造。", True),
    ("约翰·史密斯于1931年建造了大桥。", "大桥由汤姆·布朗建造。", False),
    ("The first world war ended in 1918.", "World War I ended in 1918.", True),
    ("It happened in the 19th century.", "It happened in the 1800s.", True),
    ("Between 1939 and 1945 the bridge was closed.", "The bridge was closed from 1939 to 1945.", True),
    ("The ticket costs $7.50.", "The ticket costs 7.50 dollars.", True),
    ("The ticket costs $7.50.", "The ticket costs €7.50.", False),
])  # fmt: skip
async def test_amounts_dates_and_names_are_told_in_whatever_way_they_are_written(
    said: str, claim: str, stands: bool
) -> None:
    marked = f"{claim[:-1]} [1]{claim[-1]}"
    (found,) = await ClaimCheck(None, AllAlike()).check(marked, (source(said),), Deadline.within(5))
    assert (found.verdict == "supported") is stands
