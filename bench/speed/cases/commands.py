"""Seconds that a person waits: for `bench --help`, a report of 1,000 runs, samples and scores, the study quick."""

import csv
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.speed.figure import Figure, Target
from bench.speed.generated_study import write_study

CASE = "cli"
HELP_TARGET, REPORT_TARGET, QUICK_TARGET = Target(0.5), Target(20.0), Target(600.0)
USE_TARGET = Target(3.0)
"""Beyond the model's own time, which is next to none here."""
SMALL_RUN = "model=realnvp data=moons budget.parameters=1000 budget.steps=10 data.test=500 eval.sample_size=100"


def commands(results_dir: Path) -> Iterator[Figure]:
    """Figures of each; that of the study quick is empty where its table is not there."""
    yield help_seconds(calls=11)
    yield from use_seconds(calls=5)
    yield report_seconds(data_sets=10, models=10, seeds=10)
    yield quick_seconds(results_dir)


def help_seconds(calls: int) -> Figure:
    """`bench --help`, a whole process each time, after one call that is not counted."""
    seconds = [timed_call("--help") for _ in range(calls + 1)][1:]
    note = f"median of {calls} calls, {min(seconds):.3f} to {max(seconds):.3f} s"
    return Figure(CASE, "bench --help", "s", statistics.median(seconds), target=HELP_TARGET, note=note)


def use_seconds(calls: int) -> Iterator[Figure]:
    """`bench sample` and `bench score` of 1,000 rows and a small flow, each after one call that is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        timed_call("run", *SMALL_RUN.split(), f"results_dir={folder}")
        (run,) = Path(folder).glob("*/runs/*")
        rows, scores = f"{folder}/rows.csv", f"{folder}/scores.csv"
        for name, words in {
            "sample": ["sample", str(run), "-n", "1000", "--out", rows],
            "score": ["score", str(run), rows, "--out", scores],
        }.items():
            seconds = [timed_call(*words) for _ in range(calls + 1)][1:]
            note = f"median of {calls} calls, {min(seconds):.2f} to {max(seconds):.2f} s"
            yield Figure(
                CASE, f"bench {name} of 1,000 rows", "s", statistics.median(seconds), target=USE_TARGET, note=note
            )


def report_seconds(data_sets: int, models: int, seeds: int) -> Figure:
    """`bench report` of a generated study, the collection of its records included."""
    with tempfile.TemporaryDirectory() as folder:
        runs = write_study(Path(folder) / "generated", data_sets, models, seeds)
        seconds = timed_call("report", "generated", "--results-dir", folder)
    note = f"{data_sets} data sets, {models} models, {seeds} seeds; one call"
    return Figure(CASE, f"bench report of {runs} runs", "s", seconds, target=REPORT_TARGET, note=note)


def quick_seconds(results_dir: Path) -> Figure:
    """Training and evaluation of every run of the study quick, from its stored table."""
    path = results_dir / "quick" / "table.csv"
    what = "study quick, training and evaluation"
    if not path.exists():
        return Figure(CASE, what, "s", None, target=QUICK_TARGET, note=f"no {path}; make it with bench run study=quick")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    seconds = sum(float(row[name] or 0) for row in rows for name in ("train_seconds", "eval_seconds"))
    where = "; ".join(sorted({f"{row['device']}, {row['threads']} threads" for row in rows}))
    return Figure(CASE, what, "s", seconds, target=QUICK_TARGET, note=f"{len(rows)} runs stored from {where}")


def timed_call(*arguments: str) -> float:
    """Seconds of one call of the command, from the start of its process to its end.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bench.cli", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
