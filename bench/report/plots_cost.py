"""The plot of test NLL against what training cost, at one budget: seconds above, FLOPs below."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.markers import CARETUP

from bench.report.frontier import frontier
from bench.report.inert import slug
from bench.report.marks import DAGGER
from bench.report.model_summary import ModelSummary, comparable
from bench.report.notes import NOTES, is_single
from bench.report.plot import COLUMN, PAGE
from bench.report.plots_labels import FEW, Label, beside_points, plane
from bench.report.plots_likelihood import INTERVAL_WORDS, NLL, ORACLE_LINE, entries
from bench.report.plots_numbers import plain, quantity
from bench.report.plots_palette import Look
from bench.report.plots_range import Shown, positive_ends, shown_part
from bench.report.plots_rows import bar
from bench.report.style import Drawing, log_axis, titled

ROOM, LEAST_ROOM = 0.06, 1.2
"""Of a logarithmic axis of cost, what is added at either end: a share of its length, and a factor at least."""


class Cost(NamedTuple):
    """A cost that the likelihood is plotted against.

    Attributes:
        column: of the record.
        words: what the axis says, without the unit.
        unit: of the column.
    """

    column: str
    words: str
    unit: str


COSTS = (Cost("train_seconds", "training time", "s"), Cost("train_flops", "training compute", "FLOP"))


def pareto(cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Test NLL against each cost that the entries of one data set have, lower and left better."""
    shown = entries(cells)
    costs = [cost for cost in COSTS if any(cost.column in cell.intervals for cell in shown)]
    if not costs:
        return None
    data = cells[0].data
    fig, panels = plane([], height=2.3, panels=len(costs), width=PAGE if len(shown) > FEW else COLUMN)
    truths = [cell.intervals[NLL].mean for cell in cells if cell.oracle]
    part = shown_part([(c.intervals[NLL].mean, c.intervals[NLL].half_width or 0.0) for c in shown], truths)
    fewer = False
    for axes, cost in zip(panels, costs, strict=True):
        own = [cell for cell in shown if cost.column in cell.intervals]
        compared = comparable(own)
        fewer |= len(compared) < len(own)
        draw_panel(axes, own, compared, cost, part, look)
        for truth in truths:
            axes.axhline(truth, zorder=1, **ORACLE_LINE)
    titled(fig, data, "test NLL against the cost of training")
    timed = [cell.model for cell in shown if cell.shared_machine] if costs[0].column == "train_seconds" else []
    far = any(cell.intervals[NLL].mean > part.edge for cell in shown)
    sentences = [
        "Down and left is better; the grey line joins the models that no other beats in both mean cost and mean NLL"
        f"{' on as many test examples' if fewer else ''}.",
        INTERVAL_WORDS,
        NOTES["single"] if any(is_single(cell, NLL) for cell in shown) else "",
        "An arrow: above the axis, as written." if far else "",
        NOTES["bound"] if any(cell.is_bound for cell in shown) else "",
        "FLOPs count matrix products and convolutions only, forward and backward, of all steps."
        if costs[-1].column == "train_flops"
        else "",
        f"{DAGGER} Others used the machine while some of these were timed: {', '.join(timed)}." if timed else "",
        "Dashed: the oracle, the true density on the test split." if truths else "",
    ]
    return Drawing(
        f"pareto-{slug(data)}",
        data,
        f"Test NLL on {data} against the cost of training",
        f"Mean test NLL on {data} and what training cost: {'; '.join(map(point_words, shown))}.",
        " ".join(filter(None, sentences)),
        fig,
    )


def draw_panel(
    axes: Axes, own: list[ModelSummary], compared: list[ModelSummary], cost: Cost, part: Shown, look: Look
) -> None:
    """One cost: points with their intervals and names, seeds faint, the front as a line."""
    across = shown_costs([value for cell in own for value in cell.by_seed(cost.column).values()])
    log_axis(axes, "x", across[:2], always=True)
    axes.set(xlabel=f"{cost.words}, {cost.unit}", ylabel="test NLL, nats (lower is better)")
    axes.set(xlim=across[:2], ylim=(part.low, part.high))
    labels, taken = [], []
    for cell in own:
        name = f"{'≤ ' if cell.is_bound else ''}{cell.model}"
        style, (x, _, _), (y, dy, _) = look[cell.model], cell.intervals[cost.column], cell.intervals[NLL]
        if y > part.edge:
            axes.plot(x, part.high, marker=CARETUP, color=style.colour, ms=6, clip_on=False, zorder=3)
            labels.append(Label(f"{name} {plain(y)}", x, part.high, style.colour))
            continue
        spent, nll = cell.by_seed(cost.column), cell.by_seed(NLL)
        both = sorted(spent.keys() & nll.keys())
        axes.plot(
            [spent[s] for s in both], [nll[s] for s in both], style.marker, color=style.colour, alpha=0.3, mew=0, ms=3
        )
        bar(axes, y, positive_ends(cell.intervals[cost.column]), across, style.colour, width=0.9)
        axes.errorbar(x, y, dy, color=style.colour, marker=style.marker, ms=5.5, lw=0.9, ls="", capsize=1.5)
        labels.append(Label(name, x, y, style.colour))
        taken += [(spent[s], nll[s]) for s in both]
    front = frontier([(c.intervals[cost.column].mean, c.intervals[NLL].mean) for c in compared])
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color="#999999", lw=1, zorder=0)
    beside_points(axes, labels, taken)


def shown_costs(values: Sequence[float]) -> Shown:
    """The part of an axis of cost that is shown: what single seeds took, with some room; intervals may be wider."""
    positive = [value for value in values if value > 0] or [1.0]
    room = max((max(positive) / min(positive)) ** ROOM, LEAST_ROOM)
    return Shown(min(positive) / room, max(positive) * room, math.inf)


def point_words(cell: ModelSummary) -> str:
    """A model's NLL and its costs."""
    spent = [
        f"{quantity(cell.intervals[cost.column]._replace(half_width=None))} {cost.unit}"
        for cost in COSTS
        if cost.column in cell.intervals
    ]
    return f"{cell.model} {plain(cell.intervals[NLL].mean)} nats in {' and '.join(spent)}"
