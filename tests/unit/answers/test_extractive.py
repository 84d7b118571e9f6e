"""Answers without a model: which outcome, and what is said with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, NoAnswer, Piece, Prompt
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.text import terms as text_terms
from tests.support.answering import source

FERRY = source(
    "The harbour has twelve ferries. The ferry company got its first licence in 1936. Sheep eat grass."
)
FERRY_ZH = source("渡轮公司于1936年获得第一张执照。绵羊吃草。")


@dataclass
class Meaning:
    """Cosines by a word of the sentence; questions all have the same vector."""

    cosines: Mapping[str, float]
    calibrated: bool = True
    fails: Exception | None = None
    embedded: int = 0

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        if self.fails:
            raise self.fails
        return np.array([1.0], np.float32)

    async def embed_sentences(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        near = (max([0.0, *(self.cosines[word] for word in self.cosines if word in one)]) for one in texts)
        return np.array([[cosine] for cosine in near], np.float32)


class Rarity:
    """Every term but one is equally rare; the ledger may be away."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails

    async def rarity(self, terms: Sequence[str]) -> dict[str, float]:
        if self.fails:
            raise self.fails
        return dict.fromkeys(terms, 3.0)


async def pieces(
    question: str, *sources: Source, embedder: Meaning | None = None, words_only: bool = False
) -> tuple[Piece, ...]:
    provider = ExtractiveProvider((lambda: embedder) if embedder else None, Rarity())
    prompt = Prompt(question, tuple(one.passage for one in sources), sources=sources, words_only=words_only)
    return tuple([piece async for piece in provider.stream(prompt, Deadline.within(5))])


async def answered(question: str, *sources: Source, embedder: Meaning | None = None) -> tuple[str, Finish]:
    delta, finish = await pieces(question, *sources, embedder=embedder)
    assert isinstance(delta, Delta)
    assert isinstance(finish, Finish)
    return delta.text, finish


async def test_a_near_sentence_is_the_answer_with_its_quote() -> None:
    text, finish = await answered("When was it licensed?", FERRY, embedder=Meaning({"1936": 0.7}))
    assert (text, finish.outcome) == ("The ferry company got its first licence in 1936. [1]", "answer")
    assert finish.quotes is not None
    assert [FERRY.words(place) for place in finish.quotes[0].places] == [text.removesuffix(" [1]")]


@pytest.mark.parametrize(
    ("question", "found"),
    [("When was it licensed?", FERRY), ("它什么时候获得执照？", FERRY_ZH), ("它什么时候获得执照？", FERRY)],
    ids=["English", "Chinese", "across"],
)
async def test_a_question_that_nothing_is_near_to_has_no_answer(question: str, found: Source) -> None:
    with pytest.raises(NoAnswer):
        await pieces(question, found, embedder=Meaning({"1936": 0.2}))


async def test_another_year_than_the_one_that_is_asked_for_is_only_the_nearest() -> None:
    meaning = Meaning({"1936": 0.7})
    text, finish = await answered("Which company got a licence in 1963?", FERRY, embedder=meaning)
    assert text == (
        "Nothing found on “1963”; the nearest is: The ferry company got its first licence in 1936. [1]"
    )
    assert (finish.outcome, finish.missing) == ("nearest", ("1963",))


async def test_the_nearest_is_told_in_the_language_of_the_question() -> None:
    text, finish = await answered("1963年谁获得执照？", FERRY_ZH, embedder=Meaning({"1936": 0.7}))
    assert (text, finish.outcome) == (
        "没有找到关于“1963”的内容；最接近的是：渡轮公司于1936年获得第一张执照。[1]",
        "nearest",
    )


async def test_a_denial_that_nothing_shown_makes_is_told() -> None:
    text, finish = await answered(
        "Which company got no licence and did not sail?", FERRY, embedder=Meaning({"1936": 0.7})
    )
    assert text.startswith("Nothing found on “not sail”; the nearest is: The ferry company")
    assert (finish.outcome, finish.missing) == ("nearest", ("not sail",))


async def test_a_sentence_that_tells_what_is_asked_of_the_subject_goes_before_a_nearer_one() -> None:
    bank = source("Ada Holt founded a bank for the harbour of Hale in 1886. Ada Holt was born in Karst.")
    meaning = Meaning({"founded": 0.72, "Karst": 0.68})
    text, finish = await answered("Where was Ada Holt born?", bank, embedder=meaning)
    assert (text, finish.outcome) == ("Ada Holt was born in Karst. [1]", "answer")


async def test_a_sentence_that_denies_what_is_asked_is_only_the_nearest() -> None:
    visit = source("In 2013 the mayor chose not to visit the harbour.")
    text, finish = await answered(
        "When did the mayor visit the harbour?", visit, embedder=Meaning({"2013": 0.8})
    )
    assert text.startswith("Nothing found on “visit”; the nearest is: In 2013 the mayor")
    assert (finish.outcome, finish.missing) == ("nearest", ("visit",))


async def test_what_is_asked_of_a_subject_that_stands_nowhere_is_not_answered_with_another() -> None:
    lock = source("Ada Holt invented the canal lock in 1885.")
    with pytest.raises(NoAnswer):
        await pieces("Who invented the telephone?", lock, embedder=Meaning({"1885": 0.8}))


async def test_what_takes_the_place_of_a_denial_has_to_be_about_the_same() -> None:
    rules = source("In case of a shared medium, packets wait for their turn. Packets are sent one by one.")
    meaning = Meaning({"shared": 0.70, "one by one": 0.68})
    text, finish = await answered(
        "If there is no shared medium, how do packets wait?", rules, embedder=meaning
    )
    assert text.startswith("Nothing found on “not shared”; the nearest is: In case of a shared medium")
    assert finish.outcome == "nearest"


async def test_a_sentence_with_every_word_of_the_question_need_not_be_so_near() -> None:
    pump = source("T20, which was approved in Hale, is a pump for use with salt water.")
    text, _ = await answered("What is T20 used for?", pump, embedder=Meaning({"T20": 0.39}))
    assert text == "T20, which was approved in Hale, is a pump for use with salt water. [1]"


async def test_what_is_asked_for_may_be_told_in_other_words() -> None:
    mint = source("The mint of Hale goes back to what Ada Holt created in 1790.")
    meaning = Meaning({"1790": 0.42})
    text, _ = await answered("Who is the founder of the mint of Hale?", mint, embedder=meaning)
    assert text == "The mint of Hale goes back to what Ada Holt created in 1790. [1]"


@pytest.mark.parametrize(("cosine", "outcome"), [(0.45, "answer"), (0.38, "nearest")])
async def test_another_language_answers_beside_the_question_s_own_if_it_is_nearer(
    cosine: float, outcome: str
) -> None:
    _, finish = await answered("大桥何时建成？", FERRY, FERRY_ZH, embedder=Meaning({"licence": cosine}))
    assert finish.outcome == outcome


async def test_nothing_is_shown_in_another_language_beside_the_question_s_own_if_it_is_far() -> None:
    with pytest.raises(NoAnswer):
        await pieces("大桥何时建成？", FERRY, FERRY_ZH, embedder=Meaning({"licence": 0.35}))


async def test_the_passage_with_the_year_that_is_asked_for_goes_before_the_other() -> None:
    other = source("The ferry company sold its licence in 1963.")
    meaning = Meaning({"1936": 0.70, "1963": 0.68})
    text, finish = await answered("Which licence was there in 1963?", FERRY, other, embedder=meaning)
    assert (text, finish.outcome) == ("The ferry company sold its licence in 1963. [1]", "answer")


async def test_a_sentence_of_the_question_s_language_goes_before_a_nearer_one_of_another() -> None:
    meaning = Meaning({"第一张": 0.6, "twelve": 0.9})
    text, _ = await answered("渡轮公司什么时候获得执照？", FERRY, FERRY_ZH, embedder=meaning)
    assert text == "渡轮公司于1936年获得第一张执照。[1]"


async def test_what_only_pages_of_another_language_hold_is_answered_from_them() -> None:
    meaning = Meaning({"twelve": 0.5})
    text, finish = await answered("港口有几艘船？", FERRY, FERRY_ZH, embedder=meaning)
    assert (text, finish.outcome) == ("The harbour has twelve ferries. [1]", "answer")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("bridge repairs 1931", "The bridge needed repairs. It had some in 1931 for 40 crowns."),
        ("1931年大桥的维修", "大桥需要维修。1931年花费四十克朗。"),
    ],
    ids=["English", "Chinese"],
)
async def test_a_figure_that_is_asked_for_is_shown_though_another_sentence_has_the_words(
    question: str, text: str
) -> None:
    meaning = Meaning({"repairs": 0.7, "1931": 0.5, "维修": 0.7})
    assert "1931" in (await answered(question, source(text), embedder=meaning))[0]


@pytest.mark.parametrize(
    ("question", "found", "begins"),
    [
        ("港口有几艘船？", FERRY, "其他语言的文档中最接近的内容：The harbour has twelve ferries."),
        (
            "When was it licensed?",
            FERRY_ZH,
            "The nearest in another language: 渡轮公司于1936年获得第一张执照。",
        ),
    ],
    ids=["of English", "of Chinese"],
)
async def test_what_is_not_quite_near_in_another_language_is_the_nearest(
    question: str, found: Source, begins: str
) -> None:
    text, finish = await answered(question, found, embedder=Meaning({"twelve": 0.3, "1936": 0.3}))
    assert (text.startswith(begins), finish.outcome, finish.missing) == (True, "nearest", ())


async def test_a_word_in_capitals_is_asked_for_though_it_is_a_stop_word() -> None:
    found = source("Sheep like it here. The IT department is on floor three. It is green.")
    meaning = Meaning({"IT department": 0.35, "Sheep": 0.35, "green": 0.35})
    assert (await answered("What is IT?", found, embedder=meaning))[0].startswith("The IT department")


@pytest.mark.parametrize("question", ["🚀", "( ) * -", "？！", "\u200b"])
async def test_signs_are_no_question(question: str) -> None:
    with pytest.raises(NoAnswer):
        await pieces(question, FERRY, embedder=Meaning({"1936": 0.9}))


@pytest.mark.parametrize(
    "meaning",
    [
        None,
        Meaning({"Sheep": 0.9}, calibrated=False),
        Meaning({"Sheep": 0.9}, fails=Unavailable("gone", code="embedder_unavailable")),
    ],
    ids=["no embedder", "another model", "an embedder that fails"],
)
async def test_where_meaning_does_not_count_words_decide(meaning: Meaning | None) -> None:
    text, _ = await answered("When did the ferry company get a licence?", FERRY, embedder=meaning)
    assert text == "The ferry company got its first licence in 1936. [1]"
    with pytest.raises(NoAnswer):
        await pieces("How do I bake sourdough bread?", FERRY, embedder=meaning)


async def test_an_embedder_that_is_known_to_be_away_is_not_asked() -> None:
    meaning = Meaning({})
    await pieces("When did the ferry company get a licence?", FERRY, embedder=meaning, words_only=True)
    assert meaning.embedded == 0


async def test_an_embedder_that_hangs_leaves_time_for_an_answer_by_words() -> None:
    class Hanging(Meaning):
        async def embed_sentences(self, texts: Sequence[str]) -> NDArray[np.float32]:
            await anyio.sleep_forever()
            raise AssertionError

    provider = ExtractiveProvider(lambda: Hanging({}), Rarity())
    prompt = Prompt("When did the ferry company get a licence?", sources=(FERRY,))
    found = [piece async for piece in provider.stream(prompt, Deadline.within(0.1))]
    assert found[0] == Delta("The ferry company got its first licence in 1936. [1]")


async def test_without_the_ledger_all_words_are_alike() -> None:
    provider = ExtractiveProvider(rarity=Rarity(Unavailable("gone", code="ledger_unavailable")))
    prompt = Prompt("When did the ferry company get a licence?", sources=(FERRY,))
    assert len([piece async for piece in provider.stream(prompt, Deadline.within(5))]) == 2


@pytest.mark.parametrize("question", ["Which compnay has a licence?", "which compamy got its lisence"])
async def test_slips_of_the_keyboard_do_not_hide_an_answer(question: str) -> None:
    class Known(Rarity):
        async def rarity(self, terms: Sequence[str]) -> dict[str, float]:
            return {term: 3.0 for term in terms if term in text_terms(FERRY.passage.text)}

    provider = ExtractiveProvider(rarity=Known())
    found = [piece async for piece in provider.stream(Prompt(question, sources=(FERRY,)), Deadline.within(5))]
    assert found[0] == Delta("The ferry company got its first licence in 1936. [1]")


async def test_no_sources_give_no_answer() -> None:
    with pytest.raises(NoAnswer):
        await pieces("Why?", embedder=Meaning({}))


TRIAL = source(
    "A slow method of testing a number is called trial division. It consists of dividing by all below."
)


async def test_a_sentence_that_points_back_is_shown_with_the_one_before() -> None:
    text, finish = await answered("How do you test a number?", TRIAL, embedder=Meaning({"dividing": 0.8}))
    assert text == f"{TRIAL.passage.text} [1]"
    assert finish.quotes is not None
    assert [TRIAL.words(place) for place in finish.quotes[0].places] == [TRIAL.passage.text]


async def test_words_that_mean_the_same_find_each_other() -> None:
    said = source("The set of old rules is long. The company was founded by Otto Berg.")
    text, _ = await answered("Who set up the company?", said, embedder=Meaning({"": 0.7}))
    assert text.startswith("The company was founded by Otto Berg.")
