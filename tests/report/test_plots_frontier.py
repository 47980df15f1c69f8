"""The plot over the rungs of a ladder, of runs whose costs and likelihoods are known."""

from matplotlib.figure import Figure

from bench.record.steps import StepTime
from bench.report.frontier import curves_of, lacks_seconds
from bench.report.plot import Plot
from bench.report.plots_frontier import above, as_log, axis_of
from bench.report.study import Run, Study
from bench.report.summary import summarise
from tests.report.ladder_runs import RUNS, TIMES, cells_of, floor, rung, timed
from tests.report.synthetic import drawn


def frontier(runs: list[Run], times: dict[str, StepTime]) -> Plot:
    plots = drawn(Study("made", runs, {}, {}, {}, steps=times), summarise(runs))
    (plot,) = [plot for plot in plots if plot.name == "frontier-toy"]
    return plot


def test_without_step_times_the_plot_says_how_to_get_them() -> None:
    plot = frontier(RUNS, {})
    assert "`bench retime made`" in plot.caption
    assert lacks_seconds([plot])
    assert "On the front by seconds" not in plot.alt
    assert "On the front by FLOP: realnvp 3 nats at 2e+11; cnf 2 nats at 8e+11." in plot.alt
    whole = frontier(RUNS, TIMES)
    assert not lacks_seconds([whole])
    assert "measured alone on a processor, 1 thread" in whole.caption
    assert "On the front by seconds: vae 5 nats at 0.2; realnvp 3 nats at 0.8" in whole.alt
    assert len(whole.png) > len(plot.png)


def test_bounds_floors_and_settings_are_told_apart() -> None:
    tuned = [rung("realnvp", share, 2.2 - share / 10, setting="tuned") for share in (0.25, 1.0)]
    default = [{**run, "setting": "default"} for run in RUNS]
    times = TIMES | timed(tuned, {"realnvp": 4.0})
    plot = frontier([*default, *tuned, floor("gmm", 2.8), floor("gaussian", 900.0)], times)
    assert "upper bound" in plot.caption
    assert "Hollow: the same entry as it comes; filled: tuned." in plot.caption
    assert "Dotted: entries that are fitted" in plot.caption
    assert "Above the axis: gaussian 900" in plot.caption
    assert "gaussian ↑ 900" in plot.files["svg"].decode()
    curves = curves_of(cells_of([*default, *tuned]))
    assert [(curve.name, curve.hollow) for curve in curves] == [
        ("vae (≤)", False),
        ("realnvp", True),
        ("cnf", False),
        ("realnvp", False),
    ]


def test_steps_timed_beside_others_are_marked() -> None:
    shared = {run: time._replace(shared_machine=True) for run, time in TIMES.items()}
    assert "Others used the machine while steps were timed" in frontier(RUNS, shared).caption
    assert "Others used the machine" not in frontier(RUNS, TIMES).caption


def test_a_small_budget_that_is_far_off_does_not_flatten_the_rest() -> None:
    runs = [rung("vae", 0.0625, 500.0), *RUNS]
    curves = curves_of(cells_of(runs))
    axis = axis_of(curves, [])
    assert axis.low < 2.0
    assert 5.0 < axis.high < 10
    assert [above(curve, axis) for curve in curves] == [True, False, False]
    assert "Parts of curves lie above the axis: arrows." in frontier(runs, {}).caption


def test_where_the_truth_is_known_the_axis_is_the_distance_to_it() -> None:
    runs = [rung("cnf", share, 2.5 + kl, kl_to_truth=kl) for share, kl in ((0.25, 0.1), (1.0, 0.001))]
    axis = axis_of(curves_of(cells_of(runs)), [])
    assert axis.logarithmic
    assert axis.low < 0.001 < 0.1 < axis.high
    plot = frontier(runs, {})
    assert "cnf 0.1000 nats at 2e+11; cnf 0.001000 nats at 8e+11" in plot.alt
    assert "no divergence is below 0" in plot.caption
    below = [*runs, rung("vae", 1.0, 2.4, kl_to_truth=-0.1)]
    assert not axis_of(curves_of(cells_of(below)), []).logarithmic


def test_a_study_without_a_ladder_has_no_such_plot() -> None:
    runs = [rung("vae", 1.0, 4.0), rung("cnf", 1.0, 2.0)]
    names = {plot.name for plot in drawn(Study("made", runs, {}, {}, {}), summarise(runs))}
    assert not any(name.startswith("frontier") for name in names)
    assert "pareto-toy" in names


def test_a_few_budgets_are_the_ticks_of_their_axis() -> None:
    """Two rungs of 96 and 192 steps have no power of ten between them but one."""
    figure = Figure()
    axes = figure.subplots()
    as_log(axes, [96, 192, 96, 192])
    axes.set_xlim(90, 200)
    figure.canvas.draw()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["96", "192"]
