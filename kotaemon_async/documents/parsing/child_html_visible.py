"""What of a page nobody sees, and what is its frame: menus, cookie bars; pure, runs inside a parser child.

The rules of the page's own style sheets are followed where a selector is one element's tag, classes and id.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

Attributes = Mapping[str, str | None]

_MAX_STYLE_CHARS: Final = 1_000_000
_MAX_RULES: Final = 5_000
#: Rules whose selectors end with the same class.
_MAX_ALIKE: Final = 50
_COMMENT: Final = re.compile(r"/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)")
_RULE: Final = re.compile(r"([^{}]*)([{}])")
_SELECTOR: Final = re.compile(r"([a-zA-Z][\w-]*)?((?:[.#][\w-]+)*)\Z")
_PART: Final = re.compile(r"([.#])([\w-]+)")
_SHEETS: Final = re.compile(r"@media\s+(?:only\s+)?(?:screen|all)\s*\Z", re.IGNORECASE)
_DISPLAY: Final = re.compile(r"(?:\A|[;\s])display\s*:\s*([a-z-]+)", re.IGNORECASE)
_VISIBILITY: Final = re.compile(r"(?:\A|[;\s])visibility\s*:\s*([a-z-]+)", re.IGNORECASE)
_UNSEEN: Final = re.compile(
    r"mso-hide\s*:\s*all|(?:\A|[;\s])opacity\s*:\s*0?\.?0+\s*(?:;|!|\Z)"
    r"|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|!|\Z)|text-indent\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NAME_CHARS: Final = 200

_ROLES: Final = {
    "navigation": "menu",
    "menu": "menu",
    "menubar": "menu",
    "toolbar": "menu",
    "search": "menu",
    "banner": "header",
    "contentinfo": "footer",
    "complementary": "aside",
    "dialog": "dialog",
    "alertdialog": "dialog",
}
_TAGS: Final = {
    "nav": "menu",
    "header": "header",
    "footer": "footer",
    "aside": "aside",
    "dialog": "dialog",
    "noscript": "noscript",
}
_CONSENT_WORDS_NAMES: Final = """
    cookie cookies consent gdpr ccpa cookiebar cookiebanner cookieconsent
"""
_CONSENT_WORDS: Final = frozenset(_CONSENT_WORDS_NAMES.split())
_MENU_WORDS_NAMES: Final = """
    nav navbar navigation menu menubar breadcrumb breadcrumbs sidebar pagination pager share sharing
    social related toolbar tags footer
"""
_MENU_WORDS: Final = frozenset(_MENU_WORDS_NAMES.split())


class _Rule(NamedTuple):
    """What a style sheet says of elements with this tag, these classes and this id."""

    tag: str
    classes: frozenset[str]
    ids: frozenset[str]
    rank: tuple[bool, int, int, int, int]
    is_hidden: bool


class Styles:
    """Which elements the style sheets of a page hide."""

    def __init__(self, sheets: Iterable[str] = ()) -> None:
        self._rules: dict[str, list[_Rule]] = {}
        self._count = 0
        for sheet in sheets:
            for selectors, body in _bodies(_COMMENT.sub(" ", sheet[:_MAX_STYLE_CHARS])):
                self._add(selectors, body)

    def _add(self, selectors: str, body: str) -> None:
        shown = _shown(body)
        if shown is None:
            return
        for selector in selectors.split(","):
            parsed = _SELECTOR.match(selector.strip())
            if parsed and parsed[2] and self._count < _MAX_RULES:
                self._count += 1
                important = "!important" in body.replace(" ", "")
                self._keep(parsed[1] or "", parsed[2], important, is_hidden=not shown)

    def _keep(self, tag: str, names: str, important: bool, *, is_hidden: bool) -> None:
        parts = _PART.findall(names)
        classes = frozenset(name for sign, name in parts if sign == ".")
        ids = frozenset(name for sign, name in parts if sign == "#")
        rank = (important, len(ids), len(classes), int(bool(tag)), self._count)
        sign, name = parts[-1]
        alike = self._rules.setdefault(sign + name, [])
        alike.append(_Rule(tag.lower(), classes, ids, rank, is_hidden))
        del alike[:-_MAX_ALIKE]

    def hides(self, tag: str, attributes: Attributes) -> bool:
        """Return whether the element is not shown, by its own attributes or by a rule."""
        if "hidden" in attributes or (attributes.get("aria-hidden") or "").strip().lower() == "true":
            return True
        style = attributes.get("style") or ""
        if style and _UNSEEN.search(style):
            return True
        rule = self._rule(tag, attributes) if self._rules else None
        shown = _shown(style) if style else None
        if rule is not None and (shown is None or rule.rank[0]):
            return rule.is_hidden
        return shown is False

    def _rule(self, tag: str, attributes: Attributes) -> _Rule | None:
        """Return the rule that wins for the element."""
        classes = frozenset((attributes.get("class") or "").split()[:50])
        own_id = attributes.get("id") or ""
        named = [f".{name}" for name in classes] + ([f"#{own_id}"] if own_id else [])
        fitting = (
            rule
            for name in named
            for rule in self._rules.get(name, ())
            if rule.classes <= classes and rule.ids <= {own_id} and rule.tag in ("", tag)
        )
        return max(fitting, key=lambda rule: rule.rank, default=None)


def _shown(declarations: str) -> bool | None:
    """Return whether declarations show or hide their element, None when they say neither."""
    plain = declarations.lower()
    displays, seen = _DISPLAY.findall(plain), _VISIBILITY.findall(plain)
    if not displays and not seen:
        return None
    return displays[-1:] != ["none"] and seen[-1:] not in (["hidden"], ["collapse"])


def _bodies(sheet: str) -> Iterator[tuple[str, str]]:
    """Yield the selectors and declarations of the rules that hold on a screen."""
    open_blocks: list[bool] = []  # of each open block: whether the rules in it hold
    selectors = ""
    for found in _RULE.finditer(sheet):
        text, sign = found.groups()
        if sign == "}":
            if selectors and all(open_blocks):
                yield selectors, text
            if not selectors and open_blocks:
                open_blocks.pop()
            selectors = ""
        elif text.lstrip().startswith("@"):
            open_blocks.append(_SHEETS.match(text.strip()) is not None)
        else:
            selectors = text.rpartition(";")[2].strip()


def part_of(tag: str, attributes: Attributes) -> str:
    """Return which part of a page's frame the element may be, by its tag, role and names; "" for none."""
    role = (attributes.get("role") or "").strip().lower()
    if role in _ROLES or tag in _TAGS:
        return _ROLES.get(role) or _TAGS[tag]
    names = (
        f"{attributes.get('id') or ''} {attributes.get('class') or ''} {attributes.get('aria-label') or ''}"
    )
    words = {word.lower() for word in _WORD.findall(f"{names[:_NAME_CHARS]} {tag if '-' in tag else ''}")}
    if words & _CONSENT_WORDS:
        return "consent"
    return "links" if words & _MENU_WORDS else ""
