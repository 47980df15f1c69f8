"""The plot of test likelihood against cost over the rungs of a ladder: seconds, FLOPs and steps, the front marked."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.record.steps import StepTime
from bench.record.store import divided
from bench.report.inert import plot_label, slug
from bench.report.model_summary import ORACLE, ModelSummary
from bench.report.notes import DAGGER, NOTES, SECTION
from bench.report.numbers import plain
from bench.report.plots_likelihood import FAR, ORACLE_LINE, frontier, marked
from bench.report.study import Run, Study
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


class Cost(NamedTuple):
    """An axis of cost.

    Attributes:
        name: in a sentence.
        label: of the axis.
        of: a run's cost, given its entry's step time; None where it is not known.
    """

    name: str
    label: str
    of: Callable[[Run, StepTime | None], float | None]


COSTS = (
    Cost("seconds", "training, s (time of a step measured alone)", lambda run, step: seconds_of(run, step)),
    Cost("FLOP", "training, FLOP", lambda run, step: run["train_flops"]),
    Cost("steps", "training steps", lambda run, step: run["steps"]),
)


def seconds_of(run: Run, step: StepTime | None) -> float | None:
    """Seconds of a run's steps alone on the machine; None where its step was not timed."""
    return None if step is None or not run["steps"] else step.seconds(run["steps"], run["train_nfe"])


class Curve(NamedTuple):
    """One entry in one setting, over its budgets.

    Attributes:
        name: model and marks.
        cells: by rising budget.
        hollow: whether its markers are: it is the entry as it comes, beside the same tuned.
    """

    name: str
    cells: list[ModelSummary]
    hollow: bool

    @property
    def model(self) -> str:
        """The entry's name, which its style goes by."""
        return self.cells[0].model


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


def curves_of(cells: Sequence[ModelSummary]) -> list[Curve]:
    """The cells by model and setting, in the order in which they first stand."""
    grouped: dict[tuple[str, bool], list[ModelSummary]] = defaultdict(list)
    for cell in cells:
        grouped[cell.model, "tuned" in cell.setting].append(cell)
    names = marked([max(group, key=budget_of) for group in grouped.values()])
    return [
        Curve(name, sorted(group, key=budget_of), not tuned and (model, True) in grouped)
        for name, ((model, tuned), group) in zip(names, grouped.items(), strict=True)
    ]


def budget_of(cell: ModelSummary) -> float:
    """The share of the study's budget that a cell has."""
    return 1.0 if cell.rung is None else cell.rung


def points(curve: Curve, cost: Cost, steps: Mapping[str, StepTime]) -> list[tuple[float, float]]:
    """Mean cost and mean NLL at each budget; none where a run's cost is not known."""
    found = []
    for cell in curve.cells:
        spent = [cost.of(run, steps.get(divided(run["run_id"])[0])) for run in cell.with_column("nll_nats")]
        known = [value for value in spent if value]
        if len(known) < len(spent):
            return []
        found.append((float(np.mean(known)), cell.intervals["nll_nats"].mean))
    return found


def front(curves: Sequence[Curve], cost: Cost, steps: Mapping[str, StepTime]) -> list[tuple[float, float]]:
    """The points, of those measured on the same examples, that no other beats in both cost and NLL, by rising cost."""
    compared = comparable(curves)
    beside = [(cell, point) for c in curves for cell, point in zip(c.cells, points(c, cost, steps), strict=True)]
    return frontier([point for cell, point in beside if cell.place in compared])


def comparable(curves: Sequence[Curve]) -> set[tuple[Any, ...]]:
    """Places of the largest group of cells that were measured on as many examples."""
    cells = [cell for curve in curves for cell in curve.cells]
    group = max(([cell for cell in cells if cell.comparable(other)] for other in cells), key=len)
    return {cell.place for cell in group}


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


def broken(curve: Curve, at: list[tuple[float, float]], rungs: Sequence[float]) -> list[tuple[float, float]]:
    """The points with a NaN between two whose rungs are no neighbours: nothing is known of what lies between."""
    found = at[:1]
    for (before, cell), point in zip(pairwise(curve.cells), at[1:], strict=True):
        skipped = rungs.index(budget_of(cell)) - rungs.index(budget_of(before)) > 1
        found += [(math.nan, math.nan)] * skipped + [point]
    return found


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


def rungs_of(curves: Sequence[Curve]) -> list[float]:
    """The rungs that any entry was measured at, rising."""
    return sorted({budget_of(cell) for curve in curves for cell in curve.cells})


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
        "A curve breaks where no run of that budget ended well." if has_gap(curves) else "",
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


def has_gap(curves: Sequence[Curve]) -> bool:
    """True where some curve is broken."""
    rungs = rungs_of(curves)
    return any(len(broken(curve, [(0.0, 0.0)] * len(curve.cells), rungs)) > len(curve.cells) for curve in curves)


def lacks_seconds(plots: Sequence[Plot]) -> bool:
    """True where a plot of these has no seconds, for want of step times."""
    return any(NO_SECONDS in plot.caption for plot in plots if plot.name.startswith("frontier-"))


def ids_of(cell: ModelSummary) -> list[str]:
    """Ids of a cell's finished runs."""
    return [divided(run["run_id"])[0] for run in cell.finished]
