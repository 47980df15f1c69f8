"""A small study that takes some seconds, to be disturbed, and what it is undisturbed."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.record.runs import run_path
from tests.helpers import TINY, Answer, records, repeatable, start

SEEDS = 3
STUDY = Path("results/scratch")
CHECKPOINT = "runs/*/*/checkpoint.safetensors"


def command(conf: Path, seconds: float = 0.05, *more: str) -> list[str]:
    """The study's command: runs of 20 steps of so many seconds, each with ten checkpoints."""
    often = ["train.checkpoint_seconds=0.0001", "train.validate_every=2"]
    seeds = f"seed={','.join(map(str, range(SEEDS)))}"
    return [
        "run",
        "--config-dir",
        str(conf),
        *TINY,
        "-m",
        "model=slow",
        f"model.seconds={seconds}",
        seeds,
        *often,
        *more,
    ]


def made(study: Path) -> dict[str, Any]:
    """What a study's records say, clocks aside, and the bytes of its weights."""
    found = records(study)
    weights = {name: (run_path(study / "runs", name) / "weights.safetensors").read_bytes() for name in found}
    return {name: (repeatable(record), weights[name]) for name, record in found.items()}


def undisturbed(folder: Path, conf: Path, seconds: float = 0.05) -> dict[str, Any]:
    """The study, made in a folder in which nothing happens."""
    folder.mkdir()
    answer = ended(start(folder, *command(conf, seconds)))
    assert answer.code == 0, answer
    found = made(folder / STUDY)
    shutil.rmtree(folder)
    assert len(found) == SEEDS
    return found


def ended(process: subprocess.Popen[str], seconds: float = 120) -> Answer:
    """What a command came to."""
    out, err = process.communicate(timeout=seconds)
    return Answer(process.returncode, out, err)


def wait_for(happened: Callable[[], object], process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Waits until something has happened while the command runs."""
    end = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def left_over(study: Path) -> set[str]:
    """Names under `runs/` that begin with a dot: locks, or pieces of files."""
    return {path.name for path in (study / "runs").rglob(".*")}
