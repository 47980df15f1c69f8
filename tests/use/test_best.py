"""The best run of a data set: selected on validation, of one content; and the runs that studies keep with weights."""

import csv
import json
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record.warnings import UNBOUNDED
from bench.use.best import best_run, best_runs
from bench.use.export import LARGEST
from bench.use.load import load
from bench.use.places import best_folder, found
from tests.helpers import ROOT

KEPT = sorted(path for path in ROOT.glob("results/*/best/*") if path.is_dir())


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_a_kept_run_is_the_best_of_its_table(folder: Path) -> None:
    study = folder.parents[1]
    record = json.loads((folder / "record.json").read_text())
    assert record["run_id"] == best_run(study, folder.name).run_id
    assert (folder / "weights.safetensors").stat().st_size <= LARGEST


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_a_kept_run_samples_in_a_fresh_clone(folder: Path) -> None:
    study, data = folder.parents[1].name, folder.name
    run = load(f"{study}/best/{data}", ROOT / "results", say=lambda line: None)
    assert len(run.sample(8)) == 8


COLUMNS = {"status": "ok", "data": "table", "seed": 0, "steps": 20, "data_hash": "aaaaaaaa", "test_hash": "11111111"}


def study_with(folder: Path, *rows: dict) -> Path:
    """A study's folder with a table of some rows."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = [{**COLUMNS, **row} for row in rows]
    header = list(dict.fromkeys(name for row in whole for name in row))
    with open(folder / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(whole)
    return folder


def row(run_id: str, model: str, test: float, validation: float | str, **more) -> dict:
    return {"run_id": run_id, "model": model, "nll_nats": test, "val_nll_nats": validation, **more}


def test_the_test_split_selects_nothing(tmp_path: Path) -> None:
    study = study_with(tmp_path / "s", row("a", "realnvp", 9.0, 1.0), row("b", "nsf", 1.0, 2.0))
    assert best_run(study, "table").run_id == "a"


def test_a_bound_is_first_where_even_it_is_lowest_and_is_named_where_not(tmp_path: Path) -> None:
    study = study_with(
        tmp_path / "s",
        row("a", "realnvp", 2.0, 2.0, nll_is_bound=False),
        row("b", "vae", 3.0, 3.0, nll_is_bound=True),
    )
    assert best_run(study, "table") == ("a", ("vae",))
    study = study_with(
        tmp_path / "s",
        row("a", "realnvp", 2.0, 2.0, nll_is_bound=False),
        row("b", "vae", 1.0, 1.0, nll_is_bound=True),
    )
    assert best_run(study, "table") == ("b", ())


def test_a_likelihood_that_grows_without_bound_is_never_best(tmp_path: Path) -> None:
    ties = {"warning": f"columns of ties, {UNBOUNDED}"}
    study = study_with(tmp_path / "s", row("a", "nsf", -9, -9, **ties), row("b", "realnvp", -1, -1, data="digits"))
    with pytest.raises(BenchError, match="s/best/table: its columns have ties"):
        best_run(study, "table")
    chosen, without = best_runs(study)
    assert list(chosen) == ["digits"]
    assert len(without) == 1


def test_without_a_validation_nll_nothing_is_selected(tmp_path: Path) -> None:
    study = study_with(tmp_path / "s", row("a", "nsf", 1.0, ""))
    with pytest.raises(BenchError, match="no model has a validation NLL"):
        best_run(study, "table")


def test_two_files_of_one_name_are_two_data_sets(tmp_path: Path) -> None:
    other = {"data_hash": "bbbbbbbb", "test_hash": "22222222"}
    study = study_with(
        tmp_path / "s",
        row("a", "realnvp", 2.0, 2.0, command="bench run data=table 'data.path=my files/a.csv'"),
        row("b", "realnvp", 1.0, 1.0, command="bench run data=table data.path=b.csv", **other),
        row("c", "nsf", 1.5, 1.5),
    )
    with pytest.raises(BenchError, match=r"2 data sets .* table-aaaaaaaa \(a\.csv\), table-bbbbbbbb \(b\.csv\)"):
        best_run(study, "table")
    assert best_run(study, "table-aaaaaaaa").run_id == "c"
    assert best_run(study, "table-bbbbbbbb").run_id == "b"
    assert list(best_runs(study)[0]) == ["table-aaaaaaaa", "table-bbbbbbbb"]


def test_rows_of_the_same_test_examples_are_of_one_data_set(tmp_path: Path) -> None:
    """As with another number of labels in sight, which the hash of the data counts."""
    study = study_with(tmp_path / "s", row("a", "vae", 2.0, 2.0), row("b", "m2", 1.0, 1.0, data_hash="cccccccc"))
    assert best_run(study, "table").run_id == "b"


def kept(folder: Path, run_id: str) -> None:
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({"run_id": run_id}))


def test_what_is_kept_is_the_best_or_refused(tmp_path: Path) -> None:
    study = study_with(tmp_path / "s", row("a", "realnvp", 2.0, 2.0))
    kept(study / "best" / "table", "old")
    with pytest.raises(BenchError, match=r"s/best/table is a, .* kept is old"):
        best_folder(study, "table")
    kept(study / "runs" / "a", "a")
    assert best_folder(study, "table") == study / "runs" / "a"
    (study / "table.csv").unlink()
    assert best_folder(study, "table") == study / "best" / "table"


def test_a_study_by_data_goes_by_its_own_name_where_it_has_one_folder(tmp_path: Path) -> None:
    study = study_with(tmp_path / "all_families-mine-1a2b3c4d", row("a", "realnvp", 2.0, 2.0))
    kept(study / "runs" / "a", "a")
    for word in ("all_families/best/table", "all_families-mine-1a2b3c4d/best/table", f"{study}/best/table"):
        assert found(word, tmp_path) == study / "runs" / "a"
    study_with(tmp_path / "all_families-other-5e6f7a8b", row("b", "realnvp", 2.0, 2.0))
    with pytest.raises(BenchError, match="one folder for each data set"):
        found("all_families/best/table", tmp_path)
