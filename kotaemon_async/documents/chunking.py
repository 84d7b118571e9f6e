"""Pages into chunks of about one paragraph: whole sentences, and a heading opens one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from kotaemon_async.documents.sentences import Piece, SentenceCutter
from kotaemon_async.domain.model import Chunk, Locator, Page
from kotaemon_async.domain.sentences import chunk_text
from kotaemon_async.domain.text import cjk_share
from kotaemon_async.domain.tokens import estimated_tokens

#: Rises whenever the same file would be read or cut differently, because chunk ids rest on the cut.
CHUNKING_VERSION: Final = 3

ENGLISH_CHARACTERS: Final = 1000
CJK_CHARACTERS: Final = 300
#: What the default model reads at once, 512, less what estimates fall short of for dense text.
WINDOW_TOKENS: Final = 460
#: A last piece shorter than this part of a chunk does not stand alone.
_SCRAP_SHARE: Final = 0.2
_MOST_HEADINGS: Final = 8


def chunks_of(pages: Iterable[Page]) -> list[Chunk]:
    """Return the chunks of a whole document."""
    chunker = Chunker()
    return [chunk for page in pages for chunk in chunker.feed(page)] + chunker.finish()


class Chunker:
    """Cuts the pages of one document, given in order.

    A page has to wait for the next one, where its last sentence may go on.
    """

    def __init__(self) -> None:
        self._cutter = SentenceCutter(ENGLISH_CHARACTERS, WINDOW_TOKENS)
        self._waiting: Page | None = None

    def feed(self, page: Page) -> list[Chunk]:
        """Return the chunks of the page before."""
        waiting, self._waiting = self._waiting, page
        return self._chunks(waiting, page) if waiting else []

    def finish(self) -> list[Chunk]:
        """Return the chunks of the last page."""
        waiting, self._waiting = self._waiting, None
        return self._chunks(waiting, None) if waiting else []

    def _chunks(self, page: Page, following: Page | None) -> list[Chunk]:
        characters = CJK_CHARACTERS if cjk_share(page.text) > 0.3 else ENGLISH_CHARACTERS
        pieces = self._cutter.pieces(page, following)
        groups = [
            group for section in _sections(pieces, characters) for group in _groups(section, characters)
        ]
        return [
            self._chunk(page, following, ordinal, group) for ordinal, group in enumerate(_rejoined(groups))
        ]

    def _chunk(self, page: Page, following: Page | None, ordinal: int, group: Sequence[Piece]) -> Chunk:
        sentences = tuple(piece.sentence for piece in group if piece.sentence)
        start, stop = group[0].start, group[-1].stop
        text, over = page.text[start:stop], None
        if following and sentences and len(sentences[-1].places) > 1:
            over = sentences[-1].places[1]
        head = group[0].header
        rest = following.text[over.start : over.stop] if following and over else None
        return Chunk(
            page.number,
            ordinal,
            start,
            stop,
            chunk_text(head, text, rest),
            over,
            self._cutter.title,
            sentences,
            head,
            _place(page, group),
        )


def _sections(pieces: Sequence[Piece], characters: int) -> Iterator[list[Piece]]:
    """Yield the parts of a page; one begins where a heading follows text, and where notes begin or end.

    Short parts stay together while they fit into one chunk; notes stay apart from what is shown.
    """
    parts: list[list[Piece]] = []
    for before, piece in zip([None, *pieces], pieces, strict=False):
        if before is None or (piece.is_heading and not before.is_heading) or piece.is_note != before.is_note:
            parts.append([])
        parts[-1].append(piece)
    section: list[Piece] = []
    for part in parts:
        is_other = bool(section) and section[-1].is_note != part[0].is_note
        if is_other or (section and not _fits([*section, *part], characters)):
            yield section
            section = []
        section += part
    if section:
        yield section


def _groups(section: list[Piece], characters: int) -> Iterator[list[Piece]]:
    """Yield the pieces of each chunk: as many whole paragraphs as fit, else as many sentences."""
    scrap = int(_SCRAP_SHARE * characters)
    found: list[list[Piece]] = []
    at = 0
    while at < len(section):
        # No more pieces fit than characters: a page may have a hundred thousand of them.
        rest = section[at : at + characters + 1]
        count = _fitting(rest, _paragraph_ends(rest), characters) or _fitting(
            rest, range(_headings(rest) + 1, len(rest) + 1), characters
        )
        count = count or min(_headings(rest) + 1, len(rest))
        group = rest[:count]
        at += count
        if found and _length(group) < scrap and _is_readable([*found[-1], *group]):
            found[-1] += group
        else:
            found.append(group)
    yield from found


def _paragraph_ends(pieces: Sequence[Piece]) -> list[int]:
    """Return after how many pieces a paragraph ends; a heading does not part from what it stands above."""
    return [
        place
        for place in range(1, len(pieces) + 1)
        if not pieces[place - 1].is_heading and (place == len(pieces) or pieces[place].opens)
    ]


def _place(page: Page, group: Sequence[Piece]) -> Locator:
    """Return what a citation calls the chunk's place: the page's, with its own headings and rows."""
    rows = [piece.sentence.row for piece in group if piece.sentence and piece.sentence.row]
    span = (min(rows), max(rows)) if rows else None
    headings = next((piece.headings for piece in group if not piece.is_heading), group[0].headings)
    flags = (*page.place.flags, "notes") if group[0].is_note else page.place.flags
    return replace(page.place, number=page.number, headings=headings[:_MOST_HEADINGS], rows=span, flags=flags)


def _fitting(pieces: Sequence[Piece], ends: Iterable[int], characters: int) -> int:
    """Return the last of the ends up to which the pieces fit into a chunk, or 0."""
    best = counted = 0
    tokens = estimated_tokens(pieces[0].header) if pieces else 0
    for end in ends:
        tokens += sum(piece.tokens for piece in pieces[counted:end])
        counted = end
        if pieces[end - 1].stop - pieces[0].start > characters or tokens > WINDOW_TOKENS:
            break
        best = end
    return best


def _headings(pieces: Sequence[Piece]) -> int:
    """Return how many headings open the pieces."""
    return next((at for at, piece in enumerate(pieces) if not piece.is_heading), 0)


def _rejoined(groups: Iterable[list[Piece]]) -> list[list[Piece]]:
    """Return the chunks' pieces, where headings that nothing follows on their page go with what is before."""
    found: list[list[Piece]] = []
    for group in groups:
        if found and all(piece.is_heading for piece in group):
            found[-1] += group
        else:
            found.append(group)
    return found


def _fits(pieces: Sequence[Piece], characters: int) -> bool:
    return _length(pieces) <= characters and _is_readable(pieces)


def _length(pieces: Sequence[Piece]) -> int:
    return pieces[-1].stop - pieces[0].start


def _is_readable(pieces: Sequence[Piece]) -> bool:
    """Return whether the model's window holds the sentences and the names of columns in front."""
    head = estimated_tokens(pieces[0].header) if pieces[0].header else 0
    return head + sum(piece.tokens for piece in pieces) <= WINDOW_TOKENS
