"""The table of columns, and that one line of it is enough for a new column to be stored, averaged and shown."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import run as run_module
from bench.evaluate import evaluate
from bench.record.columns import COLUMNS, PARTS, Column, averaged
from bench.record.store import TABLE
from bench.report.collect import collect
from bench.report.layouts import LAYOUTS, layouts
from bench.report.report import report
from bench.report.study import load, validated
from bench.report.summary import summarise
from bench.report.tables import study_tables
from bench.run import run
from bench.setup.compose import compose
from tests.helpers import TINY, Answer, cell_in
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
def test_a_new_column_goes_from_a_run_to_every_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench_call: Callable[..., Answer]
) -> None:
    """Two runs whose evaluation fills the new columns: table.csv, summary.csv, the tables, the page, the glossary."""

    def widened_evaluate(*words: Any, **options: Any) -> Any:
        numbers, arrays = evaluate(*words, **options)
        seed = words[4]
        return numbers | new_values(seed), arrays

    monkeypatch.setattr(run_module, "evaluate", widened_evaluate)
    for seed in (0, 1):
        config = compose([*TINY, "model=gaussian", f"seed={seed}"])
        made = run(cell_in(config, tmp_path), lambda history, share: None)
        assert made["status"] == "ok", made["error"]
    study = tmp_path / "scratch"
    answer = bench_call("report", "scratch", "--results-dir", tmp_path)
    assert (answer.code, answer.err) == (0, "")

    table = rows(study / TABLE)
    assert [[row[name] for name in NEW] for row in table] == [
        ["1.0", "0.5", "text 0", "True"],
        ["2.0", "0.5", "text 1", "False"],
    ]
    assert [run["new_flag"] for run in load(study).runs] == [True, False]
    assert [row["mean"] for row in rows(study / "summary.csv") if row["metric"] == "new_number"] == ["1.5"]
    likelihood = (study / "summary.md").read_text().partition("##")[2].partition("##")[0]
    assert "| new_number, nats |" in likelihood
    assert "| 1.5 ± 6.4 |" in likelihood
    page = (study / "report.html").read_text()
    assert "new_number, nats</button>" in page
    assert all(f"<code>{name}</code>" in page for name in NEW)
    listed = bench_call("list", "metrics").out
    assert all(f"{name} " in listed for name in NEW)


@pytest.mark.usefixtures("widened")
def test_the_interval_of_a_single_seed_is_that_over_test_examples(tmp_path: Path) -> None:
    write_run(tmp_path / "s", record("toy", "vae", 0, **new_values(0)))
    report("s", tmp_path)
    (row,) = [row for row in rows(tmp_path / "s" / "summary.csv") if row["metric"] == "new_number"]
    assert float(row["ci95"]) == pytest.approx(1.959964 * 0.5)


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


def test_every_part_of_the_summary_has_one_table_and_every_averaged_column_a_place() -> None:
    assert sorted(part for layout in LAYOUTS for part in layout.parts) == sorted(PARTS)
    shown = {name for layout in layouts() for metric in layout.metrics for name in (metric.column, metric.floor)}
    left_out = {name for layout in LAYOUTS for name in layout.left_out}
    assert not shown & left_out
    assert set(averaged()) <= shown | left_out


def test_a_new_column_puts_a_model_into_a_table_that_not_all_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COLUMNS, "code_norm", Column("", "mean norm of codes", averaged="latent"))
    monkeypatch.setitem(COLUMNS, "warm_up_seconds", Column("s", "before the first step", averaged="cost"))
    runs = [validated(record("toy", "vae", 0, code_norm=1.5, warm_up_seconds=2.5)), validated(record("toy", "cnf", 0))]
    tables = {table.name: table for table in study_tables(summarise(runs))}
    (latent,) = tables["latent"].rows
    assert (latent[1].text, tables["latent"].headings[-1], latent[-1].text) == ("vae", "code_norm", "1.500")
    assert tables["cost"].headings[-1] == "warm_up_seconds, s"
