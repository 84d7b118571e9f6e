"""Books (EPUB) of a few chapters."""

from collections.abc import Mapping, Sequence

from tests.support.packages import package

_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def epub(
    chapters: Mapping[str, str | bytes],
    spine: Sequence[str] = (),
    nav: str = "",
    files: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """Return a book of chapters by their file names; `spine` names them in order, "-" before aside ones."""
    order = spine or list(chapters)
    names = list(dict.fromkeys([*chapters, *(name.lstrip("-") for name in order)]))
    kind = 'media-type="application/xhtml+xml"'
    items = "".join(f'<item id="i{place}" href="{name}" {kind}/>' for place, name in enumerate(names))
    items += f'<item id="nav" href="nav.xhtml" {kind} properties="nav"/>' if nav else ""
    aside = ' linear="no"'
    refs = "".join(
        f'<itemref idref="i{names.index(name.lstrip("-"))}"{aside if name[0] == "-" else ""}/>'
        for name in order
    )
    package_file = f"<package><manifest>{items}</manifest><spine>{refs}</spine></package>"
    return package(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": _CONTAINER,
            "OPS/book.opf": package_file,
            **({"OPS/nav.xhtml": f"<html><body>{nav}</body></html>"} if nav else {}),
            **{f"OPS/{name}": content for name, content in chapters.items()},
            **(files or {}),
        }
    )


def page(body: str, title: str = "", declaration: str = "") -> str:
    """Return a chapter's file."""
    return f"{declaration}<html><head><title>{title}</title></head><body>{body}</body></html>"


def nav(*entries: tuple[str, str]) -> str:
    """Return a table of contents of (address, title)."""
    items = "".join(f'<li><a href="{address}">{title}</a></li>' for address, title in entries)
    return f"<nav><ol>{items}</ol></nav>"
