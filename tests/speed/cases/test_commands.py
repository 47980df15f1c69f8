import subprocess
from pathlib import Path

import pytest

from bench.record.columns import COLUMNS
from bench.record.runs import run_paths
from bench.record.store import RunFolder
from bench.speed.cases.commands import (
    bench_figures,
    help_seconds,
    report_figures,
    timed_call,
    timed_process,
)
from bench.speed.figure import Target
from bench.speed.generated_study import LATENT_USE, write_study


def test_the_help_is_timed_over_whole_processes() -> None:
    figure = help_seconds(calls=2)
    assert figure.ours is not None
    assert figure.ours > 0.01  # no Python process starts in less


def test_a_generated_study_is_reported_without_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    report, memory, again = report_figures(data_sets=1, models=2, seeds=2, target=Target(15.0))
    assert report.what == "bench report of 4 runs"
    assert memory.what == "bench report of 4 runs: peak memory"
    assert again.what == "bench report of 4 runs, after one run more"
    assert all(figure.ours is not None for figure in (report, memory, again))
    assert 50 < (memory.ours or 0) < 1024  # pandas and matplotlib alone take the first
    assert capfd.readouterr().err == ""


def test_the_memory_of_a_call_is_not_that_of_the_process_that_makes_it() -> None:
    held = bytearray(600 * 2**20)
    assert timed_process("--version")[1] < 100 * 2**20
    assert len(held) > 0


def test_a_generated_record_fills_the_columns_of_a_finished_run(tmp_path: Path) -> None:
    assert write_study(tmp_path / "made", 2, 3, 2) == 12
    folders = run_paths(tmp_path / "made" / "runs")
    records = [RunFolder(path).read() for path in folders]
    assert len(records) == 12
    unknown_to_a_toy = {"error", "bits_per_dim", "nll_estimator_error", "eval_nfe", "compile_seconds", "git_commit"}
    unknown_to_a_toy |= {"note", "compiled", "trained_in", "untuned", "nll_unit_nats"}
    unknown_to_a_toy |= {"accuracy", "accuracy_supervised", "cluster_accuracy", "cluster_nmi", "labelled", "warning"}
    unknown_to_a_toy |= {"fold", "knob", "tuning_seconds", "clusters_used", "features_hash", "nll_slack_nats"}
    unknown_to_a_toy |= {"test_hash"}  # without per-example likelihoods beside it
    unknown_to_a_toy |= {name for name in COLUMNS if name.startswith(("outside", "discrete_", "ais_"))}
    unknown_to_a_toy |= {"grid_error_nats", "grid_error_refined_nats"}
    unknown_to_a_toy |= {name for name in COLUMNS if name.startswith("sharpness_")}
    of_some_families = {"elbo_nats", "train_nfe", "solver_error_nats", *LATENT_USE}
    for record in records:
        assert record is not None
        empty = {name for name in COLUMNS if record[name] is None}
        assert empty <= unknown_to_a_toy | of_some_families


def test_a_command_that_fails_is_not_a_timing() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        timed_call("no-such-command")


@pytest.mark.long
def test_a_study_is_timed_from_its_first_run_to_its_report_and_by_one_process_too(tmp_path: Path) -> None:
    whole, workers = bench_figures(tmp_path, "smoke", trials="none")
    assert (whole.ours or 0) > 5
    assert whole.note == "12 runs by two processes and their report; one call"
    assert 0.5 < (workers.ours or 0) < 2.5
    assert workers.note.endswith("rows that differ beyond clocks: 0")
