"""What of a question a text says the opposite of."""

import pytest

from kotaemon_async.answers.polarity import opposed


@pytest.mark.parametrize(("question", "said", "words"), [
    ("What happens if the gate is locked?", "If the gate is not locked, the alarm rings.", ["locked"]),
    ("What happens if the gate is locked?", "If the gate is locked, the alarm rings.", []),
    ("When did the mayor visit Hale?", "In 2013 the mayor chose not to visit Hale.", ["visit"]),
    ("When did the mayor visit Hale?", "He chose not to visit in 2013, but did visit in 2015.", []),
    ("When did they move the mint?", "They failed to move the mint in 1902.", ["move"]),
    ("哪个国家加入了联盟？", "挪威没有加入联盟。", ["加入"]), ("哪个国家加入了联盟？", "丹麦加入联盟。", []),
])  # fmt: skip
def test_what_a_text_only_denies_is_opposed(question: str, said: str, words: list[str]) -> None:
    assert opposed(question, said) == words


@pytest.mark.parametrize(("question", "said", "words"), [
    ("What does the treaty not protect?", "The treaty protects trade.", ["not protect"]),
    ("What does the treaty not protect?", "The treaty does not protect trade.", []),
    ("How often is it missed when there is no alarm?", "Without an alarm it is missed twice.", []),
    ("What keeps the pump from starting without oil?", "The pump does not start cold.", []),
])  # fmt: skip
def test_what_only_the_question_denies_is_opposed(question: str, said: str, words: list[str]) -> None:
    assert opposed(question, said) == words


@pytest.mark.parametrize(("question", "said"), [
    ("Does the gate open at night?", "The gate does not open at night."),
    ("大门晚上开放吗？", "大门晚上不开放。"),
    ("When was the takeover complete?", "The takeover was not completed until 1769."),
    ("Who ran the wireless company?", "无线电公司由他领导。"),
    ("Who sold fish?", "He sold not only fish but bread."),
])  # fmt: skip
def test_a_denial_that_answers_is_not_opposed(question: str, said: str) -> None:
    assert opposed(question, said) == []


@pytest.mark.parametrize(("question", "said", "words"), [
    ("Who accepted the offer?", "The council rejected the offer.", ["accepted"]),
    ("Who accepted the offer?", "The council rejected one offer and accepted the other.", []),
    ("Who rejected or accepted it?", "The council rejected it.", []),
    ("Which is the largest hall?", "The smallest hall is the old mint.", ["largest"]),
    ("最大的大厅是哪个？", "最小的大厅是旧铸币厂。", ["最大"]),
    ("Who runs the eastern yard?", "Ada Holt runs the western yard.", ["eastern"]),
    ("Who runs the eastern yard?", "Ada Holt runs the yard.", []),
    ("Who were the former deputies?", "The deputies are currently Ada Holt and Otto Berg.", ["former"]),
])  # fmt: skip
def test_the_contrary_of_what_is_asked_is_opposed(question: str, said: str, words: list[str]) -> None:
    assert opposed(question, said) == words


@pytest.mark.parametrize(("question", "said", "words"), [
    ("When was Louis XIII crowned?", "Louis XIV gained the throne in 1643.", ["Louis XIII"]),
    ("When was Louis XIII crowned?", "Louis XIV followed Louis XIII.", []),
    ("When did World War II end?", "It ended in 1945.", []),
    ("腓力二世何时即位？", "腓力三世于1598年即位。", ["腓力二世"]),
    ("腓力二世何时即位？", "腓力二世于1556年即位。", []),
])  # fmt: skip
def test_another_of_the_same_name_is_not_who_is_asked_for(question: str, said: str, words: list[str]) -> None:
    assert opposed(question, said) == words
