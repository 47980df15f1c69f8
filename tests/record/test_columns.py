"""The table of columns, and that one line of it is enough for a new column to be read, averaged and shown."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.record.columns import COLUMNS, PARTS, Column, averaged
from bench.record.store import TABLE
from bench.report.collect import collect
from bench.report.report import report
from bench.report.study import load
from tests.report.synthetic import record, write_run

NEW = {
    "new_number": Column("nats", "a number", averaged="likelihood", error="new_error"),
    "new_error": Column("nats", "its standard error"),
    "new_text": Column("", "a text", kind="text"),
    "new_flag": Column("", "a flag", kind="flag"),
}


@pytest.fixture
def widened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of columns with one new column of each kind."""
    for name, column in NEW.items():
        monkeypatch.setitem(COLUMNS, name, column)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def new_values(seed: int) -> dict[str, Any]:
    return {"new_number": 1.0 + seed, "new_error": 0.5, "new_text": f"text {seed}", "new_flag": seed == 0}


@pytest.mark.usefixtures("widened")
def test_one_line_makes_a_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (0, 1):
        write_run(tmp_path / "s", record("toy", "vae", seed, **new_values(seed)))
    report("s", tmp_path)
    assert capsys.readouterr().err == ""
    table = rows(tmp_path / "s" / TABLE)
    assert [[row[name] for name in NEW] for row in table] == [
        ["1.0", "0.5", "text 0", "True"],
        ["2.0", "0.5", "text 1", "False"],
    ]
    assert rows(tmp_path / "s" / "summary.csv")[0]["new_number"] == "1.5"
    assert [run["new_flag"] for run in load(tmp_path / "s").runs] == [True, False]


@pytest.mark.usefixtures("widened")
def test_the_interval_of_a_single_seed_is_that_over_test_examples(tmp_path: Path) -> None:
    write_run(tmp_path / "s", record("toy", "vae", 0, **new_values(0)))
    report("s", tmp_path)
    assert float(rows(tmp_path / "s" / "summary.csv")[0]["new_number_ci95"]) == pytest.approx(1.959964 * 0.5)


@pytest.mark.usefixtures("widened")
@pytest.mark.parametrize("change", [{"new_number": "low"}, {"new_flag": 1}])
def test_a_value_of_another_kind_is_a_broken_record(change: dict[str, Any], tmp_path: Path) -> None:
    write_run(tmp_path, record("toy", "vae", 0, **new_values(0) | change))
    (warning,) = collect(tmp_path).warnings
    assert f"is broken ({next(iter(change))} is" in warning


@pytest.mark.parametrize("stored", ["table", "run folder"])
def test_what_was_stored_before_a_column_came_is_read_with_it_empty(
    stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "s", record("toy", "vae", 0))
    if stored == "table":
        report("s", tmp_path)
        shutil.rmtree(tmp_path / "s" / "runs")
    for name, column in NEW.items():
        monkeypatch.setitem(COLUMNS, name, column)
    report("s", tmp_path)
    (run,) = load(tmp_path / "s").runs
    assert [run[name] for name in NEW] == [None] * len(NEW)
    assert run["nll_nats"] is not None


def test_every_averaged_column_stands_in_a_part_once_and_every_error_is_a_column() -> None:
    parts = [column.averaged for column in COLUMNS.values() if column.averaged]
    assert set(parts) == set(PARTS)
    assert len(averaged()) == len(set(averaged())) == len(parts)
    assert all(COLUMNS[name].kind == "number" for name in averaged())
    assert all(column.error in COLUMNS for column in COLUMNS.values() if column.error)
