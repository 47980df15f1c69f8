"""A study made anew beside what is committed."""

import csv
import shutil

import pytest

from bench.errors import BenchError
from bench.report.beside import Pair, beside
from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary
from tests.helpers import ROOT
from tests.report.committed import nll_of

COMMITTED = ROOT / "results" / "quick"
CELL = ModelSummary("digits", "vae", [], {})


@pytest.mark.parametrize(
    ("obtained", "committed", "verdict"),
    [
        ((1.0, 0.1), (1.0, 0.1), "equal"),
        ((1.0, 0.1), (1.15, 0.1), "meet"),
        ((1.0, 0.1), (1.25, 0.1), "apart"),
        ((1.0, None), (1.25, 0.1), "no interval"),
        (None, (1.0, 0.1), "not made"),
        ((1.0, 0.1), None, "not committed"),
    ],
)
def test_intervals_meet_or_do_not(obtained, committed, verdict: str) -> None:
    one, other = (None if numbers is None else Interval(*numbers, 3) for numbers in (obtained, committed))
    assert Pair(CELL, one, other, (False, False)).verdict == verdict


def test_the_same_study_is_equal_and_a_changed_row_is_not(tmp_path) -> None:
    same = beside(COMMITTED, COMMITTED, None)
    assert same[-1] == "18 of 18 are equal or have intervals that meet."
    assert any(nll_of("quick", "digits", "realnvp") in line and line.endswith("equal") for line in same)
    anew = tmp_path / "quick"
    shutil.copytree(COMMITTED, anew, ignore=shutil.ignore_patterns("best", "plots", "products.npz", "pictures.npz"))
    rows = list(csv.DictReader((anew / "table.csv").open()))
    for row in rows:
        if (row["data"], row["model"]) == ("checkerboard", "realnvp"):
            row["nll_nats"] = str(float(row["nll_nats"]) + 2)
    kept = [row for row in rows if row["model"] != "vae"]
    with (anew / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(kept)
    changed = beside(anew, COMMITTED, None)
    assert changed[-1] == "14 of 15 are equal or have intervals that meet; 3 are on one side alone."
    of_checkerboard = changed[changed.index("checkerboard") :]
    assert next(line for line in of_checkerboard if line.startswith("realnvp")).endswith("apart")
    assert sum(line.endswith("not made") for line in changed) == 3


@pytest.mark.parametrize("width", [20, 50, 80])
def test_it_is_as_narrow_as_the_terminal(width: int, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = beside(COMMITTED, COMMITTED, width)[1:-1]
    assert sum(line.endswith("equal") for line in lines) == 18
    assert all(len(line.replace("\x1b[2m", "").replace("\x1b[0m", "")) <= width for line in lines)


def test_no_table_is_said(tmp_path) -> None:
    with pytest.raises(BenchError, match=r"has no table\.csv"):
        beside(tmp_path, COMMITTED, None)
