"""Places in words; the page is held to the same cases by a test with a browser."""

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from kotaemon_async.domain.model import Locator
from kotaemon_async.domain.places import said

CASES: Final = json.loads((Path(__file__).parents[2] / "data" / "places.json").read_text("utf8"))


@pytest.mark.parametrize("case", CASES, ids=[case["en"] for case in CASES])
def test_a_place_is_said_in_both_languages(case: dict[str, Any]) -> None:
    place, pages = msgspec.convert(case["place"], Locator), case.get("pages", ())
    assert said(place, pages=pages) == case["en"]
    assert said(place, chinese=True, pages=pages) == case["zh"]


def test_a_long_name_is_cut() -> None:
    assert said(Locator("sheet", 1, "x" * 200)) == "x" * 80 + "…"
