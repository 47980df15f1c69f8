"""What a person waits for: `bench --help`, samples and scores, reports of 1,000 runs and of more, `make bench`."""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.cells.verify import numbers
from bench.record.runs import FOLDER, run_paths
from bench.record.store import table_rows
from bench.speed.figure import Figure, Target
from bench.speed.generated_study import example, write_run, write_study
from bench.tuning.file import FILE

CASE, BENCH_CASE, REPORT_CASE = "cli", "bench", "report"
HELP_TARGET, BENCH_TARGET = Target(0.5), Target(600.0)
WORKERS_TARGET = Target(1.8, at_most=False)
MEMORY_TARGET, AGAIN_TARGET = Target(1024.0), Target(3.0)
USE_TARGET = Target(3.0)
"""Beyond the model's own time, which is next to none here."""
SMALL_RUN = "model=realnvp data=moons budget.parameters=1000 budget.steps=10 data.test=500 eval.sample_size=100"


def commands() -> Iterator[Figure]:
    """Figures of each but `make bench` and a large report."""
    yield help_seconds(calls=11)
    yield from use_seconds(calls=5)
    yield from report_figures(data_sets=10, models=10, seeds=10, target=Target(15.0))


def help_seconds(calls: int) -> Figure:
    """`bench --help`, a whole process each time, after one call that is not counted."""
    seconds = [timed_call("--help") for _ in range(calls + 1)][1:]
    note = f"median of {calls} calls, {min(seconds):.3f} to {max(seconds):.3f} s"
    return Figure(CASE, "bench --help", "s", statistics.median(seconds), target=HELP_TARGET, note=note)


def use_seconds(calls: int) -> Iterator[Figure]:
    """`bench sample` and `bench score` of 1,000 rows and a small flow, each after one call that is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        timed_call("run", *SMALL_RUN.split(), f"results_dir={folder}")
        (run,) = run_paths(Path(folder, "scratch", FOLDER))
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


def report_figures(data_sets: int, models: int, seeds: int, target: Target, case: str = CASE) -> Iterator[Figure]:
    """`bench report` of a generated study, its records' collection included; its memory; and after one run more."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "generated"
        runs = write_study(study, data_sets, models, seeds)
        words = ["report", "generated", "--results-dir", folder]
        seconds, peak = timed_process(*words)
        write_run(study, example(), data=0, model=0, seed=seeds)
        again = timed_call(*words)
    what, note = f"bench report of {runs:,} runs", f"{data_sets} data sets, {models} models, {seeds} seeds; one call"
    yield Figure(case, what, "s", seconds, target=target, note=note)
    yield Figure(case, f"{what}: peak memory", "MiB", peak / 2**20, target=MEMORY_TARGET, note=note)
    yield Figure(case, f"{what}, after one run more", "s", again, target=AGAIN_TARGET, note=note)


def large_report() -> Iterator[Figure]:
    """Figures of a report of 10,000 runs, whose folders alone take ten minutes to write."""
    yield from report_figures(data_sets=20, models=20, seeds=25, target=Target(60.0), case=REPORT_CASE)


def bench_figures(results_dir: Path, study: str = "quick", trials: str = "committed") -> Iterator[Figure]:
    """`make bench`: the study from nothing by two processes, with its committed trials, and its report; then by one."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = {number: study_seconds(Path(folder), results_dir, study, trials, number) for number in (2, 1)}
        report = timed_call("report", study, "--results-dir", f"{folder}/2")
        timed_call("report", study, "--results-dir", f"{folder}/1")
        by_two, by_one = (table_rows(Path(folder, number, study)) for number in ("2", "1"))
    note = f"{len(by_two)} runs by two processes and their report; one call"
    yield Figure(BENCH_CASE, "make bench", "s", seconds[2] + report, target=BENCH_TARGET, note=note)
    unequal = sum(any(two[name] != one[name] for name in numbers()) for two, one in zip(by_two, by_one, strict=True))
    what, ratio = "the study by one process, over by two", seconds[1] / seconds[2]
    note = f"{seconds[1]:.0f} s and {seconds[2]:.0f} s; rows that differ beyond clocks: {unequal}"
    yield Figure(BENCH_CASE, what, "times", ratio, target=WORKERS_TARGET, note=note)


def study_seconds(folder: Path, results_dir: Path, study: str, trials: str, workers: int) -> float:
    """Seconds of a study's runs by so many processes, into a folder of their number."""
    tuned = []
    if trials == "committed":
        (folder / str(workers) / study).mkdir(parents=True)
        shutil.copy(results_dir / study / FILE, folder / str(workers) / study)
        tuned = ["tune=yes"]
    return timed_call("run", f"study={study}", *tuned, f"workers={workers}", f"results_dir={folder / str(workers)}")


def timed_call(*arguments: str) -> float:
    """Seconds of one call of the command, from the start of its process to its end.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    return timed_process(*arguments)[0]


CALL = """
import os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(time.perf_counter() - began, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A call from a small process: where a process is made, Linux counts what the one that makes it holds as held by it."""


def timed_process(*arguments: str) -> tuple[float, int]:
    """Seconds of one call of the command, and the most bytes that its process, or the largest one it made, held.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    words = [sys.executable, "-c", CALL, sys.executable, "-m", "bench.cli", *arguments]
    seconds, peak = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(seconds), int(peak)
