"""Archives: each file in them becomes a document of its own, under the archive's path."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kotaemon_async.documents.library import Arrival, Library
from kotaemon_async.documents.parsing.sandbox import Member, ParsedDocument
from kotaemon_async.domain.callers import SERVICE
from kotaemon_async.domain.errors import BadDocument, Refused
from kotaemon_async.domain.model import Document, DocumentWarning, Locator, Page
from kotaemon_async.domain.paths import cleaned_path, name_of
from kotaemon_async.stores.documents import ArchiveUse
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.traces import current

#: So deep archives may lie in archives; a file upload is at depth 0.
MAX_DEPTH: Final = 3
#: What may come out of one upload, archives in archives included.
MAX_MEMBERS: Final = 10_000
MAX_BYTES: Final = 4 * 1024**3
_MAX_NAME_CHARS: Final = 255
#: What keeps a member back -> the sentence, and what to do.
_PROBLEMS: Final = {
    "encrypted": ("The file is protected by a password.", "Unpack it and hand it in without the password."),
    "method": ("The file is packed in a way that is not read.", "Pack the archive anew as an ordinary ZIP."),
    "bomb": ("The file unpacks to hundreds of times its size.", "If it matters, hand it in by itself."),
    "too_much": ("The archive unpacks to more than is taken.", "Hand it in as several smaller ones."),
    "too_many": ("More files came out of the archive than are taken.", "Hand it in as several smaller ones."),
}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A unit of an archive once its members are documents, and what of them is none."""

    page: Page
    warnings: tuple[DocumentWarning, ...]


class Unpacking:
    """Takes the members of one archive; what was taken before is found again and not doubled."""

    def __init__(self, library: Library, archive: Document, parsed: ParsedDocument, use: ArchiveUse) -> None:
        self._library = library
        self._archive = archive
        self._parsed = parsed
        self._is_innermost = use.depth >= MAX_DEPTH
        self._members_left = MAX_MEMBERS - use.members
        self._bytes_left = MAX_BYTES - use.size_bytes

    @classmethod
    async def of(
        cls, ledger: Ledger, library: Library, archive: Document, parsed: ParsedDocument
    ) -> "Unpacking":
        """Return what unpacks the archive, which may lie in others that have had their share."""
        return cls(library, archive, parsed, await ledger.documents.archive_use(archive.id))

    async def unit(self, number: int, *, is_over: Callable[[], bool]) -> Unpacked | None:
        """Make documents of the members that a unit lists; return None when `is_over` between two of them.

        Raises: Unavailable when no more can be taken at the moment.
        """
        (page,) = await self._parsed.read(number, 1)
        warnings: list[DocumentWarning] = []
        for member in await self._parsed.members(number):
            if is_over():
                return None
            problem = await self._taken(member)
            if problem is not None:
                place = Locator("part", member.index + 1, member.path)
                warnings.append(DocumentWarning("part_skipped", (place,), *problem))
        return Unpacked(page, tuple(warnings))

    async def _taken(self, member: Member) -> tuple[str, str] | None:
        """Make a document of a member; return why it cannot be one and what to do, or None."""
        problem = member.problem or self._excess(member)
        if problem:
            return _PROBLEMS[problem]
        try:
            is_new = await self._accept(member)
        except (Refused, BadDocument) as error:
            if error.retryable:
                raise
            return _said(error, member), error.hint
        if is_new:
            self._members_left -= 1
            self._bytes_left -= member.size_bytes
        return None

    def _excess(self, member: Member) -> str:
        if self._members_left <= 0:
            return "too_many"
        return "too_much" if member.size_bytes > self._bytes_left else ""

    async def _accept(self, member: Member) -> bool:
        """Return whether the member is a new document."""
        above = self._archive.path or self._archive.name
        path = cleaned_path(f"{above}/{cleaned_path(member.path)}")
        async with self._library.incoming() as incoming:
            async for piece in self._parsed.pieces(member):
                await incoming.write(piece)
            _, is_new = await self._library.accept(
                incoming,
                name=name_of(path, _MAX_NAME_CHARS),
                collection=self._archive.collection,
                trace=current(),
                arrival=Arrival(SERVICE, path, archive=self._archive, is_innermost=self._is_innermost),
            )
        return is_new


def _said(error: Refused | BadDocument, member: Member) -> str:
    """Return the sentence without the file's name, so that many files of a kind are one warning."""
    name = name_of(member.path, _MAX_NAME_CHARS)
    return "The file" + error.message.removeprefix(name) if error.message.startswith(name) else error.message
