"""What `make bench` makes of what it measures."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pymupdf
import pytest

from tests.bench.bounds import flat
from tests.bench.embedder_alone import Spent
from tests.bench.figures import cpu_s, lag_figures, quantiles_ms
from tests.bench.latency import own_words
from tests.bench.pages import File, Source, files, rounds, written
from tests.bench.throughput import Round, ratio_figures

ENGLISH = "The pump is sealed twice.\nEvery valve closes within seconds of the alarm."
CHINESE = "杨丽音毕业于国光艺校戏剧科，\n拥有专业的表演训练背景。"


def source(folder: Path, name: str, *texts: str) -> Source:
    words = [word for text in texts for word in text.split()]
    return Source(written(texts, folder / name), texts, words)


def test_quantiles_are_times_that_were_measured() -> None:
    seconds = [number / 1000 for number in range(100, 0, -1)]
    assert quantiles_ms(seconds, (50, 99)) == {"p50": 51, "p99": 100, "count": 100}
    assert quantiles_ms([0.0204]) == {"p50": 20.4, "p95": 20.4, "count": 1}
    assert quantiles_ms([]) == {"count": 0}


def test_lags_are_told_by_the_upper_bounds_of_their_buckets() -> None:
    before = {0.001: 50.0, 0.01: 50.0, 0.1: 50.0, 0.25: 50.0}
    after = {0.001: 140.0, 0.01: 149.0, 0.1: 150.0, 0.25: 150.0}
    assert lag_figures(before, after) == {"p50_at_most": 1, "p99_at_most": 10, "max_at_most": 100}


def test_cpu_of_children_that_have_ended_is_counted() -> None:
    burn = "import os, subprocess, sys, time\nwhile time.process_time() < 0.2: pass\n"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); input()"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE) as process:
        end_s = time.monotonic() + 60
        while cpu_s(process.pid) < 0.2 and time.monotonic() < end_s:
            pass
        spent_s = cpu_s(process.pid)
        process.communicate(b"\n")
    assert spent_s >= 0.2


def test_the_ratio_is_that_of_the_sums_beside_the_least_and_the_most() -> None:
    done = [
        Round(4, 4, 20, 100, Spent(2.0, 4.0), Spent(1.0, 3.0)),
        Round(4, 4, 20, 100, Spent(8.0, 6.0), Spent(8.0, 5.0)),
    ]
    figures = ratio_figures(done)
    assert (figures["ratio"], figures["ratio_least"], figures["ratio_most"]) == (0.9, 0.5, 1.0)
    assert figures["ratio_noise"] == 0.196
    assert (figures["cpu_ratio"], figures["cpu_ms_a_chunk"], figures["pages_per_s"]) == (0.8, 50.0, 4.0)


def test_rounds_have_as_many_pages_and_end_with_the_shortest_files() -> None:
    given = [File(Path(f"{number}.pdf"), number) for number in range(1, 13)]
    dealt = rounds(given, 3)
    assert [sum(one.pages for one in files) for files in dealt] == [26, 26, 26]
    assert all(files == sorted(files, key=lambda one: -one.pages) for files in dealt)


def test_pages_are_made_of_real_ones_until_there_are_enough(tmp_path: Path) -> None:
    given = [source(tmp_path, "a.pdf", ENGLISH * 20, ENGLISH), source(tmp_path, "b.pdf", CHINESE)]
    made = list(files(given, tmp_path, 8, random.Random(1)))
    texts = []
    for one in made:
        with pymupdf.open(one.path) as document:  # type: ignore[no-untyped-call]
            texts.append("".join(str(page.get_text()) for page in document))
    assert [one.path.name for one in made] == ["a.pdf", "b.pdf", "1-a.pdf", "1-b.pdf", "2-a.pdf"]
    assert sum(one.pages for one in made) == 8
    assert len({texts[0], texts[2], texts[4]}) == 3
    assert "拥有专业的表演训练背景" in texts[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" ".join(f"word{number}" for number in range(40)), " ".join(f"word{n}" for n in range(16, 32))),
        ("Three words only", "Three words only"),
        (CHINESE * 3, "演训练背景。杨丽音毕业于国光艺校戏剧科，"),
    ],
)
def test_a_page_is_looked_for_by_words_of_its_own(text: str, words: str) -> None:
    assert own_words(text) == words


def test_what_is_no_number_has_no_bound() -> None:
    assert dict(flat({"at": "today", "a": {"p50": 1, "count": 3}})) == {"a.p50": 1.0}
