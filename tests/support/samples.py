"""One small file of every kind with the same contents: headings, a sentence in each language, a table."""

from collections.abc import Callable, Mapping
from typing import Final

import pymupdf

from tests.support.mails import mixed, packed
from tests.support.ole import ole_file, outlook_mail
from tests.support.packages import package
from tests.support.presentations import box, presentation, slide, table
from tests.support.word import HEADINGS, docx, p, tbl, tr
from tests.support.workbooks import grid, workbook

TITLE: Final = "Pump house rules"
HEADING: Final = "Seals and filters"
ENGLISH: Final = "The shaft seal of the feed pump is replaced every 4200 hours by the operator."
CHINESE: Final = "给水泵的轴封每运行四千二百小时由操作员更换一次。"
ROWS: Final = (
    ("Model", "List price", "Stock"),
    ("KX-200", "4150", "17"),
    ("KX-350", "6850", ""),
    ("KX-500", "9320", "3"),
)
WORDS: Final = frozenset(f"{TITLE} {HEADING} {ENGLISH} {' '.join(map(' '.join, ROWS))}".split()) | {CHINESE}
_OFFICE: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_OPEN: Final = (
    " ".join(
        f'xmlns:{short}="{_OFFICE}{name}:1.0"'
        for short, name in (("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"))
    )
    + ' xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'
)


def own() -> dict[str, bytes]:
    """Return the files by their names."""
    return {f"sample.{suffix}": make() for suffix, make in _MAKERS.items()}


def large() -> dict[str, bytes]:
    """Return files with thousands of paragraphs or rows, by their names."""
    rows = [
        ("Model", "Weight", "Width"),
        *((f"KT-{n}", str(3000 + 7 * n), str(7000 + 13 * n)) for n in range(20_000)),
    ]
    body = p("Stock", "H1") + "".join(p(f"{n}. {ENGLISH}") for n in range(5_000))
    return {
        "large.csv": "\n".join(map(",".join, rows)).encode(),
        "large.xlsx": workbook({"Stock": grid(*rows)}),
        "large.docx": docx(body, styles=HEADINGS),
        "large.html": ("<h1>Stock</h1>" + f"<p>{ENGLISH}</p>" * 5_000).encode(),
        "large.txt": (f"{ENGLISH}\n\n{CHINESE}\n\n" * 5_000).encode(),
    }


def plain() -> bytes:
    lines = "\n".join(" | ".join(row) for row in ROWS)
    return f"{TITLE}\n\n{HEADING}\n\n{ENGLISH}\n\n{CHINESE}\n\n{lines}\n".encode()


def markdown() -> bytes:
    lines = [f"| {' | '.join(row)} |" for row in ROWS]
    lines.insert(1, "| --- | ---: | ---: |")
    return f"# {TITLE}\n\n## {HEADING}\n\n{ENGLISH}\n\n{CHINESE}\n\n".encode() + "\n".join(lines).encode()


def page() -> str:
    """Return the contents as HTML."""
    head, *rows = (
        "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in row) + "</tr>"
        for tag, row in zip(("th", *["td"] * len(ROWS)), ROWS, strict=False)
    )
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{TITLE}</title></head><body>'
        f"<h1>{TITLE}</h1><h2>{HEADING}</h2><p>{ENGLISH}</p><p>{CHINESE}</p>"
        f"<table>{head}{''.join(rows)}</table></body></html>"
    )


def values() -> bytes:
    return "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in ROWS).encode() + (
        f'\r\n"{ENGLISH}","{CHINESE}","1"\r\n"{TITLE}","{HEADING}","2"'.encode()
    )


def word() -> bytes:
    body = p(TITLE, "H1") + p(HEADING, "H2") + p(ENGLISH) + p(CHINESE) + tbl(*(tr(*row) for row in ROWS))
    return docx(body, styles=HEADINGS)


def sheets() -> bytes:
    text = grid((TITLE,), (), (HEADING,), (), (ENGLISH,), (CHINESE,))
    return workbook({"Rules": text, "库存": grid(*ROWS)})


def slides() -> bytes:
    first = slide(box(TITLE, kind="title"), box(HEADING, ENGLISH, at=(0, 2_000_000)))
    second = slide(box(CHINESE, at=(0, 0)), table(*ROWS), hidden=True)
    return presentation(first, second)


def open_document(kind: str, body: str) -> bytes:
    """Return an OpenDocument file of the kind (text, spreadsheet or presentation)."""
    mime_type = f"application/vnd.oasis.opendocument.{kind}"
    content = f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    whole = f'<?xml version="1.0"?><office:document-content {_OPEN}>{content}</office:document-content>'
    return package(
        {
            "mimetype": mime_type,
            "content.xml": whole,
            "META-INF/manifest.xml": "<manifest/>",
        }
    )


def _open_table(rows: tuple[tuple[str, ...], ...] = ROWS, name: str = "库存") -> str:
    cells = ("".join(f"<table:table-cell>{_text_p(cell)}</table:table-cell>" for cell in row) for row in rows)
    inside = "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)
    return f'<table:table table:name="{name}">{inside}</table:table>'


def _text_p(text: str) -> str:
    return f"<text:p>{text}</text:p>" if text else ""


def open_text() -> bytes:
    headings = "".join(
        f'<text:h text:outline-level="{level}">{text}</text:h>' for level, text in ((1, TITLE), (2, HEADING))
    )
    return open_document("text", headings + _text_p(ENGLISH) + _text_p(CHINESE) + _open_table())


def open_sheets() -> bytes:
    text = tuple((line,) for line in (TITLE, HEADING, ENGLISH, CHINESE))
    return open_document("spreadsheet", _open_table(text, "Rules") + _open_table())


def open_slides() -> bytes:
    def boxed(*texts: str) -> str:
        return f"<draw:frame><draw:text-box>{''.join(map(_text_p, texts))}</draw:text-box></draw:frame>"

    pages = (
        boxed(TITLE) + boxed(HEADING, ENGLISH),
        boxed(CHINESE) + f"<draw:frame>{_open_table()}</draw:frame>",
    )
    return open_document("presentation", "".join(f"<draw:page>{one}</draw:page>" for one in pages))


def book() -> bytes:
    chapter = page().replace("<!DOCTYPE html>", '<?xml version="1.0" encoding="utf-8"?>')
    listed = '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    return package(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="b.opf"/></container>',
            "b.opf": f'<package><manifest>{listed}</manifest><spine><itemref idref="a"/></spine></package>',
            "a.xhtml": chapter,
        }
    )


def rich_text() -> bytes:
    def escaped(text: str) -> str:
        return "".join(
            one if one < "\x80" else f"\\u{ord(one) - 65536 if ord(one) > 32767 else ord(one)}?"
            for one in text
        )

    paragraphs = "".join(f"{{\\pard {escaped(text)}\\par}}" for text in (TITLE, HEADING, ENGLISH, CHINESE))
    rows = "".join(
        "\\trowd\\cellx2000\\cellx4000\\cellx6000 " + "".join(f"{cell}\\cell " for cell in row) + "\\row "
        for row in ROWS
    )
    return f"{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0 Arial;}}}}\\f0 {paragraphs}{rows}}}".encode("ascii")


def mail() -> bytes:
    return mixed(packed(page().encode(), "text/html; charset=utf-8"), subject=TITLE)


def saved_page() -> bytes:
    return mixed(packed(page().encode(), "text/html; charset=utf-8"), kind="related", subject=TITLE)


def outlook() -> bytes:
    lines = "\r\n".join("\t".join(row) for row in ROWS)
    body = f"{HEADING}\r\n\r\n{ENGLISH}\r\n\r\n{CHINESE}\r\n\r\n{lines}"
    return ole_file(outlook_mail({"0037001F": TITLE, "1000001F": body}))


def pdf() -> bytes:
    with pymupdf.open() as document:  # type: ignore[no-untyped-call]
        out = document.new_page()
        place = 60.0
        for text, size in ((TITLE, 20), (HEADING, 15), (ENGLISH, 11), (CHINESE, 11)):
            out.insert_text(
                (60, place), text, fontsize=size, fontname="china-s" if text == CHINESE else "helv"
            )
            place += 2.2 * size
        for row in ROWS:
            for column, cell in enumerate(row):
                out.insert_text((60 + 120 * column, place), cell, fontsize=11)
            place += 18
        return bytes(document.tobytes())


_MAKERS: Final[Mapping[str, Callable[[], bytes]]] = {
    **{"txt": plain, "md": markdown, "html": lambda: page().encode(), "csv": values, "pdf": pdf},
    **{"docx": word, "xlsx": sheets, "pptx": slides},
    **{"odt": open_text, "ods": open_sheets, "odp": open_slides, "epub": book, "rtf": rich_text},
    **{"eml": mail, "mht": saved_page, "msg": outlook},
}
