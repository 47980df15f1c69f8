"""Runs that a tracker follows: what the tool then has, and a run that is the same with and without."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.record.runs import run_path
from bench.track.tracker import numbers, stored_validations
from tests.helpers import TINY, Answer, records, repeatable

THIRD = """
import json
from pathlib import Path

import torch


class Lines:
    def __init__(self, study, *, file, fails=""):
        self.path, self.fails = Path(study) / file, fails

    def write(self, *words):
        if self.fails == words[0]:
            raise RuntimeError("no line")
        with self.path.open("a") as file:
            file.write(json.dumps(words) + "\\n")

    def begin(self, run_id, settings):
        self.write("begin", run_id, settings["model.name"])

    def log(self, step, values):
        torch.manual_seed(step)  # what a tracker draws is not taken from the run
        self.write("log", step)

    def end(self, row):
        self.write("end", row["status"])
"""
YAML = "_target_: lines_tracker.Lines\nfile: lines.jsonl\nfails: ''\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tracker of the user's."""
    (tmp_path / "lines_tracker.py").write_text(THIRD)
    (tmp_path / "conf" / "track").mkdir(parents=True)
    (tmp_path / "conf" / "track" / "lines.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run(bench_call: Callable[..., Answer], *words: str, model: str = "vae") -> str:
    answer = bench_call("run", *TINY, f"model={model}", "budget.parameters=null", "model.width=4", *words)
    assert answer.code == 0, answer.err
    return str(answer.out + answer.err)


def test_a_third_tracker_is_told_of_every_validation(bench_call: Callable[..., Answer], folder: Path) -> None:
    run(bench_call, "--config-dir", "conf", "track=lines")
    study = folder / "results" / "scratch"
    ((run_id, record),) = records(study).items()
    lines = (study / "lines.jsonl").read_text().splitlines()
    assert lines[0] == f'["begin", "{run_id}", "vae"]'
    assert [line for line in lines if "log" in line] == [f'["log", {step}]' for step in (5, 10, 15, 20)]
    assert lines[-1] == '["end", "ok"]'
    assert "track" not in record["command"]


@pytest.mark.parametrize("fails", ["begin", "log", "end"])
def test_a_run_is_the_same_with_a_tracker_and_with_one_that_fails(
    bench_call: Callable[..., Answer], folder: Path, fails: str
) -> None:
    model = "flow_matching"  # its loss draws at each step
    run(bench_call, "results_dir=alone", model=model)
    words = ["--config-dir", "conf", "track=lines", f"track.fails={fails}", "results_dir=tracked"]
    told = run(bench_call, *words, model=model)
    assert told.count("warning: tracking ended, the run goes on: RuntimeError: no line") == 1
    (alone,), (tracked,) = (list(records(folder / name / "scratch").values()) for name in ("alone", "tracked"))
    assert repeatable(alone) == repeatable(tracked)
    (config,) = (folder / "tracked").rglob("config.yaml")
    assert "lines" not in config.read_text()


def test_a_tracker_that_is_not_there_is_one_line(bench_call: Callable[..., Answer], folder: Path) -> None:
    answer = bench_call("run", *TINY, "track=tensorbord")
    assert answer.code == 2
    assert "tensorboard" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not (folder / "results").exists()


def test_a_package_that_is_not_installed_is_one_line(bench_call: Callable[..., Answer], folder: Path) -> None:
    (folder / "conf" / "track" / "lines.yaml").write_text("_target_: lines_tracker.Absent\n")
    absent = "from bench.track.tracker import needs\n\n\nclass Absent:\n    def __init__(self, study):\n"
    (folder / "lines_tracker.py").write_text(f'{absent}        needs("no_such_package")\n')
    answer = bench_call("run", *TINY, "--config-dir", "conf", "track=lines")
    assert answer.code == 2
    assert "needs no_such_package" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not (folder / "results").exists()


def test_an_option_that_a_tracker_has_not_is_one_line(bench_call: Callable[..., Answer], folder: Path) -> None:
    answer = bench_call("run", *TINY, "--config-dir", "conf", "track=lines", "track.files=a")
    assert answer.code == 2
    assert "files" in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_tensorboard_has_the_history_and_the_row(bench_call: Callable[..., Answer], folder: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):  # the second takes the place of the first
        run(bench_call, "track=tensorboard", "--again")
    study = folder / "results" / "scratch"
    ((run_id, record),) = records(study).items()
    events = accumulators.EventAccumulator(str(study / "tensorboard" / run_id))
    events.Reload()
    for step, values in stored_validations(run_path(study / "runs", run_id)):
        for name, value in values.items():
            found = [event.value for event in events.Scalars(f"train/{name}") if event.step == step]
            assert found == pytest.approx([value], rel=1e-6)
    assert events.Scalars("row/nll_nats")[0].value == pytest.approx(record["nll_nats"], rel=1e-6)
    assert {f"row/{name}" for name in numbers(record)} <= set(events.Tags()["scalars"])


@pytest.mark.long  # imports of ten seconds
def test_mlflow_has_the_history_and_the_row(bench_call: Callable[..., Answer], folder: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    for _ in range(2):
        run(bench_call, "track=mlflow", "--again")
    study = folder / "results" / "scratch"
    ((run_id, record),) = records(study).items()
    client = MlflowClient(tracking_uri=f"sqlite:///{study / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("scratch")
    (tracked,) = client.search_runs([experiment.experiment_id])
    assert tracked.info.run_name == run_id
    assert tracked.info.status == "FINISHED"
    assert tracked.data.params["budget.steps"] == "20"
    assert tracked.data.tags["git_commit"] == record["git_commit"]
    assert tracked.data.metrics["nll_nats"] == record["nll_nats"]
    history = client.get_metric_history(tracked.info.run_id, "val_nll_nats")
    told = {metric.step: metric.value for metric in history if metric.step}
    stored = {step: values["val_nll_nats"] for step, values in stored_validations(run_path(study / "runs", run_id))}
    assert told == {**stored, max(stored): told[max(stored)]}
