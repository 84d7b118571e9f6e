"""PDFs written byte by byte, for what no program writes on purpose."""

from collections.abc import Mapping, Sequence


def pdf(*pages: bytes, fonts: Mapping[str, bytes] | None = None, box: str = "0 0 595 842", more: str = "",
        catalog: str = "", objects: Sequence[bytes] = ()) -> bytes:  # fmt: skip
    """Return a PDF with a page for each content stream.

    `fonts` are the dictionaries of the fonts by name (Helvetica as F1 when none are given), `more` stands in
    every page, `catalog` in the catalog; `objects` are further ones, the first of which has the number 3.
    """
    named = fonts or {"F1": HELVETICA}
    used = "/Font << " + " ".join(f"/{name} {font.decode('latin-1')}" for name, font in named.items()) + " >>"
    first = 3 + len(objects)
    kids = " ".join(f"{first + 2 * place} 0 R" for place in range(len(pages)))
    made = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        *objects,
    ]
    for place, content in enumerate(pages):
        made += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Resources << {used} >>"
            f" /Contents {first + 2 * place + 1} 0 R {more} >>".encode("latin-1"),
            stream(content),
        ]
    return file_of(made)


HELVETICA = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def mapped_font(number: int) -> bytes:
    """Return a font whose letters are told by the map in the object of that number."""
    return HELVETICA[:-2] + b"/ToUnicode %d 0 R >>" % number


def letter_map(pairs: Mapping[int, str]) -> bytes:
    """Return a stream that says which letter each code of one byte stands for."""
    rows = b"".join(
        b"<%02X> <%s>\n" % (code, text.encode("utf-16-be").hex().encode()) for code, text in pairs.items()
    )
    return stream(
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange\n%d beginbfchar\n%sendbfchar\nendcmap end end"
        % (len(pairs), rows)
    )


def text(*lines: str, x: float = 72, y: float = 760, size: float = 12, font: str = "F1") -> bytes:
    """Return the content that writes lines under each other, 4 points more than their size apart."""
    shown = " ".join(f"({escaped(line)}) Tj T*" for line in lines)
    return f"BT /{font} {size} Tf {size + 4} TL {x} {y} Td {shown} ET\n".encode("latin-1")


def escaped(words: str) -> str:
    """Return the words as they stand between the brackets of a string."""
    return words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def stream(data: bytes, more: bytes = b"") -> bytes:
    """Return a stream object of the bytes."""
    return b"<< /Length %d %s>>\nstream\n%s\nendstream" % (len(data), more, data)


def file_of(objects: Sequence[bytes]) -> bytes:
    """Return the file of numbered objects, of which the first is the catalog."""
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % count
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out))
    return out + head + table + tail
