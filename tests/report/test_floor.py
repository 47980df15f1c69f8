"""Trained entries that are not shown to be better than the floor are marked, everywhere a likelihood stands."""

import csv
import io

import pytest

from bench.report.markup import markdown, tex
from bench.report.notes import NOTES, TRIANGLE, marked
from bench.report.ranked import mark_notes, ranked_tables
from bench.report.ranking import differences
from bench.report.study import validated
from bench.report.summary import summarise, summary_csv
from bench.report.tables import difference_table, study_tables
from tests.report.synthetic import record
from tests.report.test_ranking import runs_of, summarised

TRAINED = {"matched_to": "steps=1", "rung": 1.0, "setting": "default"}
FLOOR = {"matched_to": None, "rung": 1.0, "setting": "default"}


def above(cells) -> set[str]:
    return {cell.model for cell in cells if cell.above_floor}


def test_what_is_above_the_floor_or_not_told_apart_from_it_is_marked() -> None:
    """Runs of an entry differ by 0.1 nats an example on 400 examples: a difference of means has an error of 0.005."""
    cells, _ = summarised(
        runs_of("gaussian", 3.0, **FLOOR),
        runs_of("cnf", 2.5, **TRAINED),
        runs_of("realnvp", 3.5, **TRAINED),
        runs_of("maf", 3.0, **TRAINED),
    )
    assert above(cells) == {"realnvp", "maf"}


def test_of_two_floors_the_better_one_counts() -> None:
    cells, _ = summarised(
        runs_of("gaussian", 3.6, **FLOOR), runs_of("gmm", 3.0, **FLOOR), runs_of("cnf", 3.3, **TRAINED)
    )
    assert above(cells) == {"cnf"}


def test_without_errors_the_sign_of_the_difference_decides() -> None:
    plain = {"nll_standard_error": None, "nll_examples": 400, "test_hash": "0123abcd"}
    runs = [
        validated(
            record("toy", name, 0, nll_nats=nll, nll_is_bound=False, rung=1.0, setting="default", **plain)
            | {"matched_to": None if name == "gaussian" else "steps=1"}
        )
        for name, nll in (("gaussian", 3.0), ("cnf", 2.9), ("realnvp", 3.1))
    ]
    assert above(summarise(runs)) == {"realnvp"}


def test_a_bound_counts_as_it_stands() -> None:
    bound = {**TRAINED, "nll_is_bound": True, "nll_slack_nats": 5.0}
    cells, _ = summarised(runs_of("gaussian", 3.0, **FLOOR), runs_of("vae", 3.4, **bound))
    assert above(cells) == {"vae"}


def test_without_a_floor_and_on_other_examples_nothing_is_marked() -> None:
    assert above(summarised(runs_of("cnf", 3.0, **TRAINED))[0]) == set()
    other = runs_of("gaussian", 2.0, **FLOOR)
    for run, _ in other.values():
        run["test_hash"] = "ffff0000"
    cells, _ = summarised(other, runs_of("cnf", 3.0, **TRAINED))
    assert above(cells) == set()


def test_each_budget_meets_the_floor() -> None:
    cells, _ = summarised(
        runs_of("gaussian", 3.0, **FLOOR),
        runs_of("cnf", 3.5, **{**TRAINED, "rung": 0.25}),
        runs_of("cnf", 2.5, **TRAINED),
    )
    assert [(cell.rung, cell.above_floor) for cell in cells if cell.model == "cnf"] == [(0.25, True), (1.0, False)]


@pytest.fixture(scope="module")
def study():
    return summarised(
        runs_of("gaussian", 3.0, **FLOOR), runs_of("cnf", 2.5, **TRAINED), runs_of("realnvp", 3.5, **TRAINED)
    )


def test_the_mark_and_its_legend_stand_in_every_table_of_likelihoods(study) -> None:
    cells, test_sets = study
    likelihood, *_ = study_tables(cells)
    marks = {
        row[likelihood.headings.index("model")].text: TRIANGLE in " ".join(c.text for c in row)
        for row in likelihood.rows
    }
    assert marks == {"gaussian": False, "cnf": False, "realnvp": True, "oracle": False}
    behind = difference_table(differences(cells, test_sets))
    for table in (likelihood, behind):
        assert NOTES["above"] in table.notes
        assert TRIANGLE in markdown([table])
        assert r"$^\triangle$" in tex([table])
        assert TRIANGLE not in tex([table])
    lines, _ = ranked_tables(cells, differences(cells, test_sets), {cell.place for cell in cells}, None)
    assert [TRIANGLE in line for line in lines if "realnvp " in line] == [True]
    assert NOTES["above"] in mark_notes(cells)
    assert f"realnvp ({TRIANGLE})" in marked([cell for cell in cells if not cell.oracle])
    rows = [row for row in csv.DictReader(io.StringIO(summary_csv(cells))) if row["metric"] == "nll_nats"]
    above = {row["model"]: TRIANGLE in row["marks"] for row in rows}
    assert above == {"gaussian": False, "cnf": False, "realnvp": True, "oracle": False}


def test_no_legend_stands_without_a_mark() -> None:
    cells, test_sets = summarised(runs_of("gaussian", 3.0, **FLOOR), runs_of("cnf", 2.5, **TRAINED))
    assert NOTES["above"] not in study_tables(cells)[0].notes
    assert NOTES["above"] not in mark_notes(cells)
    assert NOTES["above"] not in difference_table(differences(cells, test_sets)).notes
