"""Plots of the test likelihood: with its intervals, against what training cost, and while training."""

import textwrap
from collections import Counter, defaultdict
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.frontier import frontier
from bench.report.inert import plot_label, slug
from bench.report.marks import DAGGER
from bench.report.model_summary import ORACLE, ModelSummary, count_words
from bench.report.notes import NOTES, is_single, marked, several_sizes
from bench.report.numbers import plain, quantity
from bench.report.study import Array, Run, Study
from bench.report.style import WIDTH, Plot, Style, figure, legend, log_axis, plane, png

ORACLE_LINE: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 1.1}
FAR = 10.0
NAME_WIDTH, LONGEST_LINE = 22, 40  # characters of a name on one line, of one without a space
Line = tuple[str, Run, Array]  # model, run, its `(points, 2)` seconds and validation NLL
INTERVAL_WORDS = "Bars are 95 % intervals of the mean over seeds and test examples; faint points are single seeds."


def dots(models: list[ModelSummary], look: dict[str, Style]) -> Plot | None:
    """Test NLL of every model on one data set: the mean, its interval and each seed."""
    shown = sorted(_entries(models), key=lambda model: -model.intervals["nll_nats"].mean)
    if not shown:
        return None
    oracle = _oracle_words(models)
    fig, axes = _rows_of_names(marked(shown), legend_above=bool(oracle))
    far = left_out(shown)
    edge = max(extent(model)[1] for model in shown if model not in far)
    for row, model in enumerate(shown):
        if model in far:
            _arrow(axes, row, model, look[model.model], edge)
        else:
            _dot(axes, row, model, look[model.model])
    _oracle(axes, models, vertical=True)
    axes.margins(x=0.08)
    if oracle:
        legend(axes)
    data = models[0].data
    ranking = "; ".join(f"{m.model} {plain(m.intervals['nll_nats'].mean)}" for m in reversed(shown))
    return Plot(
        f"nll-{slug(data)}",
        data,
        "Test NLL by model",
        f"Mean test NLL in nats on {data}, lowest first: {ranking}.",
        f"Test negative log-likelihood in nats. {INTERVAL_WORDS}{_marks_in_words(shown, far)}{oracle}",
        png(fig),
    )


def _rows_of_names(marked_names: list[str], *, legend_above: bool) -> tuple[Figure, Axes]:
    """A figure with a row for each name, the names left of the axes, on as many lines as they need."""
    names = [in_lines(name) for name in marked_names]
    left = 0.25 + 0.085 * max(len(line) for name in names for line in name.split("\n"))
    lines = 1 + max(name.count("\n") for name in names)
    rows = max(0.42, 0.17 * lines + 0.1) * len(names)
    total = rows + (0.85 if legend_above else 0.6)
    fig = figure(height=total)
    axes = fig.add_axes((left / WIDTH, 0.52 / total, (WIDTH - left - 0.15) / WIDTH, rows / total))
    axes.set(ylim=(-0.55, len(names) - 0.45), yticks=range(len(names)), xlabel="test NLL, nats (lower is better)")
    axes.set_yticklabels(map(plot_label, names))
    axes.tick_params(axis="y", length=0, labelcolor="black")
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    return fig, axes


def in_lines(name: str) -> str:
    """The name on lines that leave room for the axes: divided between its words, and a very long word as well."""
    lines = textwrap.wrap(name, NAME_WIDTH, break_long_words=False)
    return "\n".join(part for line in lines for part in textwrap.wrap(line, LONGEST_LINE))


def _dot(axes: Axes, row: int, model: ModelSummary, style: Style) -> None:
    """A model's mean with its interval, and its seeds below."""
    mean, half_width, _ = model.intervals["nll_nats"]
    seeds = list(model.by_seed("nll_nats").values())
    axes.plot(seeds, [row - 0.22] * len(seeds), style.marker, color=style.colour, alpha=0.35, ms=4, mew=0)
    axes.errorbar(mean, row, xerr=half_width, color=style.colour, marker=style.marker, ms=7, capsize=4, lw=1.8)


def _arrow(axes: Axes, row: int, model: ModelSummary, style: Style, edge: float) -> None:
    """A model that lies beyond the edge of the axes, its number written."""
    axes.plot(edge, row, ">", color=style.colour, ms=7)
    words = f"{quantity(model.intervals['nll_nats'])}  "
    axes.annotate(words, (edge, row), (-6, 0), "data", "offset points", ha="right", va="center", fontsize=9)


def _marks_in_words(shown: list[ModelSummary], far: list[ModelSummary]) -> str:
    """The caption's sentences on marks: one for each mark that some model in the plot has."""
    sentences = [
        (bool(far), "An arrow: beyond the edge, as written."),
        (any(model.is_bound for model in shown), NOTES["bound"]),
        (any(model.loose for model in shown), NOTES["loose"]),
        (any(model.above_floor for model in shown), NOTES["above"]),
        (any(is_single(model, "nll_nats") for model in shown), NOTES["single"]),
        (several_sizes(shown), NOTES["examples"]),
    ]
    return "".join(f" {sentence}" for stands, sentence in sentences if stands)


def extent(cell: ModelSummary) -> tuple[float, float]:
    """The lowest and the highest NLL that is drawn of a model: interval and single seeds."""
    mean, half_width, _ = cell.intervals["nll_nats"]
    spread = half_width or 0.0
    points = [mean - spread, mean + spread, *cell.by_seed("nll_nats").values()]
    return min(points), max(points)


def left_out(cells: list[ModelSummary]) -> list[ModelSummary]:
    """Models so far behind that an axis with them would crowd the others: `FAR` widths of the better half or more."""
    means = [cell.intervals["nll_nats"].mean for cell in cells]
    middle = float(np.median(means))
    ends = [end for cell, mean in zip(cells, means, strict=True) if mean <= middle for end in extent(cell)]
    return [cell for cell, mean in zip(cells, means, strict=True) if mean > middle + FAR * (max(ends) - min(ends))]


class Cost(NamedTuple):
    """A cost that the likelihood is plotted against.

    Attributes:
        column: of the record.
        name: of the plot's file, before the data set.
        words: what the axis says, without the unit.
        unit: of the column.
        timing: whether sharing the machine spoils it.
        note: what a reader must know of it.
    """

    column: str
    name: str
    words: str
    unit: str
    timing: bool
    note: str = ""


COSTS = (
    Cost("train_seconds", "pareto", "training time", "s", timing=True),
    Cost(
        "train_flops",
        "pareto-flops",
        "training compute",
        "FLOP",
        timing=False,
        note=" FLOPs count matrix products and convolutions only, forward and backward, of all steps.",
    ),
)


def pareto(cells: list[ModelSummary], look: dict[str, Style], cost: Cost) -> Plot | None:
    """Test NLL against what training cost."""
    shown = [cell for cell in _entries(cells) if cost.column in cell.intervals]
    if not shown:
        return None
    names = marked(shown)
    fig, axes = plane([*names, "oracle"])
    for cell, name in zip(shown, names, strict=True):
        style, spent, nll = look[cell.model], cell.by_seed(cost.column), cell.by_seed("nll_nats")
        both = sorted(spent.keys() & nll.keys())
        axes.plot([spent[s] for s in both], [nll[s] for s in both], style.marker, color=style.colour, alpha=0.3, mew=0)
        (x, dx, _), (y, dy, _) = cell.intervals[cost.column], cell.intervals["nll_nats"]
        across = None if dx is None else np.array([[min(dx, 0.9 * abs(x))], [dx]])  # a logarithmic axis cannot show 0
        axes.errorbar(
            x, y, dy, across, color=style.colour, marker=style.marker, ms=8, capsize=3, label=plot_label(name), ls=""
        )
    compared = max(([c for c in shown if c.comparable(other)] for other in shown), key=len)
    front = frontier([(c.intervals[cost.column].mean, c.intervals["nll_nats"].mean) for c in compared])
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color="#999999", lw=1, zorder=0)
    _oracle(axes, cells, vertical=False)
    log_axis(axes, "x", [value for cell in shown for value in cell.by_seed(cost.column).values()])
    axes.set(xlabel=f"{cost.words}, {cost.unit}", ylabel="test NLL, nats")
    axes.margins(0.1)
    legend(axes)
    data = cells[0].data
    single = " " + NOTES["single"] if any(is_single(cell, "nll_nats") for cell in shown) else ""
    points = "; ".join(
        f"{c.model} {plain(c.intervals['nll_nats'].mean)} nats in "
        f"{quantity(c.intervals[cost.column]._replace(half_width=None))} {cost.unit}"
        for c in shown
    )
    return Plot(
        f"{cost.name}-{slug(data)}",
        data,
        f"Test NLL against {cost.words}",
        f"Mean test NLL and {cost.words} on {data}: {points}.",
        f"Down and left is better; the grey line joins the models that no other beats in both mean {cost.words} and "
        f"mean NLL{' on as many test examples' if len(compared) < len(shown) else ''}. {INTERVAL_WORDS}{single}"
        f"{cost.note}"
        f"{_shared_words(shown) if cost.timing else ''}{_oracle_words(cells)}",
        png(fig),
    )


def training(study: Study, cells: list[ModelSummary], look: dict[str, Style]) -> Plot | None:
    """Validation NLL against training seconds, a line a run; what did not finish ends in a cross."""
    lines: list[Line] = [
        (cell.model, run, c) for cell in cells for run in cell.runs if len(c := _curve(study, run["run_id"]))
    ]
    if not lines:
        return None
    models = Counter(model for model, _, _ in lines)
    low, high = shown_range(lines, cells)
    fig, axes = plane([*models, "oracle"])
    named: set[str] = set()
    for model, run, curve in lines:
        style, alpha = look[model], max(0.25, min(0.9, 3 / models[model]))
        name = None if model in named else plot_label(model)
        axes.plot(*curve.T, color=style.colour, ls=style.line, lw=1.4, alpha=alpha, label=name)
        if run["status"] != "ok":
            axes.plot(curve[-1, 0], min(curve[-1, 1], high), "x", color=style.colour, ms=7, mew=1.8, clip_on=False)
        named.add(model)
    _oracle(axes, cells, vertical=False)
    log_axis(axes, "x", [x for _, _, curve in lines for x in (curve[0, 0], curve[-1, 0])])
    axes.set(xlabel="training time, s", ylabel="validation NLL, nats", ylim=(low, high))
    legend(axes)
    data = cells[0].data
    stopped = [run for _, run, _ in lines if run["status"] != "ok"]
    stops = f"; a cross ends those of runs that did not finish ({count_words(stopped)})" if stopped else ""
    cut = any(curve[:, 1].max() > high for _, _, curve in lines)
    return Plot(
        f"training-{slug(data)}",
        data,
        "Validation NLL while training",
        f"Validation NLL against training seconds on {data}{_ends(lines)}.",
        f"One line a seed{stops}. Bounds by importance sampling use fewer samples here than in the tables."
        f"{' Parts of lines lie above the axis.' if cut else ''}{_shared_words(cells)}{_oracle_words(cells)}",
        png(fig),
    )


def _ends(lines: list[Line]) -> str:
    """The last validation NLL of each model's finished runs, mean over seeds, in words."""
    ends: dict[str, list[float]] = defaultdict(list)
    for model, run, curve in lines:
        if run["status"] == "ok":
            ends[model].append(float(curve[-1, 1]))
    words = "; ".join(f"{model} ends at {plain(float(np.mean(of_model)))} nats" for model, of_model in ends.items())
    return f": {words}" if words else ""


def shown_range(lines: list[Line], cells: list[ModelSummary]) -> tuple[float, float]:
    """Ends of the axis of NLL: the oracle and each curve down to its best, but for the highest fifth of that way.

    What lies above, and where a curve rises to later, would flatten the rest. What runs that did not finish went
    through counts only where no run finished, and then counts whole.
    """
    finished = [curve for _, run, curve in lines if run["status"] == "ok"]
    ways = [curve[: curve[:, 1].argmin() + 1, 1] for curve in finished] or [curve[:, 1] for _, _, curve in lines]
    low, high = min(way.min() for way in ways), max(float(np.quantile(way, 0.8)) for way in ways)
    low = min([low, *(cell.intervals["nll_nats"].mean for cell in cells if cell.oracle)])
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def _entries(cells: list[ModelSummary]) -> list[ModelSummary]:
    """The models with a likelihood, without the oracle."""
    return [cell for cell in cells if not cell.oracle and "nll_nats" in cell.intervals]


def _curve(study: Study, run_id: str) -> Array:
    """`(points, 2)`: train_seconds and val_nll_nats where both are finite."""
    curve = study.histories.get(run_id, np.empty((0, 4)))[:, [1, 3]]
    finite: Array = curve[np.isfinite(curve).all(1)]
    return finite


def _oracle(axes: Axes, cells: list[ModelSummary], *, vertical: bool) -> None:
    for cell in cells:
        if cell.oracle:
            draw = axes.axvline if vertical else axes.axhline
            draw(cell.intervals["nll_nats"].mean, label=ORACLE, zorder=1, **ORACLE_LINE)


def _oracle_words(cells: list[ModelSummary]) -> str:
    return " Dashed: the oracle, the true density on the test split." if any(cell.oracle for cell in cells) else ""


def _shared_words(cells: list[ModelSummary]) -> str:
    shared = ", ".join(cell.model for cell in cells if cell.shared_machine)
    return f" {DAGGER} Others used the machine while some of these were timed: {shared}." if shared else ""
