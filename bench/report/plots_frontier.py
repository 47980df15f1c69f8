"""The plot of test likelihood against cost over the rungs of a ladder: seconds, FLOPs and steps, the front marked."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.record.steps import StepTime
from bench.record.store import divided
from bench.report.frontier import (
    COSTS,
    Cost,
    Curve,
    broken,
    curves_of,
    front,
    has_gap,
    points,
    rungs_of,
)
from bench.report.inert import plot_label, slug
from bench.report.marks import DAGGER, SECTION
from bench.report.model_summary import ORACLE, ModelSummary
from bench.report.notes import NOTES
from bench.report.numbers import plain
from bench.report.plots_likelihood import FAR, ORACLE_LINE
from bench.report.study import Study
from bench.report.style import WIDTH, Plot, Style, figure, legend, legend_height, log_axis, png
from bench.report.tables import share

PANEL = 2.05
"""Inches that one axis of cost is high."""
BETWEEN = 0.62
BELOW = 0.5
FLOOR_LINE: dict[str, Any] = {"color": "#777777", "linestyle": (0, (1, 1.5)), "linewidth": 1.1, "zorder": 1}
RING: dict[str, Any] = {"marker": "o", "ms": 13, "mfc": "none", "mec": "black", "mew": 1.1, "ls": "", "zorder": 4}
NO_SECONDS = "Seconds are left out"
HOLLOW = "hollow: as it comes"
HEADROOM = 2.0
"""How far beyond the worst of the curves' best points the axis may reach, as a share of their range and the floors'."""


def frontiers(study: Study, cells: list[ModelSummary], look: dict[str, Style]) -> Plot | None:
    """Test NLL of each entry over its budgets, against each cost that is known; None for a study without a ladder.

    Args:
        study: of which the step times are taken.
        cells: of one data set, at all budgets and settings.
        look: style of each model.
    """
    measured = [cell for cell in cells if not cell.oracle and "nll_nats" in cell.intervals]
    floors = {cell.model: cell for cell in measured if cell.is_floor}
    curves = curves_of([cell for cell in measured if not cell.is_floor])
    if not any(len(curve.cells) > 1 for curve in curves):
        return None
    costs = [cost for cost in COSTS if all(points(curve, cost, study.steps) for curve in curves)]
    oracle = [cell for cell in cells if cell.oracle]
    low, high, left_out = shown_range(curves, [*floors.values()], oracle)
    names = [curve.name for curve in curves if not curve.hollow]
    names += [HOLLOW] * any(curve.hollow for curve in curves) + [ORACLE] * bool(oracle)
    fig, panels = stacked(names, len(costs))
    fronts = []
    for axes, cost in zip(panels, costs, strict=True):
        for curve in curves:
            at = points(curve, cost, study.steps)
            draw_curve(axes, curve, at, rungs_of(curves), look[curve.model], high)
        if HOLLOW in names:
            axes.plot([], [], "o", color="#555555", mfc="white", ms=6.5, label=HOLLOW)
        fronts.append(front(curves, cost, study.steps))
        axes.step(*zip(*fronts[-1], strict=True), where="post", color="#999999", lw=1, zorder=0)
        axes.plot(*zip(*fronts[-1], strict=True), **RING)
        draw_levels(axes, [floor for floor in floors.values() if floor not in left_out], oracle)
        as_log(axes, [x for curve in curves for x, _ in points(curve, cost, study.steps)])
        axes.set(xlabel=cost.label, ylabel="test NLL, nats", ylim=(low, high))
    legend(panels[0])
    data = cells[0].data
    return Plot(
        f"frontier-{slug(data)}",
        data,
        "Test NLL against what training costs",
        f"Test NLL on {data} at {budgets(curves)} of the budget, against {words_of(costs)}. "
        + " ".join(front_words(curves, cost, study.steps) for cost in costs),
        caption(study, curves, floors, left_out, costs, cut=any(above(curve, high) for curve in curves)),
        png(fig),
    )


def shown_range(
    curves: Sequence[Curve], floors: Sequence[ModelSummary], oracle: Sequence[ModelSummary]
) -> tuple[float, float, list[ModelSummary]]:
    """Ends of the axis of NLL, and the floors that lie too far above it.

    It holds each curve's best point and the floors; of what a small budget leaves far behind, some way beyond them.
    """

    def mean(cell: ModelSummary) -> float:
        return cell.intervals["nll_nats"].mean

    best = [min(map(mean, curve.cells)) for curve in curves]
    worst = max(mean(cell) for curve in curves for cell in curve.cells)
    span = max(best) - min(best) or worst - min(best) or 1.0
    far = [floor for floor in floors if mean(floor) > max(best) + FAR * span]
    near = [*best, *(mean(cell) for cell in (*floors, *oracle) if cell not in far)]
    reach = max(near) + HEADROOM * (max(near) - min(near) or span)
    high, low = min(reach, max(worst, *near)), min(near)
    return low - 0.07 * (high - low), high + 0.07 * (high - low), far


def above(curve: Curve, high: float) -> bool:
    """True where a point of the curve lies above the axis."""
    return any(cell.intervals["nll_nats"].mean > high for cell in curve.cells)


def stacked(names: list[str], panels: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels one under the other, and room above for a legend of `names`."""
    top, left, right = 0.12 + legend_height(names), 0.8, 0.25
    total = top + panels * PANEL + (panels - 1) * BETWEEN + BELOW
    fig = figure(height=total)
    width = (WIDTH - left - right) / WIDTH
    bottoms = [BELOW + place * (PANEL + BETWEEN) for place in reversed(range(panels))]
    return fig, [fig.add_axes((left / WIDTH, bottom / total, width, PANEL / total)) for bottom in bottoms]


def draw_curve(
    axes: Axes, curve: Curve, at: list[tuple[float, float]], rungs: Sequence[float], style: Style, high: float
) -> None:
    """A curve with the interval of each point, broken at a rung that it lacks; a point above the axis has none."""
    halves = [cell.intervals["nll_nats"].half_width or 0.0 for cell in curve.cells]
    inside = [(x, y, half) for (x, y), half in zip(at, halves, strict=True) if y <= high]
    x, y, bars = zip(*inside, strict=True)
    filling: Any = {"mfc": "white", "alpha": 0.6} if curve.hollow else {"label": plot_label(curve.name)}
    line: Any = {"color": style.colour, "zorder": 3}
    axes.errorbar(x, y, bars, ls="", elinewidth=1.0, capsize=2.5, alpha=0.5, **line)
    axes.plot(
        *zip(*broken(curve, at, rungs), strict=True),
        marker=style.marker,
        ls=style.line,
        ms=6.5,
        lw=1.4,
        **line,
        **filling,
    )


def draw_levels(axes: Axes, floors: Sequence[ModelSummary], oracle: Sequence[ModelSummary]) -> None:
    """The floors as named lines across, and the oracle."""
    for floor in floors:
        level = floor.intervals["nll_nats"].mean
        axes.axhline(level, **FLOOR_LINE)
        axes.annotate(
            plot_label(floor.model), (0, level), (3, 0), ("axes fraction", "data"), "offset points", va="center",
            fontsize=8.5, color="#555555", bbox={"fc": "white", "ec": "none", "pad": 1.0}, zorder=2,
        )  # fmt: skip
    for cell in oracle:
        axes.axhline(cell.intervals["nll_nats"].mean, label=ORACLE, zorder=1, **ORACLE_LINE)


def as_log(axes: Axes, values: list[float]) -> None:
    """Makes the axis of cost logarithmic, however near the values are."""
    if not log_axis(axes, "x", values):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def budgets(curves: Sequence[Curve]) -> str:
    """The budgets in words, such as `1/16, 1/4 and 1`."""
    return words_of(rungs_of(curves))


def words_of(parts: Sequence[Any]) -> str:
    """Costs or shares in a sentence."""
    words = [part.name if isinstance(part, Cost) else share(part) for part in parts]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def front_words(curves: Sequence[Curve], cost: Cost, steps: Mapping[str, StepTime]) -> str:
    """The front in words, by rising cost."""
    on_front = front(curves, cost, steps)
    named = {
        point: f"{curve.model} {plain(point[1])} nats at {point[0]:.3g}"
        for curve in curves
        for point in points(curve, cost, steps)
    }
    return f"On the front by {cost.name}: {'; '.join(named[point] for point in on_front)}."


def caption(
    study: Study,
    curves: Sequence[Curve],
    floors: Mapping[str, ModelSummary],
    left_out: Sequence[ModelSummary],
    costs: Sequence[Cost],
    *,
    cut: bool,
) -> str:
    """How to read the plot: what a curve, a ring, a bar and a line are, and where the seconds come from."""
    timed = [study.steps[run] for c in curves for cell in c.cells for run in ids_of(cell) if run in study.steps]
    where = "; ".join(sorted({f"{one.device}, {one.threads} thread{'s' * (one.threads > 1)}" for one in timed}))
    seconds = (
        f"Seconds are a run's steps times the time of one step of its entry, measured alone on {where}; of ODE flows "
        "in proportion to their field evaluations."
        if any(cost.name == "seconds" for cost in costs)
        else f"{NO_SECONDS}: `bench retime {study.name}` measures the steps that they are made of."
    )
    far = ", ".join(f"{cell.model} {plain(cell.intervals['nll_nats'].mean)}" for cell in left_out)
    sentences = [
        f"A curve is one entry at {budgets(curves)} of the budget, each a run with a schedule of its own; down and "
        "left is better. Rings and the grey line mark the points that no other beats in both mean cost and mean NLL. "
        "Bars are 95 % intervals of the mean over seeds and test examples.",
        "A curve breaks where a budget has no run that ended well." if has_gap(curves) else "",
        "Hollow: the same entry as it comes; filled: tuned." if any(curve.hollow for curve in curves) else "",
        "Dotted: entries that are fitted, at no budget." if len(floors) > len(left_out) else "",
        f"Above the axis: {far}." if far else "",
        "Parts of curves lie above the axis." if cut else "",
        f"{NOTES['bound']} It may lie on the front."
        if any(c.is_bound for curve in curves for c in curve.cells)
        else "",
        NOTES["loose"] if any(SECTION in curve.name for curve in curves) else "",
        seconds,
        f"{DAGGER} Others used the machine while steps were timed." if any(one.shared_machine for one in timed) else "",
        "FLOPs count matrix products and convolutions, forward and backward.",
    ]
    return " ".join(filter(None, sentences))


def lacks_seconds(plots: Sequence[Plot]) -> bool:
    """True where a plot of these has no seconds, for want of step times."""
    return any(NO_SECONDS in plot.caption for plot in plots if plot.name.startswith("frontier-"))


def ids_of(cell: ModelSummary) -> list[str]:
    """Ids of a cell's finished runs."""
    return [divided(run["run_id"])[0] for run in cell.finished]
