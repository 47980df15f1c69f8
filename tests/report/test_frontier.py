import math

import pytest

from bench.report.frontier import COSTS, Curve, broken, curves_of, front, frontier, points
from bench.report.model_summary import ModelSummary, comparable
from tests.report.ladder_runs import RUNS, TIMES, cells_of, rung

SECONDS, _, STEPS = COSTS


def test_seconds_are_steps_times_the_step_alone_in_proportion_to_field_evaluations() -> None:
    curves = {curve.model: curve for curve in curves_of(cells_of(RUNS))}
    assert points(curves["vae"], SECONDS, TIMES) == [(0.2, 5.0), (0.8, 4.0)]
    assert points(curves["realnvp"], SECONDS, TIMES) == [(0.8, 3.0), (3.2, 2.5)]
    assert points(curves["cnf"], SECONDS, TIMES) == [pytest.approx((3.0, 3.5)), pytest.approx((16.0, 2.0))]
    assert points(curves["cnf"], STEPS, {}) == [(200, 3.5), (800, 2.0)]
    assert points(curves["vae"], SECONDS, {}) == []


def test_the_front_of_constructed_points() -> None:
    curves = curves_of(cells_of(RUNS))
    assert front(curves, SECONDS, TIMES) == [(0.2, 5.0), (0.8, 3.0), (3.2, 2.5), pytest.approx((16.0, 2.0))]
    assert front(curves, STEPS, TIMES) == [(200, 3.0), (800, 2.0)]


def test_points_on_other_test_examples_are_on_no_front() -> None:
    runs = [rung("vae", 0.25, 0.1, nll_examples=10), rung("vae", 1.0, 0.2, nll_examples=10), *RUNS[2:]]
    curves = curves_of(cells_of(runs))
    assert len(comparable([cell for curve in curves for cell in curve.cells])) == 4
    assert front(curves, STEPS, TIMES) == [(200, 3.0), (800, 2.0)]


def test_a_point_is_the_mean_over_seeds() -> None:
    runs = [rung("realnvp", share, 3.0 - share + seed, seed) for share in (0.25, 1.0) for seed in (0, 1)]
    (curve,) = curves_of(cells_of(runs))
    assert points(curve, STEPS, {}) == [(200, 3.25), (800, 2.5)]


def test_a_curve_breaks_at_a_budget_without_a_run() -> None:
    rungs = [1 / 16, 1 / 4, 1.0]
    cells = [ModelSummary("toy", "cnf", [], {}, rung=rung) for rung in rungs]
    at = [(1.0, 3.0), (4.0, 2.0), (16.0, 1.0)]
    assert broken(Curve("cnf", cells, hollow=False), at, rungs) == at
    first, gap, last = broken(Curve("cnf", cells[::2], hollow=False), at[::2], rungs)
    assert (first, last) == (at[0], at[2])
    assert all(map(math.isnan, gap))


def test_the_frontier_keeps_what_no_other_beats_in_both() -> None:
    assert frontier([(3.0, 1.0), (1.0, 2.0), (2.0, 2.5), (1.0, 2.2), (4.0, 1.0)]) == [(1.0, 2.0), (3.0, 1.0)]
