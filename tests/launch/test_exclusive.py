"""`launch.exclusive=true`: no cell is timed beside another, or beside what else keeps the machine busy."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.launch import workers
from bench.launch.launcher import launcher_of
from bench.machine.clock import Neighbours
from tests.helpers import TINY, records

WORKERS = {"_target_": "bench.launch.workers.Workers"}


def test_several_processes_are_refused() -> None:
    with pytest.raises(
        BenchError, match=r"launch\.exclusive=true: 2 processes would share the clock; give processes=1"
    ):
        launcher_of({**WORKERS, "processes": 2, "exclusive": True})


def test_packed_runs_are_refused(bench_call: Callable) -> None:
    words = [
        "run",
        "-m",
        *TINY,
        "model=vae",
        "budget.parameters=null",
        "model.width=16",
        "seed=0,1",
        "pack=seeds",
        "launch.exclusive=true",
    ]
    answer = bench_call(*words)
    assert answer.code == 2
    assert "launch.exclusive=true: packed runs share their clock; leave out pack=" in answer.err


def test_a_busy_machine_is_refused(bench_call: Callable, tmp_path: Path) -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        answer = bench_call("run", *TINY, "model=gaussian", "launch.exclusive=true")
    finally:
        busy.kill()
        busy.wait()
    assert answer.code == 2
    assert (
        answer.err == "bench: launch.exclusive=true: something else keeps this machine busy; wait until it has ended\n"
    )
    assert not (tmp_path / "results/scratch").exists()


def test_the_next_cell_waits_until_the_machine_is_quiet_again(
    bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [True, False, False, True, True]
    monkeypatch.setattr(workers, "is_quiet", lambda: looks.pop(0))
    answer = bench_call("run", "-m", *TINY, "model=gaussian", "seed=0,1,2", "launch.exclusive=true")
    assert answer.code == 0
    assert looks == [], "one before the first cell, three before the second, one before the third"
    assert answer.err.count("warning: something else keeps this machine busy; the next cell waits") == 1


def test_a_machine_that_stays_busy_is_refused_and_what_was_made_stays(
    bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [True, False]
    monkeypatch.setattr(workers, "is_quiet", lambda: looks.pop(0))
    monkeypatch.setattr(workers, "PATIENCE", -1.0)
    answer = bench_call("run", "-m", *TINY, "model=gaussian", "seed=0,1", "launch.exclusive=true")
    assert answer.code == 2
    assert answer.err.endswith("something else keeps this machine busy; wait until it has ended\n")
    assert len(records(tmp_path / "results/scratch")) == 1


def test_a_quiet_machine_is_taken(bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests may run beside this one: the witness is asked, and says that nothing does."""
    asked: list[Any] = []
    monkeypatch.setattr(workers, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(Neighbours, "shared", lambda self: asked.append(self))
    assert bench_call("run", *TINY, "model=gaussian", "launch.exclusive=true").code == 0
    assert len(asked) == 1
    assert len(records(tmp_path / "results/scratch")) == 1


@pytest.mark.cluster
def test_on_slurm_a_cell_has_a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit.SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    slurm = {"_target_": "bench.launch.slurm.Slurm"}
    assert launcher_of({**slurm, "exclusive": True}).parameters["exclusive"] is True  # type: ignore[attr-defined]
    assert launcher_of(slurm).parameters["exclusive"] is None  # type: ignore[attr-defined]


@pytest.mark.cluster
def test_on_ray_a_cell_has_all_cpus_of_a_machine(own_conf: Path, bench_call: Callable, tmp_path: Path) -> None:
    """Trainings of six seconds begin one after the other."""
    pytest.importorskip("ray")
    slow = ["model=slow", "model.seconds=0.3", "seed=0,1", "--config-dir", own_conf]
    assert bench_call("run", "-m", *TINY, *slow, "launch=ray", "launch.exclusive=true").code == 0
    rows = records(tmp_path / "results/scratch").values()
    first, second = sorted(datetime.fromisoformat(row["started"]) for row in rows)
    assert (second - first).total_seconds() >= 5
