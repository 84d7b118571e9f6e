"""What stands in a file is found in its units: every word, in every kind of file."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.formats import HEAD_BYTES, sniff
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.model import Page
from tests.support.samples import CHINESE, ENGLISH, HEADING, ROWS, TITLE, own

FILES = own()


async def pages_of(folder: Path, name: str) -> list[Page]:
    path = folder / name
    path.write_bytes(FILES[name])
    sandbox = Sandbox(ParserSettings(children=1), max_pages=10)
    try:
        async with sandbox.open(path, sniff(FILES[name][:HEAD_BYTES], name, path)) as opened:
            return await opened.read(1, 10)
    finally:
        await sandbox.aclose()


@pytest.mark.parametrize("name", FILES)
async def test_every_word_of_a_file_is_kept(tmp_path: Path, name: str) -> None:
    text = "\n".join(page.text for page in await pages_of(tmp_path, name))
    cells = [cell for row in ROWS for cell in row]
    assert [part for part in (TITLE, HEADING, ENGLISH, CHINESE, *cells) if part not in text] == []


@pytest.mark.parametrize("name", sorted(set(FILES) - {"sample.txt", "sample.msg"}))
async def test_a_row_keeps_its_empty_cell_and_its_columns(tmp_path: Path, name: str) -> None:
    blocks = [
        (page.text[block.start : block.end], block)
        for page in await pages_of(tmp_path, name)
        for block in page.blocks
    ]
    (text, block), *more = [(text, block) for text, block in blocks if "KX-350" in text]
    assert (block.kind, more) == ("table", [])
    assert "KX-350 | 6850 |" in text
    assert block.header == "Model | List price | Stock"
