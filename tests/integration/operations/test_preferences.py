"""What an admin chose in the page, below what the environment and the settings file say."""

import pytest

from kotaemon_async.answers.settings import AnswerDefaults
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.sections import SettingSource
from kotaemon_async.operations.preferences import CHOICES, GivenSetting, Preferences
from kotaemon_async.stores.ledger import Ledger

DEFAULTS = {"answers.length": "normal", "answers.language": ""}


def preferences(ledger: Ledger, source: SettingSource = "default", **values: str) -> Preferences:
    shown = DEFAULTS | {f"answers.{name}": value for name, value in values.items()}
    given = {
        name: GivenSetting(value, source if value != DEFAULTS[name] else "default", name.upper())
        for name, value in shown.items()
    }
    return Preferences(ledger.preferences, given, {}, lambda: 7.0)


async def test_a_choice_holds_at_once_and_after_a_restart(ledger: Ledger) -> None:
    await (first := preferences(ledger)).choose({"answers.length": "short", "answers.language": "zh"})
    assert first.answers() == AnswerDefaults("short", "zh")
    await (again := preferences(ledger)).refresh()
    assert again.answers() == AnswerDefaults("short", "zh")
    assert {one.source for one in again.all().values()} == {"page"}


async def test_a_choice_that_is_taken_back_leaves_the_default(ledger: Ledger) -> None:
    made = preferences(ledger)
    await made.choose({"answers.length": "long"})
    await made.choose({"answers.length": None})
    assert (made.answers(), made.all()["answers.length"].source) == (AnswerDefaults(), "default")


@pytest.mark.parametrize(
    ("source", "words"), [("environment", "is set by ANSWERS.LENGTH"), ("file", "in the settings file")]
)
async def test_what_is_set_elsewhere_wins_and_cannot_be_chosen(
    ledger: Ledger, source: SettingSource, words: str
) -> None:
    await preferences(ledger).choose({"answers.length": "short"})
    await (fixed := preferences(ledger, source, length="long")).refresh()
    assert fixed.answers().length == "long"
    with pytest.raises(Refused, match=words) as refused:
        await fixed.choose({"answers.length": "short", "answers.language": "en"})
    assert (refused.value.code, fixed.answers()) == ("conflict", AnswerDefaults("long", ""))


async def test_a_value_of_another_release_counts_as_none(ledger: Ledger) -> None:
    await ledger.preferences.choose({"answers.length": "huge", "answers.tone": "kind"}, 1.0)
    await (made := preferences(ledger)).refresh()
    assert (made.answers(), set(made.all())) == (AnswerDefaults(), set(CHOICES))


async def test_a_value_that_is_none_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="none of the values"):
        await preferences(ledger).choose({"answers.length": "huge"})
