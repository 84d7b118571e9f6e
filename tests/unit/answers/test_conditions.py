"""What a question insists on."""

import pytest

from kotaemon_async.answers import conditions

PASSAGES = [
    "The Harbour Act of 1936 gave the ferry company its first licence. It ran six boats from Port Ellis.",
    "Captain Mara Voss never sailed at night. 港务局在一九三六年成立，2004年迁到新楼。",
]


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What did the Harbour Act 1936 give?", ()),
        ("What did the Harbour Act 1963 give?", ("1963",)),
        ("What are the 12 rules?", ()),
        ("港务局2004年迁到哪里？", ()),
        ("港务局2014年迁到哪里？", ("2014",)),
        ("", ()),
    ],
)
def test_a_year_of_the_question_is_missing(question: str, missing: tuple[str, ...]) -> None:
    assert conditions.missing(question, " ".join(PASSAGES)) == missing


@pytest.mark.parametrize(
    ("question", "stand"),
    [
        ("Which boats ran from Port Ellis?", True),
        ("Which boats ran from Port Allen?", False),
        ("When did Captain Mara Voss sail?", True),
        ("When did Captain Nora Voss sail?", False),
        ("What did the Act of the Harbour give?", True),
        ("Who built the Silver Bridge here?", True),  # nothing like it stands there: that is not another name
        ("Where Did The Port Allen Boats Go?", True),
        ("Port Allen had how many boats?", True),  # a first word is a capital's by its place
        ("谁管理港口？", True),
        ("", True),
    ],
)
def test_a_name_is_missed_when_another_that_resembles_it_stands_there(question: str, stand: bool) -> None:
    assert conditions.names_stand(question, PASSAGES) is stand


@pytest.mark.parametrize(
    ("question", "denies"),
    [
        ("Who may not board the ferry?", True),
        ("Why didn't the ferry sail?", True),
        ("Who travels without a ticket?", True),
        ("Does the ferry sail or not?", False),
        ("The ferry sails, doesn't it?", False),
        ("Does it carry not only people?", False),
        ("Who knots the ropes?", False),
    ],
)
def test_a_question_for_what_is_not_is_told(question: str, denies: bool) -> None:
    assert conditions.denies(question) is denies


@pytest.mark.parametrize(
    ("said", "denied"),
    [
        ("Dogs may not board.", True),
        ("The captain refused to sail.", True),
        ("Nobody can't.", True),
        ("It is known to all.", False),
    ],
)
def test_a_denial_is_found_in_sentences(said: str, denied: bool) -> None:
    assert conditions.denied(said) is denied


@pytest.mark.parametrize(
    ("question", "said", "holds"),
    [
        ("In what year did it open?", "It opened in 1936.", True),
        ("In what year did it open?", "It opened long ago, twice.", False),
        ("What year followed 1936?", "In 1936 it opened.", False),
        ("How many boats are there?", "There are six boats.", True),
        ("How many boats are there?", "The boats are white.", False),
        ("哪一年成立？", "一九三六年成立。", True),
        ("哪一年成立？", "很久以前成立。", False),
    ],
)
def test_a_figure_is_there_when_one_is_asked_for(question: str, said: str, holds: bool) -> None:
    assert conditions.asks_figure(question)
    assert conditions.holds_figure(question, said) is holds


def test_other_questions_ask_for_no_figure() -> None:
    assert not any(map(conditions.asks_figure, ["Who sailed?", "How much wood is there?", "谁是船长？"]))
