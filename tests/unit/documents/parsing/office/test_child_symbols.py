"""Signs of symbol fonts."""

import pytest

from kotaemon_async.documents.parsing.office.child_symbols import symbol


@pytest.mark.parametrize(
    ("code", "font", "sign"),
    [
        (0xF061, "Symbol", "α"),
        (0x57, "symbol", "Ω"),
        (0xF0B0, "Symbol", "°"),
        (0xF03D, "Symbol", "="),
        (0xF0FC, "Wingdings", "✓"),
        (0xF082, "Wingdings", "②"),
        (0xF052, "Wingdings 2", "☑"),
        (0xF041, "Webdings", ""),
        (0xF0FC, "", ""),
        (0x4EF7, "SimSun", "价"),
        (0xE000, "SimSun", "\ue000"),
        (0xD83D, "Arial", ""),
        (0x07, "Arial", ""),
        (0x110000, "Arial", ""),
    ],
)
def test_a_sign_is_what_its_font_shows(code: int, font: str, sign: str) -> None:
    assert symbol(code, font) == sign
