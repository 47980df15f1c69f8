"""`bench tune` and `tune=yes`, of a user's own entry, from the words of a command to the report."""

import csv
import json
import os
import shlex
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.record.runs import run_path
from bench.tuning.file import CHOSEN, OTHER_CODE, read
from tests.helpers import TINY, records, start

LADDER = ["budget.ladder=[1/4,1/2,1]"]

ENTRY = """
from bench import Entry, LogProb
import math, torch
from torch import nn


class Mine(Entry):
    def __init__(self, data, *, width: int, scale: float = 1.0):
        super().__init__(data, width=width)
        self.shifts = nn.Parameter(torch.zeros(width, data.dim))
        self.scale = scale

    def loss(self, x, context=None):
        return -self.log_prob(x).value

    def sample(self, n, context=None):
        return self.scale * torch.randn(n, self.data.dim) + self.shifts.sum(0)

    def log_prob(self, x, context=None):
        z = (x - self.shifts.sum(0)) / self.scale
        log_normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        return LogProb(log_normal - self.data.dim * math.log(self.scale), "exact", is_bound=False)
"""

YAML = """# A Gaussian with a mean of its own
_target_: mine.Mine
width: 20
scale: 1.0
tuning:
  learning_rate: 0.001
  knob: {scale: [1.0, 2.0, 3.0]}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's entry beside a folder of configurations."""
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(YAML)
    (tmp_path / "mine.py").write_text(ENTRY)
    return tmp_path / "conf"


def tune(conf: Path, *overrides: str) -> list[str]:
    return ["tune", "scratch", "--config-dir", str(conf), *TINY, *LADDER, *overrides]


@pytest.mark.long
def test_an_own_entry_is_tuned_run_and_reported(own: Path, bench_call: Callable, tmp_path: Path) -> None:
    """The same words as for the project's; a trial is never evaluated, and a change of its code is met."""
    answer = bench_call(*tune(own, "model=mine"))
    assert answer.err == ""
    assert answer.code == 0
    study = tmp_path / "results" / "scratch"
    rows = read(study)
    assert {(row.rung, row.seed, row.status, row.steps) for row in rows} == {(0.5, 1000, "ok", 10)}
    assert sorted(row.value for row in rows) == [""] * (len(rows) - 2) + ["2.0", "3.0"]
    (chosen,) = [row for row in rows if row.mark == CHOSEN]
    assert chosen.validation == min(row.validation or 0.0 for row in rows)
    assert "Tuning: validation by learning rate" in answer.out
    assert "scale=2.0" in (study / "tuning.md").read_text()
    made = records(study / "tuning")
    assert made.keys() == {row.run_id for row in rows}
    for record in made.values():
        assert record["setting"] == "trial"
        assert record["study"] == "tuning"
        assert record["nll_nats"] is None is record["c2st"]

    run = ["run", "--config-dir", str(own), *TINY, *LADDER, "study=scratch", "model=mine", "seed=0,1", "-m"]
    answer = bench_call(*run, "tune=yes")
    assert answer.code == 0, answer.err
    assert "12 runs: 12 ok" in answer.out
    final = records(study)
    assert {record["seed"] for record in final.values()} == {0, 1}
    rates = {record["setting"]: record["learning_rate"] for record in final.values()}
    assert rates == {"default": 0.001, "tuned": chosen.learning_rate}
    assert not any("tune=yes" in record["command"] for record in final.values())

    answer = bench_call("report", "scratch")
    assert answer.code == 0, answer.err
    with (study / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    spent = sum(row.train_seconds or 0.0 for row in rows)
    assert {row["tuning_seconds"] for row in table if row["setting"] == "default"} == {""}
    assert {round(float(row["tuning_seconds"]), 6) for row in table if row["setting"] == "tuned"} == {round(spent, 6)}
    assert "Tuning: validation by learning rate" in (study / "summary.md").read_text()
    assert (study / "plots" / "tuning-linear_gaussian.png").exists()

    one = next(record for record in final.values() if record["setting"] == "tuned")
    answer = bench_call(*shlex.split(one["command"])[1:], "results_dir=again")
    assert answer.code == 0, answer.err
    (again,) = records(tmp_path / "again" / "scratch").values()
    assert [again[name] for name in ("run_id", "setting", "nll_nats")] == [
        one[name] for name in ("run_id", "setting", "nll_nats")
    ]

    (tmp_path / "mine.py").write_text(ENTRY.replace("z.square()", "z.square() * 1.0"))
    answer = bench_call(*tune(own, "model=mine"))
    assert answer.code == 0, answer.err
    marks = [row.mark for row in read(study)]
    assert marks.count(OTHER_CODE) == len(rows)
    assert marks.count(CHOSEN) == 1


@pytest.mark.long
def test_a_committed_row_is_a_finished_trial_and_two_workers_make_the_same(
    own: Path, bench_call: Callable, tmp_path: Path
) -> None:
    bench_call(*tune(own, "model=mine", "results_dir=alone"))
    bench_call(*tune(own, "model=mine", "results_dir=both", "workers=2"))
    alone, both = (read(tmp_path / name / "scratch") for name in ("alone", "both"))
    assert [(row.run_id, row.validation, row.mark) for row in alone] == [
        (row.run_id, row.validation, row.mark) for row in both
    ]
    shutil.rmtree(tmp_path / "both" / "scratch" / "tuning")
    answer = bench_call(*tune(own, "model=mine", "results_dir=both"))
    assert answer.code == 0
    assert not (tmp_path / "both" / "scratch" / "tuning").exists()
    answer = bench_call(*tune(own, "model=mine", "results_dir=both", "--dry-run"))
    assert f"{len(both)} trials finished, 0 of the grid to make" in answer.out


@pytest.mark.long
def test_a_killed_command_goes_on(own_conf: Path, bench_call: Callable, tmp_path: Path) -> None:
    """Trials that had ended are not trained again, the one under way goes on from its checkpoint."""
    words = tune(
        own_conf, "model=slow", "model.seconds=0.05", f"model.log={tmp_path}/log", "train.checkpoint_seconds=0.1"
    )
    process = start(tmp_path, *words)
    folder = tmp_path / "results" / "scratch" / "tuning" / "runs"
    while process.poll() is None and len(list(folder.glob("*/*/record.json"))) < 2:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = {path.parent.name: path.read_text() for path in folder.glob("*/*/record.json")}
    assert 2 <= len(before) < 8
    assert bench_call(*words).code == 0
    rows = {row.run_id: row for row in read(tmp_path / "results" / "scratch")}
    assert len(rows) >= 8
    assert {row.status for row in rows.values()} == {"ok"}
    for run_id, text in before.items():
        assert (run_path(folder, run_id) / "record.json").read_text() == text
        assert rows[run_id].train_seconds == json.loads(text)["train_seconds"]
    started = len((tmp_path / "log").read_text().splitlines())
    assert started <= len(rows) + 1


def test_mistakes_are_a_line_each(own: Path, bench_call: Callable) -> None:
    for words, named in (
        (["model=mine", "tune.seed=0"], "tune.seed: seed 0 is also of a final run"),
        (["model=mine", "tune.data=[moons]"], "the study tunes on moons, where this entry has no trials"),
        (["model=mine", "tune.data=[moans]"], "unknown data set 'moans'"),
        (["model=mine", "model.tuning.knobs={scale:[1]}"], "unknown option 'knobs' in conf/model/mine.yaml: tuning"),
        (["model=mine", "model.tuning.knob=scale"], "give one option and a list of values"),
    ):
        answer = bench_call(*tune(own, *words, "--dry-run"))
        assert answer.code == 2, words
        assert answer.err
        assert all(named in line for line in answer.err.splitlines())
