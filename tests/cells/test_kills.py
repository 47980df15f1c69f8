"""A study that three processes make and that is killed again and again is the undisturbed one, bit for bit."""

import itertools
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bench.cells.lock import started
from bench.record.runs import entries, run_path
from tests.helpers import TINY, locks_at_work, records, repeatable, start

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("KILLS", "10"))
"""Ten; `KILLS=150` asks for more, of a study that takes longer."""
SEEDS = ",".join(map(str, range(max(7, KILLS // 3))))
SIGNALS = itertools.cycle((signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP))


def parent_of(pid: int) -> int:
    """The number of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def at_work(runs: Path, processes: list[subprocess.Popen[str]]) -> subprocess.Popen[str] | None:
    """A command whose cell has written a checkpoint: a cell is the child of the server, and that one of the command."""
    locks = locks_at_work(runs)
    random.shuffle(locks)
    for lock in locks:
        try:
            command = parent_of(parent_of(json.loads(lock.read_text())["pid"]))
        except (FileNotFoundError, ProcessLookupError, ValueError):
            continue
        for process in processes:
            if process.pid == command:
                return process
    return None


def test_three_processes_killed_at_random_make_the_undisturbed_study(own_conf, bench_call, tmp_path) -> None:
    random.seed(0)
    rest = ["train.checkpoint_seconds=0.0001", "train.validate_every=2"]
    models = ["-m", "model=slow", "model.seconds=0.06", f"seed={SEEDS}", *rest]
    command = ["run", "--config-dir", str(own_conf), *TINY, *models]
    disturbed = tmp_path / "disturbed"
    disturbed.mkdir()
    processes = [start(disturbed, *command) for _ in range(3)]
    kills = 0
    end = time.monotonic() + 40 * KILLS
    try:
        while kills < KILLS:
            assert time.monotonic() < end, "it took too long"
            victim = at_work(disturbed / "results/scratch/runs", processes)
            if victim is None:
                assert any(process.poll() is None for process in processes), f"all over after {kills} kills"
                time.sleep(0.02)
                continue
            time.sleep(random.uniform(0, 0.4))
            victim.send_signal(next(SIGNALS))
            victim.communicate()
            kills += victim.returncode != 0
            processes[processes.index(victim)] = start(disturbed, *command)
        answers = [process.communicate(timeout=30 * KILLS) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], answers
    finally:
        for process in processes:
            process.kill()
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
    assert all(started(process.pid) is None for process in processes)
