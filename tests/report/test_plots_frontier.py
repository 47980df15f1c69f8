"""The plot over the rungs of a ladder, of runs whose costs and likelihoods are known."""

import math
from typing import Any

import pytest

from bench.record.steps import StepTime
from bench.report.model_summary import ModelSummary
from bench.report.plots import draw
from bench.report.plots_frontier import (
    COSTS,
    Curve,
    above,
    broken,
    comparable,
    curves_of,
    front,
    lacks_seconds,
    points,
    shown_range,
)
from bench.report.study import Run, Study, validated
from bench.report.style import Plot
from bench.report.summary import summarise
from tests.report.synthetic import record

SECONDS, FLOPS, STEPS = COSTS


def rung(model: str, share: float, nll: float, seed: int = 0, **changes: Any) -> Run:
    """A run of so many steps at 1 GFLOP each, its NLL given."""
    steps = round(800 * share)
    given = {"rung": share, "nll_nats": nll, "steps": steps, "train_flops": 1e9 * steps, "oracle_nll_nats": None}
    name = f"toy-{model}-s{seed}-{share}-{changes.get('setting', '')}"
    return validated(record("toy", model, seed, **{**given, "run_id": name, **changes}))


def floor(model: str, nll: float) -> Run:
    return rung(model, 1.0, nll, matched_to=None, steps=None, train_flops=None, train_nfe=None)


def timed(runs: list[Run], milliseconds: dict[str, float], evaluations: float | None = None) -> dict[str, StepTime]:
    return {
        run["run_id"]: StepTime(
            run["run_id"], "toy", run["model"], 8, milliseconds[run["model"]], 1.0, 9.0,
            evaluations if run["model"] == "cnf" else None, 300, "a processor", 1, False, "now", None,
        )
        for run in runs
        if run["steps"]
    }  # fmt: skip


RUNS = [
    rung("vae", 0.25, 5.0), rung("vae", 1.0, 4.0),
    rung("realnvp", 0.25, 3.0), rung("realnvp", 1.0, 2.5),
    rung("cnf", 0.25, 3.5, train_nfe=30.0), rung("cnf", 1.0, 2.0, train_nfe=40.0),
]  # fmt: skip
TIMES = timed(RUNS, {"vae": 1.0, "realnvp": 4.0, "cnf": 10.0}, evaluations=20.0)


def drawn(runs: list[Run], times: dict[str, StepTime]) -> Plot:
    plots = draw(Study("made", runs, {}, {}, {}, steps=times), summarise(runs))
    (plot,) = [plot for plot in plots if plot.name == "frontier-toy"]
    return plot


def cells_of(runs: list[Run]) -> list[ModelSummary]:
    return [cell for cell in summarise(runs) if not cell.oracle]


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
    assert len(comparable(curves)) == 4
    assert front(curves, STEPS, TIMES) == [(200, 3.0), (800, 2.0)]


def test_a_point_is_the_mean_over_seeds() -> None:
    runs = [rung("realnvp", share, 3.0 - share + seed, seed) for share in (0.25, 1.0) for seed in (0, 1)]
    (curve,) = curves_of(cells_of(runs))
    assert points(curve, STEPS, {}) == [(200, 3.25), (800, 2.5)]


def test_without_step_times_the_plot_says_how_to_get_them() -> None:
    plot = drawn(RUNS, {})
    assert "`bench retime made`" in plot.caption
    assert lacks_seconds([plot])
    assert "On the front by seconds" not in plot.alt
    assert "On the front by FLOP: realnvp 3 nats at 2e+11; cnf 2 nats at 8e+11." in plot.alt
    whole = drawn(RUNS, TIMES)
    assert not lacks_seconds([whole])
    assert "measured alone on a processor, 1 thread" in whole.caption
    assert "On the front by seconds: vae 5 nats at 0.2; realnvp 3 nats at 0.8" in whole.alt
    assert len(whole.png) > len(plot.png)


def test_bounds_floors_and_settings_are_told_apart() -> None:
    tuned = [rung("realnvp", share, 2.2 - share / 10, setting="tuned") for share in (0.25, 1.0)]
    default = [{**run, "setting": "default"} for run in RUNS]
    times = TIMES | timed(tuned, {"realnvp": 4.0})
    plot = drawn([*default, *tuned, floor("gmm", 2.8), floor("gaussian", 900.0)], times)
    assert "upper bound" in plot.caption
    assert "Hollow: the same entry as it comes; filled: tuned." in plot.caption
    assert "Dotted: entries that are fitted" in plot.caption
    assert "Above the axis: gaussian 900" in plot.caption
    curves = curves_of(cells_of([*default, *tuned]))
    assert [(curve.name, curve.hollow) for curve in curves] == [
        ("vae (≤)", False),
        ("realnvp", True),
        ("cnf", False),
        ("realnvp", False),
    ]


def test_steps_timed_beside_others_are_marked() -> None:
    shared = {run: time._replace(shared_machine=True) for run, time in TIMES.items()}
    assert "Others used the machine while steps were timed" in drawn(RUNS, shared).caption
    assert "Others used the machine" not in drawn(RUNS, TIMES).caption


def test_a_small_budget_that_is_far_off_does_not_flatten_the_rest() -> None:
    runs = [rung("vae", 0.0625, 500.0), *RUNS]
    curves = curves_of(cells_of(runs))
    low, high, far = shown_range(curves, [], [])
    assert low < 2.0
    assert 5.0 < high < 10
    assert far == []
    assert [above(curve, high) for curve in curves] == [True, False, False]
    assert "Parts of curves lie above the axis." in drawn(runs, {}).caption


def test_a_study_without_a_ladder_has_no_such_plot() -> None:
    runs = [rung("vae", 1.0, 4.0), rung("cnf", 1.0, 2.0)]
    names = {plot.name for plot in draw(Study("made", runs, {}, {}, {}), summarise(runs))}
    assert not any(name.startswith("frontier") for name in names)
    assert "pareto-toy" in names


def test_a_curve_breaks_at_a_budget_without_a_run() -> None:
    rungs = [1 / 16, 1 / 4, 1.0]
    cells = [ModelSummary("toy", "cnf", [], {}, rung=rung) for rung in rungs]
    at = [(1.0, 3.0), (4.0, 2.0), (16.0, 1.0)]
    assert broken(Curve("cnf", cells, hollow=False), at, rungs) == at
    first, gap, last = broken(Curve("cnf", cells[::2], hollow=False), at[::2], rungs)
    assert (first, last) == (at[0], at[2])
    assert all(map(math.isnan, gap))
