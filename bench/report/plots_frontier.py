"""The plot of test likelihood against cost over the rungs of a ladder: seconds, FLOPs and steps, the front marked."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.markers import CARETUP
from matplotlib.ticker import FixedLocator, FuncFormatter

from bench.record.steps import StepTime
from bench.record.store import divided
from bench.report.frontier import (
    COSTS,
    NO_SECONDS,
    Cost,
    Curve,
    broken,
    curves_of,
    front,
    has_gap,
    points,
    rungs_of,
)
from bench.report.inert import slug
from bench.report.intervals import Interval
from bench.report.marks import DAGGER, SECTION
from bench.report.model_summary import ModelSummary
from bench.report.notes import NOTES
from bench.report.plots_labels import Label, beside_lines, beyond_axes, plane
from bench.report.plots_likelihood import KL, NLL, ORACLE_LINE
from bench.report.plots_numbers import plain
from bench.report.plots_palette import Look, Style
from bench.report.plots_range import edge_of, log_edge, positive_ends
from bench.report.study import Study
from bench.report.style import Drawing, log_axis, titled
from bench.report.tables import share

PANEL = 1.75
"""Inches that one axis of cost is high."""
FEW = 5
"""Distinct costs at most that are the ticks of their axis: the steps of a ladder."""
FLOOR_LINE: dict[str, Any] = {"color": "#777777", "linestyle": (0, (1, 1.5)), "linewidth": 1.0, "zorder": 1}
RING: dict[str, Any] = {"marker": "o", "ms": 8.5, "mfc": "none", "mec": "black", "mew": 0.8, "ls": "", "zorder": 4}
FLOOR_COLOUR = "#555555"
HOLLOW = "hollow: as it comes; filled: tuned"
HEADROOM = 1.0
"""How far beyond the worst of the curves' best points the axis may reach, as a share of their range."""
FAR = 2.0
"""Ranges of the curves' best points beyond which a floor is far: an arrow with its number stands for it."""
FAR_CURVE = 4.0
"""Spans of the nearer half of these beyond which a whole curve is far."""


class Axis(NamedTuple):
    """What is drawn upwards.

    Attributes:
        column: of the record.
        low, high: ends of the axis.
        logarithmic: whether it is: a distance to the truth.
    """

    column: str
    low: float
    high: float
    logarithmic: bool

    def ends(self, interval: Interval) -> tuple[float, float]:
        """Ends of an interval: of a distance, which cannot be negative, that of its logarithm."""
        half = interval.half_width or 0.0
        return positive_ends(interval) if self.logarithmic else (interval.mean - half, interval.mean + half)


def frontiers(study: Study, cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Test NLL of each entry over its budgets, against each cost that is known; None for a study without a ladder.

    Where the truth is known, the distance to it stands in place of the NLL, on a logarithmic axis.

    Args:
        study: of which the step times are taken.
        cells: of one data set, at all budgets and settings.
        look: style of each model.
    """
    measured = [cell for cell in cells if not cell.oracle and NLL in cell.intervals]
    floors = {cell.model: cell for cell in measured if cell.is_floor}
    curves = curves_of([cell for cell in measured if not cell.is_floor])
    if not any(len(curve.cells) > 1 for curve in curves):
        return None
    costs = [cost for cost in COSTS if all(points(curve, cost, study.steps) for curve in curves)]
    axis = axis_of(curves, [*floors.values()])
    oracle = [] if axis.logarithmic else [cell for cell in cells if cell.oracle]
    levels = [(curve.name, curve.cells[-1]) for curve in curves if not curve.hollow] + [*floors.items()]
    names = [beyond_axes(name, cell.intervals[axis.column].mean, axis.low, axis.high) for name, cell in levels]
    fig, panels = plane(names, PANEL, len(costs))
    for axes, cost in zip(panels, costs, strict=True):
        on_front = front(curves, cost, study.steps, axis.column)
        axes.step(*zip(*on_front, strict=True), where="post", color="#999999", lw=1, zorder=0)
        axes.plot(*zip(*on_front, strict=True), **RING)
        if axis.logarithmic:
            log_axis(axes, "y", [axis.low, axis.high], always=True)
        axes.set_ylim(axis.low, axis.high)
        as_log(axes, [x for curve in curves for x, _ in points(curve, cost, study.steps)])
        labels = []
        for curve in curves:
            at = points(curve, cost, study.steps, axis.column)
            draw_curve(axes, curve, at, rungs_of(curves), look[curve.model], axis)
            if not curve.hollow:
                labels.append(Label(curve.name, *at[-1], look[curve.model].colour))
        axes.set(
            xlabel=cost.label, ylabel=f"{'KL to truth' if axis.logarithmic else 'test NLL'}, nats (lower is better)"
        )
        beside_lines(axes, [*labels, *draw_levels(axes, [*floors.values()], oracle, axis)])
    if any(curve.hollow for curve in curves):
        panels[0].annotate(
            HOLLOW,
            (1, 1),
            (0, 1),
            "axes fraction",
            "offset points",
            ha="right",
            va="bottom",
            fontsize=6.5,
            color="#555555",
        )
    data = cells[0].data
    titled(fig, data, f"{'distance to the truth' if axis.logarithmic else 'test NLL'} against cost")
    left_out = [cell for cell in floors.values() if cell.intervals[axis.column].mean > axis.high]
    what = "Distance to the truth" if axis.logarithmic else "Test NLL"
    return Drawing(
        f"frontier-{slug(data)}",
        data,
        f"{what} on {data} against what training costs",
        f"{what} on {data} at {budgets(curves)} of the budget, against {words_of(costs)}. "
        + " ".join(front_words(curves, cost, study.steps, axis.column) for cost in costs),
        caption(study, curves, floors, left_out, costs, axis, cut=any(above(curve, axis) for curve in curves)),
        fig,
    )


def axis_of(curves: Sequence[Curve], floors: Sequence[ModelSummary]) -> Axis:
    """The axis of likelihood: of distances where all have one above 0, else of NLL."""
    cells = [*(cell for curve in curves for cell in curve.cells), *floors]
    values = [cell.intervals[KL].mean for cell in cells if KL in cell.intervals]
    if len(values) == len(cells) and min(values) > 0:
        edge = log_edge([interval.mean for interval in best_of(curves, KL)])
        return Axis(KL, min(values) / 1.5, max(value for value in values if value <= edge) * 1.5, True)
    return Axis(NLL, *shown_range(curves, floors), False)


def shown_range(curves: Sequence[Curve], floors: Sequence[ModelSummary]) -> tuple[float, float]:
    """Ends of the axis of NLL: it holds the curves' best points and the floors, but for those that are far.

    Of what a small budget leaves far behind it holds some way beyond them.
    """
    best = best_of(curves, NLL)
    edge = edge_of([(interval.mean, interval.half_width or 0.0) for interval in best], FAR_CURVE)
    inside = [interval.mean for interval in best if interval.mean <= edge]
    reached = [[cell.intervals[NLL].mean for cell in curve.cells] for curve in curves]
    worst = max(max(means) for means in reached if min(means) <= edge)
    span = inside[-1] - inside[0] or worst - inside[0] or 1.0
    levels = [floor.intervals[NLL].mean for floor in floors]
    near = [*inside, *(level for level in levels if level <= inside[-1] + FAR * span)]
    reach = max(near) + HEADROOM * (max(near) - min(near) or span)
    high, low = min(reach, max(worst, *near)), min(near)
    return low - 0.07 * (high - low), high + 0.07 * (high - low)


def best_of(curves: Sequence[Curve], column: str) -> list[Interval]:
    """The lowest mean of each curve with its interval, rising."""
    return sorted(min(cell.intervals[column] for cell in curve.cells) for curve in curves)


def above(curve: Curve, axis: Axis) -> bool:
    """True where a point of the curve lies above the axis."""
    return any(cell.intervals[axis.column].mean > axis.high for cell in curve.cells)


def draw_curve(
    axes: Axes, curve: Curve, at: list[tuple[float, float]], rungs: Sequence[float], style: Style, axis: Axis
) -> None:
    """A curve with the interval of each point, broken at a rung that it lacks; an arrow for a point above the axis."""
    colour = style.colour
    for (x, y), cell in zip(at, curve.cells, strict=True):
        if y > axis.high:
            axes.plot(x, axis.high, marker=CARETUP, color=colour, ms=5, clip_on=False, alpha=0.6 if curve.hollow else 1)
            continue
        low, high = axis.ends(cell.intervals[axis.column])
        axes.errorbar(x, y, [[y - low], [high - y]], color=colour, lw=0.8, capsize=1.5, alpha=0.5, zorder=3)
    filling: Any = {"mfc": "white", "alpha": 0.6} if curve.hollow else {}
    inside = [(x, y if y <= axis.high else math.nan) for x, y in at]
    line = broken(curve, at, rungs)
    axes.plot(*zip(*line, strict=True), ls=style.line, lw=1.2, color=colour, zorder=3, alpha=filling.get("alpha"))
    axes.plot(*zip(*inside, strict=True), style.marker, ms=4.5, color=colour, zorder=3, **filling)


def draw_levels(axes: Axes, floors: Sequence[ModelSummary], oracle: Sequence[ModelSummary], axis: Axis) -> list[Label]:
    """The floors as lines across, and the oracle; their names."""
    labels = []
    right = axes.get_xlim()[1]
    for floor in floors:
        level = floor.intervals[axis.column].mean
        if level <= axis.high:
            axes.axhline(level, **FLOOR_LINE)
        labels.append(Label(floor.model, right, level, FLOOR_COLOUR))
    for cell in oracle:
        level = cell.intervals[NLL].mean
        axes.axhline(level, zorder=1, **ORACLE_LINE)
        labels.append(Label(cell.model, right, level, "black"))
    return labels


def as_log(axes: Axes, values: list[float]) -> None:
    """Makes the axis of cost logarithmic, however near the values are; a few that all share are its ticks."""
    log_axis(axes, "x", values, always=True)
    distinct = sorted(set(values))
    if len(distinct) <= FEW:
        axes.xaxis.set_major_locator(FixedLocator(distinct))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))


def budgets(curves: Sequence[Curve]) -> str:
    """The budgets in words, such as `1/16, 1/4 and 1`."""
    return words_of(rungs_of(curves))


def words_of(parts: Sequence[Any]) -> str:
    """Costs or shares in a sentence."""
    words = [part.name if isinstance(part, Cost) else share(part) for part in parts]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def front_words(curves: Sequence[Curve], cost: Cost, steps: Mapping[str, StepTime], column: str) -> str:
    """The front in words, by rising cost."""
    on_front = front(curves, cost, steps, column)
    named = {
        point: f"{curve.model} {plain(point[1])} nats at {point[0]:.3g}"
        for curve in curves
        for point in points(curve, cost, steps, column)
    }
    return f"On the front by {cost.name}: {'; '.join(named[point] for point in on_front)}."


def caption(
    study: Study,
    curves: Sequence[Curve],
    floors: Mapping[str, ModelSummary],
    left_out: Sequence[ModelSummary],
    costs: Sequence[Cost],
    axis: Axis,
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
    far = ", ".join(f"{cell.model} {plain(cell.intervals[axis.column].mean)}" for cell in left_out)
    mean = "distance" if axis.logarithmic else "NLL"
    sentences = [
        f"A curve is one entry at {budgets(curves)} of the budget, each a run with a schedule of its own; down and "
        f"left is better. Rings and the grey line mark the points that no other beats in both mean cost and mean "
        f"{mean}. "
        "Bars are 95 % intervals of the mean over seeds and test examples.",
        "They are those of the logarithm, as no divergence is below 0." if axis.logarithmic else "",
        "A curve breaks where a budget has no run that ended well." if has_gap(curves) else "",
        "Hollow: the same entry as it comes; filled: tuned." if any(curve.hollow for curve in curves) else "",
        "Dotted: entries that are fitted, at no budget." if len(floors) > len(left_out) else "",
        f"Above the axis: {far}." if far else "",
        "Parts of curves lie above the axis: arrows." if cut else "",
        f"{NOTES['bound']} It may lie on the front."
        if any(c.is_bound for curve in curves for c in curve.cells)
        else "",
        NOTES["loose"] if any(SECTION in curve.name for curve in curves) else "",
        seconds,
        f"{DAGGER} Others used the machine while steps were timed." if any(one.shared_machine for one in timed) else "",
        "FLOPs count matrix products and convolutions, forward and backward.",
    ]
    return " ".join(filter(None, sentences))


def ids_of(cell: ModelSummary) -> list[str]:
    """Ids of a cell's finished runs."""
    return [divided(run["run_id"])[0] for run in cell.finished]
