"""A study that is interrupted, committed and continued where only its committed files are ends with the same table."""

import csv
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import CLOCKS, TINY, start

STUDY = [
    "run", "-m", *TINY, "budget.ladder=[1/4,1/2,1]", "study=scratch", "model=slow", "seed=0,1", "tune=yes",
    "train.checkpoint_seconds=0.1", "model.seconds=0.02",
]  # fmt: skip
COMMITTED = ("table.csv", "tuning.csv", "histories.csv", "curves.csv", "pictures.npz", "products.npz")
OF_CLOCKS = CLOCKS | {"git_commit", "command", "tuning_seconds"}


def rows_of(study: Path) -> list[dict[str, str]]:
    """table.csv without what clocks decide."""
    with (study / "table.csv").open() as file:
        return [{name: cell for name, cell in row.items() if name not in OF_CLOCKS} for row in csv.DictReader(file)]


def chosen(study: Path) -> list[tuple[str, str, str]]:
    """The trials of tuning.csv with what they came to."""
    with (study / "tuning.csv").open() as file:
        return [(row["run_id"], row["validation"], row["mark"]) for row in csv.DictReader(file)]


@pytest.mark.long
def test_a_study_continued_from_fresh_clones_has_the_same_table(
    own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    words = [*STUDY, "--config-dir", str(own_conf)]
    assert bench_call(*words, "results_dir=whole").code == 0
    assert bench_call("report", "scratch", "--results-dir", "whole").code == 0

    clone = tmp_path / "clone 0"
    clone.mkdir()
    for number, records in enumerate(("tuning/runs/*/*/record.json", "runs/*/*/record.json", "runs/*/*/record.json")):
        study = clone / "results" / "scratch"
        process = start(clone, *words)
        while process.poll() is None and len(list(study.glob(records))) < 2:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, out + err
        if "tuning" not in records:
            assert bench_call("report", "scratch", "--results-dir", str(clone / "results")).code == 0
        fresh = tmp_path / f"clone {number + 1}"
        (fresh / "results" / "scratch").mkdir(parents=True)
        for name in COMMITTED:
            if (study / name).exists():
                shutil.copy(study / name, fresh / "results" / "scratch" / name)
        assert (fresh / "results" / "scratch" / "tuning.csv").exists()
        clone = fresh

    assert bench_call(*words, f"results_dir={clone / 'results'}").code == 0
    made = len(list((clone / "results" / "scratch" / "runs").glob("*/*/record.json")))
    assert 0 < made < len(rows_of(tmp_path / "whole" / "scratch")), "what was committed is not made again"
    assert bench_call("report", "scratch", "--results-dir", str(clone / "results")).code == 0
    assert chosen(clone / "results" / "scratch") == chosen(tmp_path / "whole" / "scratch")
    assert rows_of(clone / "results" / "scratch") == rows_of(tmp_path / "whole" / "scratch")
