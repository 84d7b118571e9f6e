"""Words of a question that a document says in other words."""

import pytest

from kotaemon_async.answers.synonyms import same


@pytest.mark.parametrize(("asked", "said"), [
    ("die", "death"), ("set", "establish"), ("cost", "price"), ("建立", "成立"), ("多高", "身高"),
])  # fmt: skip
def test_words_of_one_meaning_stand_for_each_other(asked: str, said: str) -> None:
    assert said in same(asked)
    assert asked in same(said)


def test_any_other_word_stands_for_itself() -> None:
    assert same("pump") == {"pump"}
