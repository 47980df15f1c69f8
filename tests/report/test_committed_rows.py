import itertools
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.record.store import TABLE
from bench.report.collect import collect
from bench.report.report import report
from bench.report.study import CURVES, HISTORIES, PICTURES, label, load
from tests.report.synthetic import record, write_run

FILES = (TABLE, HISTORIES, CURVES, PICTURES)


def elsewhere(folder: Path, *models: str) -> dict[str, bytes]:
    """The four files of a study of two seeds, without its runs."""
    for model in models:
        for seed in (0, 1):
            write_run(folder, record("toy", model, seed))
    collect(folder)
    shutil.rmtree(folder / "runs")
    return {name: (folder / name).read_bytes() for name in FILES}


def test_a_model_of_ones_own_joins_rows_whose_runs_are_elsewhere(tmp_path: Path) -> None:
    """The files are those of a study that had them all from the beginning."""
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    elsewhere(parts, "cnf", "vae")
    for seed in (0, 1):
        write_run(parts, record("toy", "mine", seed))
    assert collect(parts).warnings == []
    elsewhere(whole, "cnf", "mine", "vae")
    for name in FILES:
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    assert [(run["model"], run["seed"]) for run in load(parts).runs] == [
        (model, seed) for model in ("cnf", "mine", "vae") for seed in (0, 1)
    ]


def test_a_run_that_is_here_replaces_its_row(tmp_path: Path) -> None:
    elsewhere(tmp_path, "vae")
    write_run(tmp_path, record("toy", "vae", 1, nll_nats=9.0))
    collect(tmp_path)
    first, second = load(tmp_path).runs
    assert (first["seed"], second["seed"], second["nll_nats"]) == (0, 1, 9.0)
    assert first["nll_nats"] != 9.0


def test_another_seed_of_the_same_command_joins_its_kind_and_other_settings_stay_apart(tmp_path: Path) -> None:
    elsewhere(tmp_path, "vae")
    write_run(tmp_path, record("toy", "vae", 2))
    other = "bench run study=made model=vae data=toy model.beta=4 seed=3"
    write_run(tmp_path, record("toy", "vae", 3, command=other))
    collect(tmp_path)
    assert [label(run) for run in load(tmp_path).runs] == ["vae", "vae", "vae", "vae (kind 2)"]
    shutil.rmtree(tmp_path / "runs")
    write_run(tmp_path, record("toy", "vae", 3, run_id="third", command=other.replace("=4", "=2")))
    collect(tmp_path)
    assert [label(run) for run in load(tmp_path).runs] == ["vae", "vae", "vae", "vae (kind 2)", "vae (kind 3)"]


def test_a_model_that_was_changed_since_replaces_its_row(tmp_path: Path) -> None:
    """Its source is another, hence its run's id; data, command and seed are the same."""
    elsewhere(tmp_path, "mine")
    write_run(tmp_path, record("toy", "mine", 1, run_id="changed", nll_nats=9.0))
    collect(tmp_path)
    assert [(run["seed"], run["run_id"] == "changed") for run in load(tmp_path).runs] == [(0, False), (1, True)]


def test_a_row_of_another_version_stays_beside_the_current_one(tmp_path: Path) -> None:
    versions = {"data_hash": "aaaa", "source_hash": "1111", "entry_version": 1}
    for seed in (0, 1):
        write_run(tmp_path, record("toy", "mine", seed, **versions))
    collect(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    for seed in (0, 1):
        write_run(tmp_path, record("toy", "mine", seed, run_id=f"new-{seed}", **versions | {"source_hash": "2222"}))
    collect(tmp_path)
    collect(tmp_path)
    assert [label(run) for run in load(tmp_path).runs] == ["mine"] * 2 + ["mine (source=2222 (current))"] * 2


def test_two_versions_here_are_two_variants_each_pooled_over_its_seeds(tmp_path: Path) -> None:
    versions = {"data_hash": "aaaa", "entry_version": 1}
    for number, (source, seed) in enumerate(itertools.product(("1111", "2222"), (0, 1, 2))):
        started = f"2026-01-0{1 + number // 3}T00:00:00+00:00"
        row = record("toy", "mine", seed, run_id=f"run-{number}", source_hash=source, started=started, **versions)
        write_run(tmp_path, row)
    collect(tmp_path)
    assert Counter(label(run) for run in load(tmp_path).runs) == {
        "mine (source=1111)": 3,
        "mine (source=2222 (current))": 3,
    }


def test_nothing_is_kept_where_nothing_is(tmp_path: Path) -> None:
    write_run(tmp_path, record("toy", "mine", 0))
    assert collect(tmp_path).finished == 1
    assert len(load(tmp_path).runs) == 1


def test_the_report_keeps_them_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "made"
    elsewhere(study, "cnf", "vae")
    write_run(study, record("toy", "mine", 0))
    lines = report("made", tmp_path)
    assert "5 runs: 5 ok" in lines
    assert capsys.readouterr().err == ""
    with np.load(study / PICTURES) as pictures:
        assert {"samples/toy/cnf", "samples/toy/mine", "samples/toy/vae", "real/toy"} <= set(pictures)
