"""What an answer may rest on: found passages with their sentences, held to the texts of their pages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import anyio.to_thread

from kotaemon_async.answers import quotes
from kotaemon_async.domain.model import Passage, PassageSentences, Place, Sentence
from kotaemon_async.domain.sentences import spans
from kotaemon_async.domain.text import one_line


class Documents(Protocol):
    """The part of the ledger that knows what stands on a page, and which sentences a passage has."""

    async def page_texts(self, pages: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], str]: ...
    async def sentences(self, chunk_ids: Sequence[str]) -> Mapping[str, PassageSentences]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A passage with its sentences, the title of its document, and the texts of the pages they stand on."""

    passage: Passage
    title: str
    sentences: tuple[Sentence, ...]
    pages: Mapping[int, str]

    def words(self, place: Place) -> str:
        """Return what stands at the place, word for word."""
        return self.pages[place.page][place.start : place.stop]

    @property
    def context(self) -> str:
        """Return what tells whose the passage is, or of when, beside its own words."""
        return f"{self.title}\n{self.passage.document_name.replace('_', ' ')}"


async def verified(documents: Documents, passages: Sequence[Passage]) -> tuple[Source, ...]:
    """Return the passages that stand on their pages, in the words of the pages."""
    kept = await documents.sentences([passage.id for passage in passages])
    wanted = {(passage.document_id, passage.page) for passage in passages}
    for passage in passages:
        places = (place for one in _sentences(kept, passage) for place in one.places)
        wanted.update((passage.document_id, place.page) for place in places)
    texts = await documents.page_texts(wanted)
    # Where no sentences were kept, a long page is walked through once for each of its passages.
    return await anyio.to_thread.run_sync(_sources, passages, kept, texts)


def _sentences(kept: Mapping[str, PassageSentences], passage: Passage) -> tuple[Sentence, ...]:
    return kept[passage.id].sentences if passage.id in kept else ()


def _sources(
    passages: Sequence[Passage],
    kept: Mapping[str, PassageSentences],
    texts: Mapping[tuple[str, int], str],
) -> tuple[Source, ...]:
    found = (_source(passage, kept.get(passage.id), texts) for passage in passages)
    return tuple(source for source in found if source is not None)


def _source(
    passage: Passage, kept: PassageSentences | None, texts: Mapping[tuple[str, int], str]
) -> Source | None:
    """Return the passage with the sentences that were kept with it, else with those that it is cut into."""
    pages = {
        page: words for (document_id, page), words in texts.items() if document_id == passage.document_id
    }
    if kept is None:
        return from_page(passage, pages.get(passage.page, ""))
    source = Source(passage, kept.title, kept.sentences, pages)
    stands = kept.sentences and all(_stands(source, sentence) for sentence in kept.sentences)
    return source if stands else None


def _stands(source: Source, sentence: Sentence) -> bool:
    """Return whether a sentence is still what stands at its places: a document may be read anew meanwhile."""
    if any(place.page not in source.pages for place in sentence.places):
        return False
    words = "".join(source.words(place) for place in sentence.places)
    return list(filter(str.isalnum, words)) == list(filter(str.isalnum, sentence.text))


def from_page(passage: Passage, page: str) -> Source | None:
    """Return a passage of a release that kept no sentences; None when it is not on its page, or empty."""
    place = quotes.span(page, passage.text)
    if place is None:
        return None
    words = page[place[0] : place[1]]
    cut = tuple(
        Sentence(one_line(words[start:stop]), (Place(passage.page, place[0] + start, place[0] + stop),))
        for start, stop in spans(words)
    )
    return Source(replace(passage, text=words), "", cut, {passage.page: page}) if cut else None
