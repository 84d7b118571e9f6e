"""The real model behind both lanes."""

import json
import os
import shutil
from pathlib import Path

import anyio
import numpy as np
import pytest

from kotaemon_async.domain.errors import Misconfigured, Unavailable
from kotaemon_async.search.embedding import minilm
from kotaemon_async.search.embedding.embedder import Embedder

TEXTS = ["pump " * 150, "A contract ends.", "", "设备在正常运行时保持稳定。", "Revenue rose. " * 20] * 4


async def test_the_golden_vectors_are_found_again(embedder: Embedder, model_folder: Path) -> None:
    golden = json.loads((model_folder / minilm.GOLDEN_FILE).read_bytes())["texts"]
    vectors = await embedder.embed_passages([entry["text"] for entry in golden])
    cosines = (vectors * np.array([entry["vector"] for entry in golden])).sum(axis=1)
    assert cosines.min() >= 0.97


async def test_the_nearest_passage_to_a_question_is_the_one_that_answers_it(embedder: Embedder) -> None:
    passages = [
        "The pump needs oil every month.",
        "Either party may end it with 30 days' notice.",
        "Cats purr.",
    ]
    question = await embedder.embed_query("How long is the notice period of the contract?")
    similarity = await embedder.embed_passages(passages) @ question
    assert similarity.argmax() == 1


async def test_vectors_are_float32_of_unit_length_and_the_model_s_width(embedder: Embedder) -> None:
    vectors = await embedder.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (20, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert (await embedder.embed_passages([])).shape == (0, 384)


async def test_rows_keep_the_order_of_the_texts_and_do_not_depend_on_neighbours(embedder: Embedder) -> None:
    together = await embedder.embed_passages(TEXTS)
    alone = [(await embedder.embed_passages([text]))[0] for text in TEXTS]
    assert np.allclose(together, alone, atol=1e-5)


async def test_callers_at_the_same_time_get_the_vectors_they_would_get_alone(embedder: Embedder) -> None:
    alone = await embedder.embed_passages(TEXTS[:5])
    found: dict[int, np.ndarray] = {}

    async def ask(number: int) -> None:
        found[number] = await embedder.embed_query(TEXTS[number % 5])

    async with anyio.create_task_group() as group:
        group.start_soon(embedder.embed_passages, TEXTS)
        for number in range(20):
            group.start_soon(ask, number)
    assert np.allclose([found[number] for number in range(20)], np.tile(alone, (4, 1)), atol=1e-5)


async def test_texts_beyond_256_tokens_count_up_to_there(embedder: Embedder) -> None:
    start = "pump " * 254
    cut, longer, shorter = await embedder.embed_passages([start, start + "contract " * 50, "pump " * 200])
    assert np.allclose(cut, longer, atol=1e-5)
    assert not np.allclose(cut, shorter, atol=1e-5)


async def test_a_question_overtakes_the_documents_in_front_of_it(embedder: Embedder) -> None:
    order: list[str] = []

    async def ingest() -> None:
        await embedder.embed_passages(TEXTS * 3)
        order.append("documents")

    async with anyio.create_task_group() as group:
        group.start_soon(ingest)
        await anyio.lowlevel.checkpoint()
        await embedder.embed_query("Who goes first?")
        order.append("question")
    assert order == ["question", "documents"]


def niceness_of_threads() -> set[int]:
    return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path("/proc/self/task").iterdir()}


async def test_documents_are_embedded_at_a_lower_priority_than_questions(embedder: Embedder) -> None:
    await embedder.embed_passages(TEXTS)
    await embedder.embed_query("Who goes first?")
    niceness = niceness_of_threads()
    assert max(niceness) == min(niceness) + 10


async def test_a_cancelled_batch_leaves_the_lane_free(embedder: Embedder) -> None:
    with anyio.move_on_after(0) as scope:
        await embedder.embed_passages(TEXTS * 50)
    assert scope.cancelled_caught
    with anyio.fail_after(2):
        assert (await embedder.embed_passages(["after"])).shape == (1, 384)


async def test_a_closed_embedder_is_unavailable(model_folder: Path) -> None:
    opened = await Embedder.open(model_folder, model=minilm.MODEL, threads=1)
    await opened.aclose()
    with pytest.raises(Unavailable) as caught:
        await opened.embed_query("too late")
    assert caught.value.code == "embedder_unavailable"


async def test_a_folder_without_a_model_names_the_setting_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"embedding\.folder") as caught:
        await Embedder.open(tmp_path / "nothing", model=minilm.MODEL, threads=1)
    assert "models prepare" in caught.value.hint


async def test_a_model_that_gives_other_vectors_is_refused(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "model")
    golden = json.loads((folder / minilm.GOLDEN_FILE).read_bytes())
    golden["texts"][0]["vector"] = golden["texts"][1]["vector"]
    (folder / minilm.GOLDEN_FILE).write_text(json.dumps(golden))
    with pytest.raises(Misconfigured, match="wrong vectors"):
        await Embedder.open(folder, model=minilm.MODEL, threads=1)


async def test_a_graph_that_cannot_be_loaded_is_refused(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "model")
    size = (folder / minilm.MODEL_FILE).stat().st_size
    (folder / minilm.MODEL_FILE).write_bytes(bytes(size))
    with pytest.raises(Misconfigured, match=r"embedding\.folder: .* cannot be loaded"):
        await Embedder.open(folder, model=minilm.MODEL, threads=1)


async def test_a_model_that_fastembed_does_not_know_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"embedding\.model"):
        await Embedder.open(tmp_path, model="nobody/no-such-model", threads=1)
