"""Radicals and marks of no width."""

import unicodedata

import pytest

from kotaemon_async.domain.child_characters import legible

#: "CJK RADICAL REPEAT" stands for no ideograph.
RADICALS = [chr(code) for code in range(0x2E81, 0x2FD6) if unicodedata.name(chr(code), "")]


@pytest.mark.parametrize("radical", RADICALS)
def test_every_radical_is_an_ideograph(radical: str) -> None:
    found = unicodedata.normalize("NFKC", legible(radical))
    assert unicodedata.name(found).startswith("CJK UNIFIED IDEOGRAPH")


def test_marks_of_no_width_vanish() -> None:
    assert legible("co\u200boperate of\u200cfice 葛\U000e0100城\u200e") == "cooperate office 葛城"
