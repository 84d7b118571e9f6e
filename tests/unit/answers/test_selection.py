"""Which sentences are shown for a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers.selection import Selection, asked_terms, by_language, candidates, stated_terms
from kotaemon_async.answers.settings import AnswerLength
from kotaemon_async.answers.sources import Source
from tests.support.answering import source


def selection(question: str, *sources: Source) -> Selection:
    (one,) = by_language(question, candidates(sources))
    return one


def shown(question: str, *texts: str, cosines: list[float] | None = None) -> list[str]:
    chosen = selection(question, *map(source, texts))
    values = chosen.values(None if cosines is None else dict(enumerate(cosines)))
    return [one.sentence.text for one in chosen.shown(values)]


@pytest.mark.parametrize(
    ("question", "filler", "answer"),
    [
        (
            "When was the bridge built?",
            "Nothing of note happened in that long winter. ",
            "The bridge was built in 1901.",
        ),
        ("大桥是哪一年建成的？", "那年的冬天很长很安静，什么也没有发生。", "大桥于1901年建成。"),
    ],
    ids=["English", "Chinese"],
)
def test_the_one_sentence_that_answers_is_shown_alone(question: str, filler: str, answer: str) -> None:
    assert shown(question, filler + answer) == [answer]


def test_meaning_finds_what_words_do_not() -> None:
    text = "Anna likes the university. The college was established in 1636. Sheep like the grass here."
    assert shown("When was the university founded?", text, cosines=[0.3, 0.7, 0.1]) == [
        "The college was established in 1636."
    ]


def test_a_heading_tells_what_its_sentences_are_about() -> None:
    first, second = "# Blue whale. It eats krill in the summer.", "# Blue shark. It eats squid in the summer."
    assert shown("What does the blue whale eat?", second, first) == ["It eats krill in the summer."]


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        (
            "How often is part 2 maintained?",
            "Maintenance of part 2\n\nThe shaft seal of part 2 is maintained every 4,000 hours.",
            "The shaft seal of part 2 is maintained every 4,000 hours.",
        ),
        (
            "水泵如何保养？",
            "水泵的保养方法\n\n水泵的轴封每四千小时更换一次。",
            "水泵的轴封每四千小时更换一次。",
        ),
    ],
)
def test_a_title_is_no_answer(question: str, text: str, found: str) -> None:
    assert shown(question, text) == [found]


def test_the_names_of_columns_are_no_answer() -> None:
    table = "| part | price |\n|---|---|\n| shaft seal | 18 EUR |\n| the impeller | 120 EUR |"
    offered = candidates([source(f"The seal is in stock.\n\n{table}")])
    assert [one.is_title for one in offered] == [False, True, False]


def test_a_title_tells_what_the_lines_below_are_about() -> None:
    texts = ("Care of the blue pump\n\nIt is oiled in May.", "Care of the red pump\n\nIt is oiled in June.")
    assert shown("When is the red pump oiled?", *texts) == ["It is oiled in June."]


@pytest.mark.parametrize(
    "head",
    ["SHA: ef5fe7296ec8baf90d974cf5737af0da3ed403ea Authors: He, Ying", "Abstract: nan", "License: cc-by"],
)
def test_the_head_of_a_paper_is_never_shown(head: str) -> None:
    texts = [one.sentence.text for one in candidates([source(f"{head}\n\nThe virus is old.")])]
    assert texts == ["The virus is old."]


def test_what_only_repeats_the_question_does_not_answer_it() -> None:
    found = shown("The old bridge?", "The old bridge. The old bridge fell in a storm of 1931.")
    assert found[0] == "The old bridge fell in a storm of 1931."


def test_sentences_that_are_about_as_good_are_shown_three_at_most() -> None:
    text = "The red pump is old. The blue pump is new. The tall pump is loud. The wide pump is slow."
    assert len(shown("pump", text)) == 3


def test_no_further_sentence_is_shown_once_the_room_is_full() -> None:
    one, two = (
        f"The {colour} pump stands " + f"near the {colour} wall of a hall " * 12 for colour in ("red", "old")
    )
    assert len(shown("pump", f"{one}. {two}.")) == 1


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ("The pump is red and old.", "The pump is red and old.", 1),
        ("Das Treffen ist am 04.07.2031 in Bonn.", "Das Treffen ist am 07.04.2031 in Bonn.", 2),
        ("The price of the pump is 17,50 euros.", "The price of the pump is 7,50 euros.", 2),
        ("会议于三月五日在北京举行。", "会议于三月五日在北京举行。", 1),
    ],
)
def test_only_what_says_the_same_is_shown_once(first: str, second: str, count: int) -> None:
    assert len(shown("Treffen pump 会议 Bonn red 三月 price", first, second)) == count


def test_those_best_by_words_and_passage_are_embedded() -> None:
    texts = [f"The {n}th pump of the hall stands near wall number {n}." for n in range(20)]
    chosen = selection("Which valve leaks?", *map(source, texts), source("The valve leaks."))
    assert len(chosen.to_embed()) == 10
    assert chosen.to_embed()[0] == 20


def test_more_are_embedded_where_the_words_are_of_another_language() -> None:
    texts = [f"The {n}th pump of the hall stands near wall number {n}." for n in range(20)]
    chosen = selection("哪个阀门漏水？", *map(source, texts))
    assert (chosen.is_across, len(chosen.to_embed())) == (True, 12)


def test_long_sentences_are_embedded_only_as_far_as_there_is_time() -> None:
    texts = [f"The {n}th pump of the hall stands near " + "the wall of the old hall " * 20 for n in range(9)]
    assert 1 <= len(selection("Which pump leaks?", *map(source, texts)).to_embed()) < 5


def test_candidates_of_the_question_s_language_come_first() -> None:
    sources = [source("The pump is red."), source("水泵是红色的。")]
    chinese, english = by_language("水泵是什么颜色的？", candidates(sources))
    assert [one.sentence.text for one in chinese.candidates] == ["水泵是红色的。"]
    assert (chinese.is_across, english.is_across) == (False, True)


def test_a_chinese_sentence_full_of_foreign_names_is_chinese() -> None:
    french = "此前名称有boulevard Neuf、boulevard du Dépôt、boulevard de la Chaussée d'Antin。"
    found = source(french + "这条大道位于巴黎市中心，十九世纪初年由工人修建，以意大利剧院命名。" * 2)
    (chinese,) = by_language("大道以前叫什么？", candidates([found]))
    assert (chinese.candidates[0].sentence.text, chinese.is_across) == (french, False)


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("How many ferries sailed?", ["ferri", "sail"]),
        ("谁是哈佛大学的校长？", ["哈佛", "佛大", "大学", "校长"]),
        ("灯塔被谁修建了？", ["灯塔", "修建"]),
        ("What is IT?", ["ǂit"]),
        ("Who is WHO?", ["ǂwho"]),
    ],
)
def test_words_of_asking_are_no_part_of_what_is_asked_for(question: str, terms: list[str]) -> None:
    assert asked_terms(question) == terms


@given(st.lists(st.text(alphabet=st.sampled_from("ab c. 。中文泵!\n"), max_size=600), max_size=4))
def test_whatever_stands_there_at_most_three_different_sentences_are_shown(texts: list[str]) -> None:
    sources = [source(f"The pump. {text}") for text in texts]
    for chosen in by_language("a 中文 pump", candidates(sources)):
        found = [one.sentence.text for one in chosen.shown(chosen.values(None))]
        assert 1 <= len(found) == len(set(found)) <= 3


@pytest.mark.parametrize(
    "asked", ["What is on March 5, 2031?", "2031年3月5日有什么？", "二〇三一年三月五日有什么？"]
)
def test_a_date_is_one_term_however_it_is_written(asked: str) -> None:
    assert "ǂ2031ǂ3ǂ5" in set(asked_terms(asked)) & set(stated_terms("The audit is on 2031-03-05."))
    assert not {"2031", "march", "三月"} & set(asked_terms(asked))


@pytest.mark.parametrize(("length", "count"), [("short", 1), ("normal", 3), ("long", 5)])
def test_a_longer_answer_shows_more_sentences(length: AnswerLength, count: int) -> None:
    names = ("red", "blue", "tall", "wide", "loud")
    chosen = selection("pump", source(" ".join(f"The {name} pump is {name}." for name in names)))
    assert len(chosen.shown(chosen.values(None), length)) == count


def test_a_sentence_gains_that_tells_what_kind_of_thing_is_asked_for() -> None:
    offered = candidates(
        [source("The harbour was closed in 1936. The harbour was closed because of the ice.")]
    )
    gained = {
        question: [selection.told(at) > 0 for at in range(2)]
        for question in (
            "Why was the harbour closed?",
            "When was the harbour closed?",
            "Is the harbour closed?",
        )
        if (selection := Selection(question, offered))
    }
    assert list(gained.values()) == [[False, True], [True, False], [False, False]]


@pytest.mark.parametrize(
    ("question", "at"),
    [("Has the ferry company a permit?", 2), ("What does the figure of a permit show?", 1)],
)
def test_a_caption_is_chosen_only_where_a_figure_is_asked_for(question: str, at: int) -> None:
    words = "Figure 2. The permit the ferry company has, as the company shows. A ferry company has a permit."
    offered = candidates([source(words)])
    values = Selection(question, offered).values(None)
    assert max(values, key=values.__getitem__) == at


def test_the_words_of_asking_about_a_document_are_none_of_the_subject() -> None:
    assert asked_terms("What does the document say about trace trees?") == asked_terms("trace trees")
