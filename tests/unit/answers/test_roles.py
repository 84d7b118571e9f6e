"""What a question asks to be told of its subject, and whether a text tells it."""

import pytest

from kotaemon_async.answers.roles import asked, told_terms, untold


@pytest.mark.parametrize(("question", "said"), [
    ("Where was Ada Holt born?", "Ada Holt founded a company in Hale."),
    ("When did Ada Holt die?", "Ada Holt moved to Hale in 1902."),
    ("Who founded Hale?", "Hale lies on the coast of Norland."),
    ("What is the capital of Norland?", "Norland exports salt and wool."),
    ("What is the population of Hale?", "Hale has 12 schools."),
    ("How tall is Ada Holt?", "Ada Holt owns 12 ferries."),
    ("霍尔特的妻子是谁？", "霍尔特是港口的主任。"), ("霍尔特出生在哪里？", "霍尔特在海尔工作。"),
    ("海尔的首都是哪里？", "海尔出口盐。"),
    ("When was Ada Holt born?", "The long tenure (1869 – 1909) changed Hale."),
])  # fmt: skip
def test_a_text_about_the_subject_alone_does_not_tell_it(question: str, said: str) -> None:
    assert untold(question, said) == asked(question) != []


@pytest.mark.parametrize(("question", "said"), [
    ("Where was Ada Holt born?", "Ada Holt is a native of Hale."),
    ("When was Ada Holt born?", "Ada Holt (1856 – 1943) built ferries."),
    ("When did Ada Holt die?", "Ada Holt (1856 – 1943) built ferries."),
    ("Who founded Hale?", "Hale was established by Ada Holt."),
    ("Who invented the lock?", "The lock was patented by Ada Holt."),
    ("海尔帝国什么时候灭亡？", "1453年，海爾帝國的首都被攻陷。"), ("海尔是谁建立的？", "海爾由霍爾特所建。"),
    ("霍尔特出生于哪一年？", "霍爾特；1892年5月7日－1980年5月4日，本名霍爾特。"),
    ("海尔公司是谁创立的？", "1957年，海爾公司誕生。"), ("霍尔特是怎么死的？", "霍尔特在征讨时遇害。"),
    ("What does the mint make?", "The mint makes coins."),
])  # fmt: skip
def test_a_text_tells_it_in_other_words(question: str, said: str) -> None:
    assert untold(question, said) == []


def test_the_mother_of_a_disease_is_no_parent() -> None:
    assert asked("What is the rate of mother to child transmission?") == []


def test_terms_count_as_said_where_it_is_told() -> None:
    assert told_terms("Who is the founder of Hale?", "Ada Holt created Hale.") == {"founder"}
    assert told_terms("Who is the founder of Hale?", "Hale exports salt.") == set()
