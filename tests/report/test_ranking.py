"""Contests: who is compared with whom, and who is best of each."""

import csv
import io

import numpy as np
import pytest

from bench.report.model_summary import ModelSummary
from bench.report.products import TRUTH, TestSet
from bench.report.ranking import contests, differences, differences_csv
from bench.report.study import Run, validated
from bench.report.summary import summarise
from tests.report.synthetic import record

EXAMPLES = 400


def runs_of(model: str, level: float, seeds: int = 3, **changes: object) -> dict[str, tuple[Run, np.ndarray]]:
    """row -> run and its log-likelihoods: examples differ by 2 nats alike for all, seeds by 0.01, runs by 0.1."""
    easy = 2 * np.random.default_rng(0).standard_normal(EXAMPLES)
    made = {}
    for seed in range(seeds):
        rng = np.random.default_rng([seed, *model.encode(), *str(changes).encode()])
        values = -level + easy + 0.01 * rng.standard_normal() + 0.1 * rng.standard_normal(EXAMPLES)
        run = record("toy", model, seed, nll_nats=-float(values.mean()), nll_examples=EXAMPLES, test_hash="0123abcd")
        run |= {"nll_standard_error": float(values.std(ddof=1) / EXAMPLES**0.5), "nll_is_bound": False}
        run |= {"run_id": f"toy-{model}-s{seed}-{len(str(changes)):08x}", **changes}
        made[run["run_id"]] = validated(run), values
    return made


def summarised(*groups: dict[str, tuple[Run, np.ndarray]], kept: bool = True) -> tuple[list[ModelSummary], dict]:
    """The cells of some runs, with their products where those are `kept`."""
    rows = {row: pair for group in groups for row, pair in group.items()}
    truth = {TRUTH: -2.5 + 2 * np.random.default_rng(0).standard_normal(EXAMPLES)}
    products = TestSet.of({row: values for row, (_, values) in rows.items()} | truth)
    test_sets = {"0123abcd": products} if kept else {}
    return summarise([run for run, _ in rows.values()], test_sets), test_sets


def best_of(cells: list[ModelSummary]) -> list[tuple[str, float | None, str]]:
    return [(cell.model, cell.rung, cell.setting) for cell in cells if cell.best]


def test_products_see_what_standard_errors_cannot() -> None:
    """Entries 0.2 nats apart on examples that differ by 2: their difference is nearly the same for each example."""
    groups = runs_of("cnf", 3.0), runs_of("realnvp", 3.2)
    assert best_of(summarised(*groups)[0]) == [("cnf", None, "")]
    blind, _ = summarised(*groups, kept=False)
    assert best_of(blind) == []
    assert all(cell.estimated for cell in blind if not cell.oracle)


def test_the_interval_of_a_likelihood_holds_the_test_set() -> None:
    """Seeds are 0.01 apart, examples 2: the error of the mean is 2 / sqrt(400) = 0.1, that of the distance 0.005."""
    cells, _ = summarised(runs_of("cnf", 3.0))
    half_width = cells[0].intervals["nll_nats"].half_width
    assert half_width == pytest.approx(1.96 * 0.1, rel=0.15)
    to_truth = cells[0].intervals["kl_to_truth"]
    assert to_truth.half_width is not None
    assert to_truth.half_width < 0.05
    assert to_truth.mean == pytest.approx(0.5, abs=0.05)


def test_entries_meet_at_their_budget_and_setting_and_floors_everywhere() -> None:
    place = {"matched_to": "steps=1"}
    cells, test_sets = summarised(
        runs_of("cnf", 3.4, rung=0.25, setting="tuned", **place),
        runs_of("cnf", 3.0, rung=1.0, setting="tuned", **place),
        runs_of("cnf", 3.2, rung=1.0, setting="default", **place),
        runs_of("realnvp", 3.1, rung=1.0, setting="default=tuned", **place),
        runs_of("realnvp", 3.3, rung=0.25, setting="tuned", **place),
        runs_of("gmm", 3.6, rung=1.0, setting="default", matched_to=None),
    )
    entries = [cell for cell in cells if not cell.oracle]
    met = {(one.rung, one.setting): set(one.cells) for one in contests(entries)}
    everyone = {"cnf", "realnvp", "gmm"}
    assert met == {(0.25, "tuned"): everyone, (1.0, "tuned"): everyone}
    # realnvp would win as it comes: nobody is compared so where entries were tuned, but intervals hold the test set.
    (as_it_comes,) = [cell for cell in entries if cell.setting == "default" and cell.model == "cnf"]
    assert as_it_comes.intervals["nll_nats"].half_width == pytest.approx(1.96 * 0.1, rel=0.15)
    assert best_of(cells) == [("cnf", 1.0, "tuned"), ("realnvp", 0.25, "tuned")]
    rows = list(csv.DictReader(io.StringIO(differences_csv(differences(cells, test_sets)))))
    assert {(row["rung"], row["setting"], row["best"]) for row in rows} == {
        ("0.25", "tuned", "realnvp"),
        ("1.0", "tuned", "cnf"),
    }
    assert all(row["told_apart"] == "True" for row in rows)


def test_a_floor_that_is_first_leaves_nobody_bold() -> None:
    place = {"matched_to": "steps=1", "rung": 1.0, "setting": "default"}
    cells, _ = summarised(runs_of("cnf", 3.0, **place), runs_of("realnvp", 3.5, **place))
    assert best_of(cells) == [("cnf", 1.0, "default")]
    floor = runs_of("gmm", 2.99, rung=1.0, setting="default", matched_to=None)
    cells, _ = summarised(runs_of("cnf", 3.0, **place), runs_of("realnvp", 3.5, **place), floor)
    assert best_of(cells) == []


def test_an_entry_that_failed_at_one_budget_keeps_its_place_at_another() -> None:
    place = {"matched_to": "steps=1", "setting": "tuned"}
    failed = {
        row: ({**run, "status": "diverged"}, values)
        for row, (run, values) in runs_of("cnf", 9.0, rung=0.25, **place).items()
    }
    cells, _ = summarised(
        failed,
        runs_of("realnvp", 3.4, rung=0.25, **place),
        runs_of("cnf", 3.0, rung=1.0, **place),
        runs_of("realnvp", 3.2, rung=1.0, **place),
    )
    assert ("cnf", 1.0, "tuned") in best_of(cells)


def test_a_missing_seed_and_equal_values_have_no_wrong_interval() -> None:
    cells, _ = summarised(runs_of("cnf", 3.0), runs_of("realnvp", 3.5, seeds=1))
    assert best_of(cells) == []  # one run says nothing of another seed
    same = runs_of("gaussian", 3.5)
    first = next(iter(same.values()))
    alike = {row: ({**run, "nll_nats": first[0]["nll_nats"]}, first[1]) for row, (run, _) in same.items()}
    cells, _ = summarised(runs_of("cnf", 3.0), alike)
    (fixed,) = [cell for cell in cells if cell.model == "gaussian"]
    assert fixed.intervals["nll_nats"].half_width == pytest.approx(1.96 * 0.1, rel=0.15)
    assert best_of(cells) == [("cnf", None, "")]


def test_one_tuned_entry_beside_others_as_they_come_meets_them_as_it_comes() -> None:
    place = {"matched_to": "steps=1", "rung": 1.0}
    cells, _ = summarised(
        runs_of("mine", 2.0, setting="tuned", **place),
        runs_of("mine", 3.0, setting="default", **place),
        runs_of("cnf", 3.2, setting="default", **place),
    )
    met = {(one.rung, one.setting): set(one.cells) for one in contests([cell for cell in cells if not cell.oracle])}
    assert met == {(1.0, "default"): {"mine", "cnf"}}
    assert best_of(cells) == [("mine", 1.0, "default")]


def test_entries_alone_in_their_study_meet_tuned() -> None:
    place = {"matched_to": "steps=1", "rung": 1.0}
    cells, _ = summarised(
        runs_of("mine", 2.0, setting="tuned", **place),
        runs_of("mine", 3.0, setting="default", **place),
        runs_of("gmm", 3.5, rung=1.0, setting="default", matched_to=None),
    )
    assert best_of(cells) == [("mine", 1.0, "tuned")]


def test_a_study_that_is_to_be_tuned_ranks_nobody_as_they_come() -> None:
    place = {"matched_to": "steps=1", "rung": 1.0, "setting": "default", "untuned": True}
    floor = runs_of("gmm", 3.5, rung=1.0, setting="default", matched_to=None, untuned=True)
    cells, test_sets = summarised(runs_of("cnf", 3.0, **place), runs_of("realnvp", 3.5, **place), floor)
    assert best_of(cells) == []
    assert differences(cells, test_sets) == []
    assert all(cell.intervals["nll_nats"].half_width is not None for cell in cells if not cell.oracle)
    tuned = {**place, "setting": "tuned", "untuned": None}
    cells, test_sets = summarised(
        *(runs_of(name, level, **place) for name, level in (("cnf", 3.0), ("realnvp", 2.0))),
        *(runs_of(name, level, **tuned) for name, level in (("cnf", 2.9), ("realnvp", 3.1))),
    )
    assert best_of(cells) == [("cnf", 1.0, "tuned")]
