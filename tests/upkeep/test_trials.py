"""The trials of a study between commands: asked for, seen, kept and cancelled as its runs are."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cells.plans import plans_of
from bench.upkeep.cells import cells_of
from tests.helpers import TINY, start

SLOW = [*TINY, "model=slow", "model.seconds=0.2", "train.checkpoint_seconds=0.1"]
COMMANDS = {"tune": ["tune", "scratch"], "run": ["run", "study=scratch", "tune=yes"]}


def under_way(process: subprocess.Popen[str], trials: Path) -> list[Path]:
    """Waits until a trial has a checkpoint; all there are."""
    over = time.monotonic() + 120
    while time.monotonic() < over and process.poll() is None:
        if found := list(trials.glob("runs/*/*/checkpoint.safetensors")):
            return found
        time.sleep(0.05)
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_keeps_its_checkpoints_and_is_named(
    command: str, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    trials = tmp_path / "results" / "scratch" / "tuning"
    process = start(tmp_path, *COMMANDS[command], *SLOW, "--config-dir", str(own_conf))
    checkpoint, *_ = under_way(process, trials)
    assert "running" in cells_of(trials).states.values()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    over = time.monotonic() + 30
    while cells_of(trials).running and time.monotonic() < over:
        time.sleep(0.05)  # the process of the trial ends behind that of the command
    (plan,) = plans_of(trials)
    assert plan.command.startswith(f"bench {' '.join(plan.called)} --config-dir")
    assert plan.called == (["tune", "scratch"] if command == "tune" else ["run"])
    bench_call("clean", "scratch", "--yes")
    assert checkpoint.exists()
    said = bench_call("status", "scratch").out
    assert f"trials of its tuning: {len(plan.cells)} waiting" in said
    assert f"{plan.command}    # {len(plan.cells)} left" in said


def test_a_command_that_tunes_is_cancelled_once(own_conf: Path, bench_call: Callable, tmp_path: Path) -> None:
    process = start(tmp_path, "tune", "scratch", *SLOW, "--every-rung", "--config-dir", str(own_conf))
    under_way(process, tmp_path / "results" / "scratch" / "tuning")
    answer = bench_call("cancel", "scratch")
    assert answer.code == 0, answer
    assert answer.out.count(f"ended: process {process.pid}, bench tune scratch --every-rung --config-dir") == 1
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_failed_trials_are_made_again_by_their_command(own_conf: Path, bench_call: Callable, tmp_path: Path) -> None:
    """`retry` says which; the command trains those that failed, and no others."""
    words = ["tune", "scratch", *TINY, "model=crashing", "model.mended=mended", "--config-dir", str(own_conf)]
    assert bench_call(*words).code == 1
    answer = bench_call("retry", "scratch")
    trials = tmp_path / "results" / "scratch" / "tuning"
    failed = list(cells_of(trials).states.values()).count("failed")
    assert failed > 0
    assert answer.code == 2
    assert f"{failed} trials of tuning are failed or timeout; their own command makes them again:" in answer.err
    assert plans_of(trials)[0].command in answer.err
    assert answer.err.count("\n") == 1
    (tmp_path / "mended").touch()
    assert bench_call(*words).code == 0
    assert set(cells_of(trials).states.values()) == {"ok"}
