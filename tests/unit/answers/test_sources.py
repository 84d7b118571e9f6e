"""Found passages are held to the texts of their pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel

from kotaemon_async.answers.sources import verified
from kotaemon_async.domain.model import PassageSentences, Place, Sentence
from tests.support.answering import passage

FOUND = passage("The seal is\nchanged. It was bought in Leeds in May.", page=2)
KEPT = PassageSentences(
    "Pump",
    (
        Sentence("The seal is changed.", (Place(2, 7, 27),), "Rules"),
        Sentence("It was bought in Leeds in May.", (Place(2, 28, 44), Place(3, 7, 20)), "Rules"),
    ),
)
PAGES = {("d", 2): "Rules\n\nThe seal is\nchanged. It was bought in", ("d", 3): "4 / 5\n\nLeeds in May."}


@dataclass
class Documents:
    pages: dict[tuple[str, int], str] = field(default_factory=lambda: dict(PAGES))
    kept: dict[str, PassageSentences] = field(default_factory=dict)

    async def page_texts(self, pages: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        return {page: self.pages[page] for page in pages if page in self.pages}

    async def sentences(self, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
        return self.kept


async def test_a_passage_comes_with_its_sentences_and_both_pages_of_the_last_one() -> None:
    (found,) = await verified(Documents(kept={FOUND.id: KEPT}), [FOUND])
    assert (found.title, found.sentences) == ("Pump", KEPT.sentences)
    assert [found.words(place) for place in KEPT.sentences[1].places] == ["It was bought in", "Leeds in May."]


async def test_a_passage_whose_sentences_stand_there_no_more_is_not_used() -> None:
    changed = Documents(PAGES | {("d", 3): "Another page altogether."}, {FOUND.id: KEPT})
    assert await verified(changed, [FOUND]) == ()
    assert await verified(Documents({("d", 2): PAGES["d", 2]}, {FOUND.id: KEPT}), [FOUND]) == ()


async def test_a_passage_without_sentences_is_cut_where_it_stands_on_its_page() -> None:
    (found,) = await verified(Documents(), [passage("The seal is changed. It was bought in", page=2)])
    assert [one.text for one in found.sentences] == ["The seal is changed.", "It was bought in"]
    assert [found.words(one.places[0]) for one in found.sentences] == [
        "The seal is\nchanged.",
        "It was bought in",
    ]
    assert found.passage.text == "The seal is\nchanged. It was bought in"


async def test_a_passage_that_stands_on_no_page_is_not_used() -> None:
    assert await verified(Documents(), [passage("Other words.", page=2), passage("Rules", page=9)]) == ()


async def test_the_passages_of_a_long_page_do_not_hold_the_loop() -> None:
    sentence = "The seal is changed in May. "
    pages = {("d", 2): sentence * 5000}
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(count_turns)
        found = await verified(Documents(pages), [passage(3 * sentence, page=2)] * 16)
        group.cancel_scope.cancel()
    assert len(found) == 16
    assert turns > 10
