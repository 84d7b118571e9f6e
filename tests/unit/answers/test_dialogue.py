"""Follow-ups are told by rule, in both languages: a new subject replaces the old one, nothing piles up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers.dialogue import MAX_TURNS, Standalone, by_rule, leans, state_of


def last_of(*turns: tuple[str, str]) -> Standalone:
    """Return the last question as it may be asked alone, by rule."""
    *before, (question, _) = turns
    return by_rule(question, state_of(before))


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("What was the revenue in 2018?", "and in 2019?", "What was the revenue in 2019?"),
        ("What was the revenue in 2018?", "And 2020", "What was the revenue in 2020?"),
        ("What was the revenue in 2018?", "How about 2017?", "What was the revenue in 2017?"),
        ("What was the revenue in 2018?", "And the profit in 2019?", "What was the profit in 2019?"),
        ("2018年的营业收入是多少？", "那2019年呢？", "2019年的营业收入是多少？"),
        ("How many came in March?", "and in April?", "How many came in April?"),
        ("第一季度的产量是多少？", "第二季度呢？", "第二季度的产量是多少？"),
        ("Where is the museum in Oslo?", "In Bergen?", "Where is the museum in Bergen?"),
        ("How often is the seal replaced?", "and in winter?", "How often is the seal replaced in winter?"),
    ],
)
def test_what_is_named_anew_takes_the_place_of_its_like(before: str, question: str, standalone: str) -> None:
    assert last_of((before, "Four."), (question, "")).question == standalone


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("What is the population of Kenya?", "And Norway?", "What is the population of Norway?"),
        ("What is the population of Kenya?", "What about the area?", "What is the area of Kenya?"),
        ("what is the population of kenya?", "and norway?", "what is the population of norway?"),
        ("What is Kenya's capital?", "How about Norway?", "What is Norway's capital?"),
        ("who founded the yuan dynasty?", "what about the ming dynasty?", "who founded the ming dynasty?"),
        ("How often is valve V-7 greased?", "And V-9?", "How often is V-9 greased?"),
        ("黄埔港在哪里？", "那松德港呢？", "松德港在哪里？"),
        ("肯尼亚的首都是哪里？", "挪威呢？", "挪威的首都是哪里？"),
        ("2019年的收入是多少？", "那利润呢？", "2019年的利润是多少？"),
        ("苍鹭项目的负责人是谁？", "预算呢？", "苍鹭项目的预算是多少？"),
        ("滤芯ZK-21多久更换一次？", "那RX-77呢？", "RX-77多久更换一次？"),
        ("When did Ole Brandt die?", "那爱迪生呢？", "When did 爱迪生 die?"),
        ("黄埔港在哪里？", "And Sund?", "Sund在哪里？"),
    ],
)
def test_a_new_subject_replaces_the_old_one_in_its_question(
    before: str, question: str, standalone: str
) -> None:
    assert last_of((before, "Four."), (question, "")).question == standalone


def test_a_new_subject_may_be_asked_by_itself_when_the_question_does_not_fit() -> None:
    turns = ("黄埔港什么时候重新开港？", "1984年。"), ("那许申呢？", "")
    assert last_of(*turns) == Standalone("许申什么时候重新开港？", otherwise="许申")


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("When did Ole Brandt die?", "What about the harbour of Sund?", "the harbour of Sund"),
        ("Where did Tesla live?", "And Kenya's child labour?", "Kenya's child labour"),
        ("李青什么时候去世？", "那松德港呢？", "松德港"),
    ],
)
def test_what_is_asked_of_people_is_not_asked_of_a_thing(before: str, question: str, standalone: str) -> None:
    assert last_of((before, "In 1902."), (question, "")).question == standalone


@pytest.mark.parametrize(
    ("before", "answer", "question", "standalone"),
    [
        (
            "Who built the lighthouse of Varn?",
            "It was built in 1871 by Ole Brandt. [1]",
            "When did he die?",
            "When did Ole Brandt die?",
        ),
        (
            "Who was the first president?",
            "In 1964 Jomo Kenyatta took office. [1]",
            "Where was he born?",
            "Where was Jomo Kenyatta born?",
        ),
        ("谁建造了瓦恩灯塔？", "瓦恩灯塔由李青于1871年建造。[1]", "他什么时候去世？", "李青什么时候去世？"),
        ("谁负责苍鹭项目？", "项目于三月启动，负责人是张三丰。[1]", "他住在哪里？", "张三丰住在哪里？"),
        (
            "Who built the lighthouse of Varn?",
            "It was built by Ole Brandt. [1]",
            "他什么时候去世？",
            "Ole Brandt什么时候去世？",
        ),
        ("谁建造了瓦恩灯塔？", "瓦恩灯塔由李青建造。[1]", "When did he die?", "When did 李青 die?"),
        (
            "Where was Moi born?",
            "Moi was born in Sacho. [1]",
            "How many people live there?",
            "How many people live in Sacho?",
        ),
        ("许申住在哪里？", "许申住在潮州。[1]", "那里有多少人？", "潮州有多少人？"),
    ],
)
def test_who_and_where_are_taken_from_the_answer(
    before: str, answer: str, question: str, standalone: str
) -> None:
    assert last_of((before, answer), (question, "")).question == standalone


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("When did Nikola Tesla die?", "Where did he live?", "Where did Nikola Tesla live?"),
        ("Where is the lighthouse of Varn?", "How tall is it?", "How tall is the lighthouse of Varn?"),
        ("Where is the museum in Oslo?", "when was it built?", "When was the museum in Oslo built?"),
        ("What is Kenya?", "What is its capital?", "What is Kenya's capital?"),
        ("When was the bridge of Hale built?", "Who closed that bridge?", "Who closed the bridge of Hale?"),
        ("黄埔港在哪里？", "它什么时候重新开港？", "黄埔港什么时候重新开港？"),
        ("许申是谁？", "他写了什么书？", "许申写了什么书？"),
        ("哈佛大学在哪里？", "该校的校长是谁？", "哈佛大学的校长是谁？"),
        ("苍鹭项目什么时候启动？", "负责人是谁？", "苍鹭项目的负责人是谁？"),
        ("轴封是什么？", "多久更换一次？", "轴封多久更换一次？"),
        ("阿拉伯音乐是什么？", "有哪些乐器？", "阿拉伯音乐有哪些乐器？"),
        ("黄埔港在哪里？", "When was it opened?", "When was 黄埔港 opened?"),
        ("Where is Sund?", "它有多深？", "Sund有多深？"),
        (
            "Who was president of Kenya in 1980?",
            "Who was the minister then?",
            "Who was the minister in 1980?",
        ),
    ],
)
def test_a_pronoun_takes_the_subject_of_the_last_turn(before: str, question: str, standalone: str) -> None:
    assert last_of((before, "In 1871."), (question, "")).question == standalone


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("When was the harbour closed?", "Why?", "Why was the harbour closed?"),
        ("Where was Tesla born?", "and when?", "When was Tesla born?"),
        ("How often is V-9 greased?", "By whom?", "By whom is V-9 greased?"),
        ("Who built the lighthouse?", "Why?", "Who built the lighthouse? Why?"),
        ("黄埔港什么时候关闭？", "为什么？", "黄埔港为什么关闭？"),
        ("许申写了什么书？", "为什么呢？", "许申写了什么书，为什么？"),
    ],
)
def test_why_and_when_ask_the_last_question_in_another_way(
    before: str, question: str, standalone: str
) -> None:
    assert last_of((before, "Yes."), (question, "")).question == standalone


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("Which pump leaks?", "How often is it serviced?"),
        ("Compare the pump and the valve.", "Which one is bigger?"),
        ("哪些国家参加了会议？", "还有哪些？"),
    ],
)
def test_otherwise_both_questions_are_asked_together(before: str, question: str) -> None:
    assert last_of(("Earlier?", "No."), (before, "Yes."), (question, "")).question == f"{before} {question}"


def test_a_bare_why_does_not_bring_the_same_answer_again() -> None:
    assert last_of(("Who built it?", "Ole. [1]"), ("Why?", "")).told == "Ole. [1]"
    assert last_of(("When was it closed?", "1931. [1]"), ("Why?", "")).told == ""


@pytest.mark.parametrize("more", ["go on", "Continue, please.", "tell me more", "继续", "还有吗？"])
def test_go_on_asks_the_last_question_for_what_was_not_told(more: str) -> None:
    said = last_of(("Where is Sund?", "In the north. [1]"), ("thanks", "You are welcome."), (more, ""))
    assert said == Standalone("Where is Sund?", told="In the north. [1]")


@pytest.mark.parametrize(
    ("question", "standalone"),
    [
        ("back to the first one", "Where is Sund?"),
        ("Let's go back to the second question", "When was Varn founded?"),
        ("回到刚才那个", "When was Varn founded?"),
        ("回到第一个问题", "Where is Sund?"),
        ("back to Varn", "When was Varn founded?"),
        ("back to Hale", "Hale"),
    ],
)
def test_a_person_may_go_back_to_an_earlier_subject(question: str, standalone: str) -> None:
    before = [("Where is Sund?", ""), ("When was Varn founded?", ""), ("Who owns the ferry?", "")]
    assert last_of(*before, (question, "")).question == standalone


def test_the_first_question_of_a_long_conversation_is_not_guessed() -> None:
    before = [(f"Where is Sund {number}?", "") for number in range(MAX_TURNS)]
    assert "Sund 0" not in last_of(*before, ("back to the first one", "")).question


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How often is the shaft seal of the main pump replaced?",
        "Did Ole Brandt sell his ship?",
        "How long does it take to replace the seal?",
        "Harvard",
        "税",
        "法国的首都是哪座城市？",
        "那不勒斯在哪里？",
        "其他港口的水深是多少？",
        "In what year was the ferry sold?",
        "Under the treaty, when are ships searched?",
        "Who owned the ferry that sank?",
        "Who uses the same locks as Sund?",
        "谁是当时世界第二大产油国？",
        "松德的另一个名字是什么？",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert last_of(("Who built the lighthouse?", "Ole Brandt."), (question, "")).question == question


_SAID = st.sampled_from(
    [
        "Where is the harbour of Sund?",
        "and why?",
        "What about the lake of Bols?",
        "Which one is bigger?",
        "When?",
        "And then what happened?",
        "in winter?",
        "who owns it?",
        "and in 2019?",
        "go on",
        "thanks",
        "back to the first one",
        "黄埔港在哪里？",
        "那许申呢？",
        "他写了什么书？",
        "为什么？",
        "那它的人口呢？",
        "哪个更大？",
        "还有哪些？",
        "回到刚才那个",
    ]
)


@given(st.lists(_SAID, min_size=1, max_size=MAX_TURNS + 1))
def test_nothing_piles_up_over_many_turns(said: list[str]) -> None:
    *before, (question, _) = [(one, "It was Ole Brandt in 1902. [1]") for one in said]
    standalone = by_rule(question, state_of(before)).question
    assert 0 < len(standalone) <= 130


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_no_words_break_the_rules(before: str, answer: str, question: str) -> None:
    said = by_rule(question, state_of([(before, answer)]))
    assert said.question in (question, before) or len(said.question) <= 400


def test_without_a_question_before_nothing_is_changed() -> None:
    assert last_of(("and in 2019?", "")).question == "and in 2019?"
    assert last_of(("hello", "Hello!"), ("and in 2019?", "")).question == "and in 2019?"


def test_a_long_question_says_itself_what_it_is_about() -> None:
    long = "How did this regulation change imported machinery tariffs between northern ports during wartime?"
    assert not leans(long)
