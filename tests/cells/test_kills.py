"""A study whose commands and cells are killed again and again is the undisturbed one, bit for bit."""

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bench.record.runs import entries, run_path
from tests.helpers import (
    TINY,
    assert_none_left,
    locks_at_work,
    processes_in,
    records,
    repeatable,
    rows_without_clocks,
    start,
)

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("KILLS", "10"))
"""Ten; `KILLS=150` asks for more, of a study that takes longer."""
SEEDS = ",".join(map(str, range(max(7, KILLS // 3))))
SIGNALS = itertools.cycle((signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP))


def parent_of(pid: int) -> int:
    """The number of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def at_work(runs: Path, processes: list[subprocess.Popen[str]]) -> tuple[subprocess.Popen[str], int] | None:
    """A command whose cell has written a checkpoint, and the cell: the child of the server, that one of the command."""
    locks = locks_at_work(runs)
    random.shuffle(locks)
    for lock in locks:
        try:
            cell = int(json.loads(lock.read_text())["pid"])
            command = parent_of(parent_of(cell))
        except (FileNotFoundError, ProcessLookupError, ValueError):
            continue
        for process in processes:
            if process.pid == command:
                return process, cell
    return None


def test_processes_killed_at_random_make_the_undisturbed_study(own_conf, bench_call, tmp_path) -> None:
    """Three commands, one of two workers; their cells, and any of them at any moment, are killed in turn."""
    random.seed(0)
    rest = ["train.checkpoint_seconds=0.0001", "train.validate_every=2"]
    models = ["-m", "model=slow", "model.seconds=0.06", f"seed={SEEDS}", *rest]
    command = ["run", "--config-dir", str(own_conf), *TINY, *models]
    disturbed = tmp_path / "disturbed"
    disturbed.mkdir()
    processes = [start(disturbed, *command, *more) for more in (["workers=2"], [], [])]
    kills, seen = 0, set()
    end = time.monotonic() + 40 * KILLS
    try:
        while kills < KILLS:
            assert time.monotonic() < end, "it took too long"
            found = at_work(disturbed / "results/scratch/runs", processes)
            if found is None:
                assert any(process.poll() is None for process in processes), f"all over after {kills} kills"
                time.sleep(0.02)
                continue
            victim, cell = found
            seen.add(cell in processes_in(disturbed))
            time.sleep(random.uniform(0, 0.4))
            if kills % 4 == 3:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(cell, signal.SIGKILL)
                    kills += 1
                continue
            if kills % 4 == 2:  # whatever it is at, loading or between two cells too
                time.sleep(random.uniform(0, 3))
                victim = random.choice(processes)
            victim.send_signal(next(SIGNALS))
            victim.communicate()
            kills += victim.returncode != 0
            place = processes.index(victim)
            processes[place] = start(disturbed, *command, *([] if place else ["workers=2"]))
        answers = [process.communicate(timeout=30 * KILLS) for process in processes]
        assert {process.returncode for process in processes} <= {0, 1}, answers  # 1: of a cell that was killed
    finally:
        for process in processes:
            process.kill()
    last = start(disturbed, *command)
    assert last.wait(30 * KILLS) == 0, last.communicate()
    assert True in seen, "cells work in the folder of their command"
    assert_none_left(disturbed)
    assert bench_call(*command).code == 0
    found, expected = records(disturbed / "results/scratch"), records(tmp_path / "results/scratch")
    assert {name: repeatable(record) for name, record in found.items()} == {
        name: repeatable(record) for name, record in expected.items()
    }
    assert len(found) == len(SEEDS.split(","))
    for name in expected:
        weights = run_path(Path("results/scratch/runs"), name) / "weights.safetensors"
        assert (disturbed / weights).read_bytes() == (tmp_path / weights).read_bytes()
    left = {path.name for path in entries(disturbed / "results/scratch/runs")}
    assert left == expected.keys(), "locks, or pieces of files"
    for folder in (disturbed, tmp_path):
        assert bench_call("report", "scratch", "--results-dir", folder / "results").code == 0
    table = rows_without_clocks(disturbed / "results/scratch")
    assert table == rows_without_clocks(tmp_path / "results/scratch")
    assert len(table) == len(expected)
