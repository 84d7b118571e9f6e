"""Books (EPUB) as chapters in the order of reading; runs inside a parser child."""

import posixpath
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import NamedTuple

from kotaemon_async.documents.parsing.child_charsets import decoded
from kotaemon_async.documents.parsing.child_html import declared_charset, feed
from kotaemon_async.documents.parsing.child_paragraphs import clean
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_package import Package, attribute, local, parsed

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
#: What only hides fonts from being copied, and leaves the text readable.
_FONT_METHODS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
_TEXT_TYPES = frozenset(
    {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}
)
#: A document type without declarations of its own: it says nothing that is needed to read the text.
_DOCTYPE = re.compile(rb"<!DOCTYPE[^<>\[\]]*>", re.IGNORECASE)
_DOCTYPE_WITHIN_BYTES = 4096
_TITLE = re.compile(r"<title\b[^>]*>([^<]*)</title\s*>", re.IGNORECASE)
_HEADING = re.compile(r"<h[1-6][\s>]", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_MOST_ENTRIES = 20_000
_MOST_LEVELS = 8
_BEGINNING_CHARS = 600


class _Item(NamedTuple):
    """A file of the book."""

    part: str
    media_type: str
    properties: str
    is_linear: bool = True


def open_document(source: Source, media_type: str, max_pages: int) -> Units:
    """Return the chapters of the book. Raises: FileError."""
    del media_type
    package = Package(source)
    try:
        writer = UnitWriter(max_units=max_pages)
        _Book(package, writer).read()
        return writer.finish()
    finally:
        package.close()


class _Book:
    """One book, read once."""

    def __init__(self, package: Package, writer: UnitWriter) -> None:
        self._package = package
        self._writer = writer
        self._root_part = _root_part(package)
        self._root = _xml(package, self._root_part)
        self._items = self._manifest()
        self._charsets: dict[str, int] = {}
        self._titles: tuple[str, ...] = ()

    def read(self) -> None:
        """Write the chapters. Raises: FileError where there is none that can be read."""
        chapters = list(self._spine())
        locked = _locked_parts(self._package)
        if any(item.part.lower() in locked for item in chapters):
            raise FileError("encrypted", "The book is protected against copying (DRM).")
        contents = self._contents()
        for item in chapters:
            self._chapter(item, contents.get(item.part))
        if self._charsets:
            self._writer.charset = max(self._charsets, key=lambda name: self._charsets[name])

    def _chapter(self, item: _Item, titles: tuple[str, ...] | None) -> None:
        """Write a chapter; without a title it goes on with the one before, which books cut into files."""
        name = titles[-1] if titles else posixpath.basename(item.part)
        try:
            body = self._markup(item.part)
            if titles is None and not _HEADING.search(body):
                titles = self._titles if item.is_linear else (_page_title(body),)
            self._titles = titles or ()
            above = [one for one in self._titles if one]
            if above and _shows(body, above[-1]):
                above.pop()
            self._writer.begin("section", headings=above)
            feed(self._writer, body)
        except FileError as error:
            if error.code not in ("corrupt", "parser_limit"):
                raise
            self._writer.lost("unreadable", "section", name)

    def _markup(self, part: str) -> str:
        data = self._package.read(part)
        text, charset = decoded(data, declared_charset(data))
        self._charsets[charset] = self._charsets.get(charset, 0) + len(text)
        return text

    def _manifest(self) -> dict[str, _Item]:
        folder = posixpath.dirname(self._root_part)
        found = {}
        for element in self._root.iter():
            if local(element) == "item" and (href := element.get("href")):
                part = self._package.resolved(href, folder)
                kind, properties = element.get("media-type") or "", element.get("properties") or ""
                found[element.get("id") or ""] = _Item(part, kind, properties)
        return found

    def _spine(self) -> Iterator[_Item]:
        """Yield what is read, in this order; the table of contents itself is no chapter."""
        seen = set()
        for element in self._root.iter():
            if local(element) != "itemref":
                continue
            item = self._items.get(element.get("idref") or "")
            if item is None or item.part in seen or "nav" in item.properties.split():
                continue
            seen.add(item.part)
            if item.media_type in _TEXT_TYPES or item.part.lower().endswith((".xhtml", ".html", ".htm")):
                yield item._replace(is_linear=element.get("linear") != "no")

    def _contents(self) -> dict[str, tuple[str, ...]]:
        """Return the titles of the chapters by their parts, each below those of the parts of the book.

        A chapter that the table of contents names in several places has headings of its own.
        """
        entries: dict[str, list[tuple[str, ...]]] = {}
        for part, titles in self._entries():
            entries.setdefault(part, []).append(titles)
        return {part: found[0] for part, found in entries.items() if len(found) == 1}

    def _entries(self) -> list[tuple[str, tuple[str, ...]]]:
        nav = next((one.part for one in self._items.values() if "nav" in one.properties.split()), "")
        ncx = next((one.part for one in self._items.values() if one.media_type.endswith("dtbncx+xml")), "")
        for part, level in ((nav, "li"), (ncx, "navPoint")):
            try:
                root = _xml(self._package, part) if part else None
            except FileError:
                continue  # a book without titles of its chapters is still a book
            if root is not None and (found := list(_titles(root, level))):
                folder = posixpath.dirname(part)
                return [(self._package.resolved(href, folder), titles) for href, titles in found]
        return []


def _titles(root: ET.Element, level: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield address and titles of the entries of a table of contents; they stand within each other."""
    start = next((one for one in root.iter() if _is_contents(one)), root)
    waiting: list[tuple[ET.Element, tuple[str, ...]]] = [(start, ())]
    count = 0
    while waiting and count < _MOST_ENTRIES:
        element, above = waiting.pop()
        count += 1
        titles = above
        if local(element) == level:
            title, href = _entry(element)
            titles = (*above, title)[:_MOST_LEVELS] if title else above
            if title and href:
                yield href, titles
        waiting += [(part, titles) for part in reversed(element)]


def _is_contents(element: ET.Element) -> bool:
    return local(element) == "nav" and (attribute(element, "type") or "toc") == "toc"


def _entry(element: ET.Element) -> tuple[str, str]:
    """Return title and address that an entry has itself, not those of the entries in it."""
    for part in element:
        if local(part) in ("a", "span"):
            return clean("".join(part.itertext())), part.get("href") or ""
    label = next((part for part in element if local(part) == "navLabel"), None)
    content = next((part for part in element if local(part) == "content"), None)
    title = clean("".join(label.itertext())) if label is not None else ""
    return title, (content.get("src") or "") if content is not None else ""


def _root_part(package: Package) -> str:
    """Return the part that lists all others. Raises: FileError(corrupt)."""
    names = []
    if package.has(_CONTAINER):
        try:
            roots = (one for one in _xml(package, _CONTAINER).iter() if local(one) == "rootfile")
            names = [package.resolved(one.get("full-path") or "", "") for one in roots]
        except FileError:
            names = []
    names += [name for name in package.names if name.lower().endswith(".opf")]
    found = next(filter(package.has, names), None)
    if found is None:
        raise FileError("corrupt", "The book lacks the list of its parts.")
    return found


def _locked_parts(package: Package) -> set[str]:
    """Return the parts that are encrypted, in small letters."""
    if not package.has(_ENCRYPTION):
        return set()
    locked = set()
    for element in _xml(package, _ENCRYPTION).iter():
        if local(element) != "EncryptedData":
            continue
        methods = {one.get("Algorithm") for one in element if local(one) == "EncryptionMethod"}
        if not methods & _FONT_METHODS:
            references = (one.get("URI") or "" for one in element.iter() if local(one) == "CipherReference")
            locked |= {package.resolved(one, "").lower() for one in references}
    return locked


def _xml(package: Package, part: str) -> ET.Element:
    """Return the root of a part, which may name a document type, but declare nothing."""
    data = package.read(part)
    head = _DOCTYPE.sub(b"", data[:_DOCTYPE_WITHIN_BYTES], count=1)
    return parsed(head + data[_DOCTYPE_WITHIN_BYTES:])


def _page_title(markup: str) -> str:
    """Return the title that stands in the head of a chapter's file."""
    found = _TITLE.search(markup)
    return clean(found[1]) if found else ""


def _shows(markup: str, title: str) -> bool:
    """Return whether the chapter begins with its title itself."""
    begin = markup.lower().find("<body")
    beginning = _TAG.sub(" ", markup[max(begin, 0) :][: 10 * _BEGINNING_CHARS])[:_BEGINNING_CHARS]
    return _bare(title) in _bare(beginning)


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
