"""Rows made again: equal where nothing changed, in disagreement where a number was."""

import csv
from pathlib import Path

import pytest

from bench.cells.verify import close, numbers, same
from bench.record.store import table_rows
from tests.helpers import TINY

pytestmark = pytest.mark.long


def test_a_row_made_again_is_equal_and_a_changed_one_differs(own_conf, bench_call, tmp_path) -> None:
    words = ["run", "-m", "--config-dir", str(own_conf), *TINY, "model=affine", "seed=0,1"]
    assert bench_call(*words).code == 0
    assert bench_call("report", "scratch").code == 0
    answer = bench_call("verify", "scratch", "--rows", "9")
    assert answer.code == 0, answer.out + answer.err
    assert "2 rows made again: 2 equal" in answer.out
    table = tmp_path / "results/scratch/table.csv"
    change(table, 0.5)
    answer = bench_call("verify", "scratch")
    assert "2 rows made again: 2 agrees" in answer.out, answer.out
    change_one(table, "parameters", 1.0)
    answer = bench_call("verify", "scratch")
    assert "2 rows made again: 2 differs" in answer.out, answer.out
    assert "; parameters " in answer.out
    change_one(table, "parameters", -1.0)
    change_one(table, "mmd2", 1.0)
    answer = bench_call("verify", "scratch")
    assert "2 rows made again: 2 agrees" in answer.out, answer.out
    assert "; mmd2 " in answer.out
    change_one(table, "kl_to_truth", 1.0)
    answer = bench_call("verify", "scratch")
    assert "2 rows made again: 2 differs" in answer.out, answer.out
    change_one(table, "kl_to_truth", -1.0)
    change_one(table, "mmd2", -1.0)
    change(table, 2.0)
    answer = bench_call("verify", "scratch", "--rows", "1")
    assert answer.code == 1
    assert "1 rows made again: 1 differs" in answer.out


def change(table: Path, errors: float) -> None:
    """Moves each NLL by so many of its standard errors."""
    rows = table_rows(table.parent)
    for row in rows:
        row["nll_nats"] = str(float(row["nll_nats"]) + errors * float(row["nll_standard_error"]))
    write(table, rows)


def change_one(table: Path, column: str, step: float) -> None:
    """Moves each number of a column."""
    rows = table_rows(table.parent)
    for row in rows:
        row[column] = f"{float(row[column]) + step:g}"
    write(table, rows)


def write(table: Path, rows: list[dict[str, str]]) -> None:
    with open(table, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_a_study_without_rows_is_a_mistake(bench_call) -> None:
    answer = bench_call("verify", "nothing")
    assert answer.code == 2
    assert "has no row that ended ok" in answer.err


def test_what_is_compared_is_results_alone() -> None:
    assert {"nll_nats", "mmd2", "parameters", "status"} <= set(numbers())
    assert {"train_seconds", "started", "threads", "git_commit"}.isdisjoint(numbers())


def test_cells_of_a_table_are_compared_by_value() -> None:
    assert same("", None)
    assert same("1.50", 1.5)
    assert same("3", 3.0)
    assert same("True", True)
    assert not same("", 0.0)
    assert not same("many", 1.5)
    assert not same("1.5", 1.5000001)


def test_only_numbers_with_a_fraction_are_near_each_other() -> None:
    assert close("1.51", 1.5)
    assert close("0.0012", 0.0011)
    assert not close("0.123", 1.599)
    assert not close("7", 5)
    assert not close("many", 1.5)
    assert not close("exact", "iwae-10")
