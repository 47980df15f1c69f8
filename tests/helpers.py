"""A run of a second, and the command, called in this process or in one of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.cells.lock import started
from bench.config import Config
from bench.record.columns import COLUMNS
from bench.record.store import Record
from bench.report.study import load
from bench.setup.cell import Cell, resolve
from bench.setup.compose import compose

ROOT = Path(__file__).parents[1]

TINY_DATA = [
    "data=linear_gaussian",
    "data.dim=3",
    "data.latent=2",
    "data.train=256",
    "data.validation=64",
    "data.test=64",
]
TINY_BUDGET = [
    "budget.parameters=60",
    "budget.steps=20",
    "train.validate_every=5",
    "train.patience=null",
    "train.batch_size=32",
]
TINY_EVAL = [
    "eval.importance_samples=10",
    "eval.sample_size=32",
    "eval.projections=8",
    "eval.trees=5",
    "train.validation_importance_samples=4",
    "threads=1",
]
TINY = [*TINY_DATA, *TINY_BUDGET, *TINY_EVAL]

RUN_FILES = {
    "config.yaml",
    "history.csv",
    "likelihoods.npz",
    "samples.npz",
    "space.json",
    "space.safetensors",
    "weights.json",
    "weights.safetensors",
    "record.json",
}
"""What a finished run leaves in its folder."""

CLOCKS = {
    "train_seconds",
    "eval_seconds",
    "validation_seconds",
    "step_milliseconds",
    "sample_seconds_per_1k",
    "nll_seconds_per_1k",
    "peak_memory_bytes",
    "shared_machine",
    "started",
}


def tiny(conf: Path, *overrides: str) -> Config:
    """The configuration of a run of about a second; `conf` holds the tests' own entries."""
    return compose([*TINY, *overrides], conf)


def cell_in(config: Config, root: Path) -> Cell:
    """The cell of a configuration, its results under `root`."""
    cell = resolve(replace(config, results_dir=str(root)))
    cell.folder.path.parent.mkdir(parents=True, exist_ok=True)
    return cell


def written(study: Path) -> dict[str, int]:
    """Run id -> when its record was written, in ns."""
    return {path.parent.name: path.stat().st_mtime_ns for path in study.glob("runs/*/*/record.json")}


def locks_at_work(runs: Path) -> list[Path]:
    """The locks of cells that have written a checkpoint."""
    locks = runs.rglob(".*.lock")
    return [lock for lock in locks if (lock.with_name(lock.name[1:-5]) / "checkpoint.safetensors").is_file()]


def repeatable(record: Record) -> Record:
    """A record without clocks, neighbours, its checksum, the commit, and the command, which names the folder."""
    assert COLUMNS.keys() <= record.keys()
    others = CLOCKS | {"command", "git_commit", "checksum"}
    return {name: value for name, value in record.items() if name not in others}


def rows_without_clocks(study: Path) -> dict[str, dict[str, Any]]:
    """The rows of a study's table.csv as the report reads them, by run, without what may differ between two tables."""
    others = CLOCKS | {"command", "git_commit", "threads"}
    return {
        row["run_id"]: {name: value for name, value in row.items() if name not in others} for row in load(study).runs
    }


def processes_in(folder: Path) -> set[int]:
    """The numbers of the processes that work in a folder, as commands and cells do in that of their command."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if place.joinpath("cwd").readlink() == folder and started(int(place.name)) is not None:
                found.add(int(place.name))
    return found


def assert_none_left(folder: Path) -> None:
    """No process works in a folder, ten seconds after the last command has ended there."""
    end = time.monotonic() + 10
    while left := processes_in(folder):
        assert time.monotonic() < end, f"processes are left: {left}"
        time.sleep(0.05)


class Answer(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """That of a user in another folder who has this checkout on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def heed_signals() -> None:
    """Undoes what a shell's `&` and `nohup` leave ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(folder: Path, *words: str, more: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """`bench` in a process of its own, in `folder`, that signals reach even where this one is deaf to them.

    `more` stands in its environment too.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "bench.cli", *words],
        cwd=folder,
        env={**environment(), **(more or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )


def records(study: Path) -> dict[str, Any]:
    """The record of every run folder of a study that has one, without its checksum."""
    found = {path.parent.name: json.loads(path.read_text()) for path in sorted(study.glob("runs/*/*/record.json"))}
    return {name: {key: value for key, value in record.items() if key != "checksum"} for name, record in found.items()}


def files_under(folder: Path) -> set[str]:
    """Every file and folder below `folder`, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def files_of_run(folder: Path) -> set[str]:
    """The files of a run folder but for the text of the user's own modules."""
    return {name for name in files_under(folder) if not name.startswith("sources")}


@contextlib.contextmanager
def small_file_system(folder: Path, size: str, files: int = 0) -> Iterator[Path]:
    """A file system of so many bytes (`16k`, `14m`) and files, 0 for no limit, mounted on `folder`.

    The test is skipped where none may be mounted.
    """
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size},nr_inodes={files}", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield folder
    end = time.monotonic() + 10  # a process that has been there may still be ending
    while subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode:
        assert time.monotonic() < end, f"something holds {folder}"
        time.sleep(0.1)
