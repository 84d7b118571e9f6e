"""The style sheets of the page, and how its files are written."""

import re
from pathlib import Path
from typing import Final

import kotaemon_async

PACKAGE: Final = Path(kotaemon_async.__file__).parent
WEB: Final = PACKAGE / "http" / "web"
LINE: Final = 110
OURS: Final = {
    path: path.read_text("utf8")
    for path in sorted(WEB.rglob("*"))
    if path.suffix in {".js", ".css"} and path.parent.name != "vendor"
}
STYLES: Final = {
    path: re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for path, text in OURS.items()
    if path.suffix == ".css"
}
#: Classes are named by modules, by the page, and by the service in the HTML that it makes.
NAMING: Final = "".join(
    path.read_text("utf8")
    for path in (*WEB.glob("*/*.js"), WEB / "index.html", *PACKAGE.rglob("*.py"))
    if path.parent.name != "vendor"
)
_NAMED: Final = re.compile(r"(?<![\w-])[.#]([a-zA-Z][\w-]*)(?=[^{}]*\{)")


def test_each_line_of_the_page_fits_on_a_screen() -> None:
    long = [
        f"{path.relative_to(WEB)}:{number}"
        for path, text in OURS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > LINE
    ]
    assert len(OURS) > 50
    assert long == []


def test_each_class_and_id_that_has_a_style_is_named_somewhere() -> None:
    styled = {name for text in STYLES.values() for name in _NAMED.findall(text)}
    assert len(styled) > 200
    words = set(re.findall(r"[\w-]+", NAMING))
    assert sorted(styled - words) == []


def test_no_size_of_type_is_in_pixels() -> None:
    sized = [value for text in STYLES.values() for value in re.findall(r"\bfont(?:-size)?: ([^;]+);", text)]
    assert len(sized) > 100
    assert [one for one in sized if re.search(r"\dpx\b", one) and "!important" not in one] == []


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_edges_of_controls_stand_out_in_both_themes() -> None:
    tokens = (WEB / "frame/tokens.css").read_text("utf8")
    found = {name: re.findall(rf"--{name}: (#\w{{6}});", tokens) for name in ("edge", "paper", "sheet")}
    assert [len(colours) for colours in found.values()] == [2, 2, 2]
    for edge, paper, sheet in zip(*found.values(), strict=True):
        assert min(_contrast(edge, paper), _contrast(edge, sheet)) >= 3
