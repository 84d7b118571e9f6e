"""The real model behind both lanes."""

import base64
import json
import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

import anyio
import numpy as np
import pytest

from kotaemon_async.documents.chunking import chunks_of
from kotaemon_async.domain.errors import Misconfigured, Unavailable
from kotaemon_async.domain.model import Page
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.encoders import load_encoder
from kotaemon_async.search.embedding.models import ENGLISH, GOLDEN_FILE, MODEL_FILE, MULTILINGUAL, Choice

TEXTS = ["pump " * 150, "A contract ends.", "", "设备在正常运行时保持稳定。", "Revenue rose. " * 20] * 4


async def test_the_golden_vectors_are_found_again(embedder: Embedder, model_folder: Path) -> None:
    golden = json.loads((MULTILINGUAL.folder_in(model_folder) / GOLDEN_FILE).read_bytes())["texts"]
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
    alone = [await embedder.embed_query(text) for text in TEXTS[:5]]
    found: dict[int, np.ndarray] = {}

    async def ask(number: int) -> None:
        found[number] = await embedder.embed_query(TEXTS[number % 5])

    async with anyio.create_task_group() as group:
        group.start_soon(embedder.embed_passages, TEXTS)
        for number in range(20):
            group.start_soon(ask, number)
    assert np.allclose([found[number] for number in range(20)], np.tile(alone, (4, 1)), atol=1e-5)


async def test_a_text_beyond_the_window_is_the_mean_of_its_parts(embedder: Embedder) -> None:
    first, second = "pump " * 480, "party " * 480
    rows = await embedder.embed_passages([first, second, first + second])
    mean = rows[:2].mean(axis=0)
    assert rows[2] @ mean / np.linalg.norm(mean) == pytest.approx(1, abs=1e-4)


async def test_questions_and_passages_are_told_apart(embedder: Embedder) -> None:
    (passage,) = await embedder.embed_passages(["The pump needs oil every month."])
    question = await embedder.embed_query("The pump needs oil every month.")
    assert 0.5 < passage @ question < 0.99


async def test_a_chinese_question_finds_its_answer_in_english(embedder: Embedder) -> None:
    passages = [
        "Cats purr when they are content.",
        "The seal is replaced every six months.",
        "午饭在十二点。",
    ]
    question = await embedder.embed_query("密封件多久更换一次？")
    assert (await embedder.embed_passages(passages) @ question).argmax() == 1


async def test_sentences_are_passages_and_are_not_computed_twice(model_folder: Path) -> None:
    texts = ["The pump needs oil.", "设备保持稳定。", "The pump needs oil."]
    opened = await Embedder.open(model_folder, model="multilingual", threads=1)
    rows = await opened.embed_sentences(texts)
    assert np.array_equal(rows, await opened.embed_passages(texts))
    await opened.aclose()
    with pytest.raises(Unavailable):
        await opened.embed_sentences(texts)


async def test_sentences_kept_need_no_model(embedder: Embedder) -> None:
    before = await embedder.embed_sentences(["The pump needs oil.", "Cats purr."])
    with anyio.move_on_after(0) as patience:
        after = await embedder.embed_sentences(["Cats purr.", "The pump needs oil."])
    assert not patience.cancelled_caught
    assert np.array_equal(after, before[::-1])
    await embedder.forget()
    assert (await embedder.embed_sentences([])).shape == (0, 384)


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
    found = set()
    for task in list(Path("/proc/self/task").iterdir()):
        with suppress(ProcessLookupError):  # it has ended meanwhile
            found.add(os.getpriority(os.PRIO_PROCESS, int(task.name)))
    return found


async def test_documents_are_embedded_at_a_lower_priority_than_questions(embedder: Embedder) -> None:
    await embedder.embed_passages(TEXTS)
    await embedder.embed_query("Who goes first?")
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness_of_threads() == {own, min(own + 10, 19)}


async def test_a_cancelled_batch_leaves_the_lane_free(embedder: Embedder) -> None:
    with anyio.move_on_after(0) as scope:
        await embedder.embed_passages(TEXTS * 50)
    assert scope.cancelled_caught
    with anyio.fail_after(60):
        assert (await embedder.embed_passages(["after"])).shape == (1, 384)


async def test_a_closed_embedder_is_unavailable(model_folder: Path) -> None:
    opened = await Embedder.open(model_folder, model="multilingual", threads=1)
    await opened.aclose()
    with pytest.raises(Unavailable) as caught:
        await opened.embed_query("too late")
    assert caught.value.code == "embedder_unavailable"


async def test_a_folder_without_a_model_names_the_setting_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"embedding\.folder") as caught:
        await Embedder.open(tmp_path / "nothing", model="multilingual", threads=1)
    assert "models prepare --model multilingual" in caught.value.hint


async def test_a_model_that_stands_in_for_another_says_so(english_folder: Path) -> None:
    choice = Choice(ENGLISH.name, instead_of=MULTILINGUAL.name)
    opened = await Embedder.open(english_folder, model=choice, threads=1)
    found = await opened.check()
    assert (found["model"], opened.calibrated) == (ENGLISH.name, False)
    assert "in place of multilingual-e5-small" in str(found["message"])
    await opened.aclose()


async def test_the_english_model_s_golden_vectors_are_found_again(english_folder: Path) -> None:
    opened = await Embedder.open(english_folder, model="english", threads=1)
    golden = json.loads((ENGLISH.folder_in(english_folder) / GOLDEN_FILE).read_bytes())["texts"]
    vectors = await opened.embed_passages([entry["text"] for entry in golden])
    assert (vectors * np.array([entry["vector"] for entry in golden])).sum(axis=1).min() >= 0.97
    await opened.aclose()


async def test_a_model_that_gives_other_vectors_is_refused(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(MULTILINGUAL.folder_in(model_folder), tmp_path / "model")
    golden = json.loads((folder / GOLDEN_FILE).read_bytes())
    golden["texts"][0]["vector"] = golden["texts"][1]["vector"]
    (folder / GOLDEN_FILE).write_text(json.dumps(golden))
    with pytest.raises(Misconfigured, match="wrong vectors"):
        await Embedder.open(folder, model="multilingual", threads=1)


async def test_a_graph_that_cannot_be_loaded_is_refused(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(MULTILINGUAL.folder_in(model_folder), tmp_path / "model")
    size = (folder / MODEL_FILE).stat().st_size
    (folder / MODEL_FILE).write_bytes(bytes(size))
    with pytest.raises(Misconfigured, match=r"embedding\.folder: .* cannot be loaded"):
        await Embedder.open(folder, model="multilingual", threads=1)


async def test_a_model_that_fastembed_does_not_know_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"embedding\.model"):
        await Embedder.open(tmp_path, model="nobody/no-such-model", threads=1)


DENSE = {
    "base64": base64.b64encode(random.Random(1).randbytes(6000)).decode(),
    "hexadecimal": " ".join(hex(random.Random(n).getrandbits(32)) for n in range(600)),
    "figures": " ".join(str(random.Random(n).random()) for n in range(400)),
    "Chinese without marks": "他们在山谷里修建了一座古老的水塔并且每年检查一次" * 60,
    "capitals": "ABCDEFGHIJK QWXZVKJ " * 120,
    "code": "def f(x_1,y2): return x_1**2+y2//3 if x_1!=y2 else None\n" * 60,
}


@pytest.mark.parametrize("text", DENSE.values(), ids=list(DENSE))
def test_passages_of_dense_text_fit_the_window_of_the_default_model(model_folder: Path, text: str) -> None:
    model = load_encoder(MULTILINGUAL.folder_in(model_folder), MULTILINGUAL)
    lengths = [len(model.pieces(f"passage: {chunk.text}")) + 2 for chunk in chunks_of([Page(1, text)])]
    assert len(lengths) > 1 and max(lengths) <= MULTILINGUAL.window


async def test_equal_passages_have_equal_rows_each_at_its_place(embedder: Embedder) -> None:
    rows = await embedder.embed_passages([TEXTS[0], TEXTS[1], TEXTS[0], TEXTS[0]])
    apart = await embedder.embed_passages(TEXTS[:2])
    assert np.array_equal(rows, apart[[0, 1, 0, 0]])
