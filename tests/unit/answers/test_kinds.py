"""What kind of thing a question asks for, and whether a sentence tells it."""

import pytest

from kotaemon_async.answers.kinds import Kind, asked, tells, untold


@pytest.mark.parametrize(("question", "kind"), [
    ("Why was the harbour closed?", "reason"), ("大桥为什么关闭？", "reason"),
    ("What caused the fire?", "reason"),
    ("who built the bridge", "person"), ("By whom was it built?", "person"), ("Who was Otto Berg?", None),
    ("When was it built?", "time"), ("In which year did it open?", "time"), ("大桥什么时候建成？", "time"),
    ("How many ferries are there?", "figure"), ("how big is the lake", "figure"), ("湖有多大？", "figure"),
    ("How old was she when it opened?", "figure"), ("When the mint closed, who bought it?", None),
    ("What should I do when it leaks?", None), ("What does the kit include?", None),
])  # fmt: skip
def test_the_kind_is_told_by_the_question_word(question: str, kind: Kind | None) -> None:
    assert asked(question) == kind


@pytest.mark.parametrize(("kind", "sentence", "told"), [
    ("reason", "It was closed because of the ice.", True), ("reason", "大桥因结冰而关闭，导致绕行。", True),
    ("reason", "It was closed on Monday morning.", False),
    ("person", "It was designed by Anna Holt.", True), ("person", "It was designed with care.", False),
    ("person", "The bridge of Hale stands.", False),
    ("time", "It opened in 1901.", True), ("time", "大桥于三月通车，1901年。", True),
    ("time", "It opened late.", False),
    ("figure", "It has many arches.", False),
    ("figure", "It has 12 arches.", True), ("figure", "It has arches.", False),
])  # fmt: skip
def test_a_sentence_tells_the_kind_with_something_new(kind: Kind, sentence: str, told: bool) -> None:
    assert tells(kind, sentence, "the bridge of Hale") is told


@pytest.mark.parametrize(("question", "said", "words"), [
    ("When was the mint closed?", "The mint was closed by the council.", ["When"]),
    ("When is the seal replaced?", "The seal is replaced before each winter.", []),
    ("When is the mint closed?", "The mint is closed on Mondays.", []),
    ("How deep is the lake?", "The lake lies in the hills.", ["How deep"]),
    ("How deep is the lake?", "The lake is 106 m deep.", []),
    ("How deep is the lake?", "The lake has 12 islands.", ["How deep"]),
    ("How many ferries did the mayor send?", "The mayor sent 12 wagons.", ["how many ferries"]),
    ("How many ferries did the mayor send?", "The mayor sent 12 of his ferries.", []),
    ("How many people live there?", "It has 12,000 inhabitants.", []),
    ("How deep is the lake, and where does it lie?", "It lies in the hills.", []),
    ("How do they find out how old a rock is?", "They look for fossils.", []),
    ("How many came?", "Only a few came.", []),
    ("湖有多深？", "湖在山里。", ["多深"]), ("湖有多深？", "湖最深处达106米。", []),
])  # fmt: skip
def test_a_time_a_figure_and_what_is_counted_are_insisted_on(
    question: str, said: str, words: list[str]
) -> None:
    assert untold(question, said, "") == words
