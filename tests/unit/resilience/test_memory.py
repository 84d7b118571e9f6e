import os
import subprocess
import sys
from pathlib import Path

import pytest

from kotaemon_async.resilience import memory
from kotaemon_async.telemetry import metrics

MB = 1024**2


def process(proc: Path, pid: int, parent: int, command: str, pss_kb: int) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (odd) name) S {parent} " + "0 " * 9 + "150 50 0 0")
    (folder / "cmdline").write_text(command.replace(" ", "\0"))
    (folder / "smaps_rollup").write_text(f"Rss: 9 kB\nPss:    {pss_kb} kB\nPss_Dirty: 1 kB\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    process(tmp_path, 10, 1, "kotaemon-async serve", 1024)
    process(tmp_path, 11, 10, "python vectors/child.py", 2048)
    process(tmp_path, 12, 10, "python parsing/child.py", 512)
    process(tmp_path, 13, 10, "python parsing/child.py", 512)
    process(tmp_path, 14, 12, "/srv/parsing/bin/tracker", 256)
    process(tmp_path, 15, 10, "python llm/llama_child.py", 128)
    process(tmp_path, 99, 1, "someone else", 4096)
    return tmp_path


def test_children_and_their_children_are_found_by_name(proc: Path) -> None:
    found = memory.processes(proc, 10)
    assert found == {10: "main", 11: "vectors", 12: "parser", 13: "parser", 14: "other", 15: "llm"}


def test_memory_of_one_name_is_added_up(proc: Path) -> None:
    sizes = {name: part.memory_bytes for name, part in memory.usage(proc, 10).items()}
    assert sizes == {"main": MB, "vectors": 2 * MB, "parser": MB, "llm": MB // 8, "other": MB // 4}


def test_cpu_time_is_user_and_system_together(proc: Path) -> None:
    assert memory.usage(proc, 11)["main"].cpu_s == 200 / os.sysconf("SC_CLK_TCK")


def test_a_process_that_does_not_tell_pss_counts_with_its_rss(tmp_path: Path) -> None:
    (tmp_path / "statm").write_text("100 3 1 1 0 1 0")
    assert memory.pss_bytes(tmp_path) == 3 * os.sysconf("SC_PAGE_SIZE")


def test_a_process_that_is_gone_counts_nothing(tmp_path: Path) -> None:
    assert memory.pss_bytes(tmp_path / "gone") == 0


def test_a_real_child_is_seen() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert memory.processes()[child.pid] == "other"
        assert memory.usage()["main"].memory_bytes > MB
        child.communicate(b"\n")


@pytest.mark.parametrize(
    ("cgroup", "files", "limit"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max\n"}, 8 * MB),
        ("0::/a/b\n", {"a/b/memory.max": "5000000\n", "a/memory.max": "4000000\n"}, 4_000_000),
        ("0::/../x\n", {"memory.max": "3000000\n"}, 3_000_000),
        ("3:cpu:/d\n2:memory:/d\n", {"memory/d/memory.limit_in_bytes": "2000000\n"}, 2_000_000),
    ],
    ids=["the machine", "the smallest of the groups above", "in a container", "the first version of groups"],
)
def test_the_smallest_limit_that_applies_counts(
    tmp_path: Path, cgroup: str, files: dict[str, str], limit: int
) -> None:
    groups = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    machine = {"proc/meminfo": "MemTotal: 8192 kB\n", "proc/self/cgroup": cgroup}
    for name, text in (machine | groups).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory.limit_bytes(tmp_path) == limit


def test_two_readings_make_a_ratio_and_a_sum() -> None:
    now = [0.0]
    sampler = memory.Sampler(clock=lambda: now[0])
    sampler.take({"main": memory.ProcessUsage(100, 1.0), "parser": memory.ProcessUsage(50, 9.0)})
    now[0] = 2.0
    sampler.take({"main": memory.ProcessUsage(120, 2.0)})
    value = metrics.REGISTRY.get_sample_value
    assert value("kotaemon_cpu_ratio", {"process": "main"}) == 0.5
    assert value("kotaemon_memory_bytes", {"process": "parser"}) == 0
    assert sampler.total_bytes == 120
