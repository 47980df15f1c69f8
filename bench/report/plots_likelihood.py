"""Plots of the test likelihood: with its intervals, against training time, and while training."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bench.report.numbers import plain
from bench.report.study import Array, Study
from bench.report.style import WIDTH, Plot, Style, figure, legend, log_axis, plane, png
from bench.report.summary import ORACLE, Cell
from bench.report.tables import DAGGER, NOTES

ORACLE_LINE: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 1.1}
NAME_WIDTH = 22  # characters of a name on one line
INTERVAL_WORDS = "Bars are 95 % t intervals of the mean over seeds; faint points are single seeds."


def dots(cells: list[Cell], look: dict[str, Style]) -> Plot | None:
    """Test NLL of every model on one data set: the mean, its interval and each seed."""
    shown = sorted((c for c in _entries(cells)), key=lambda cell: -cell.intervals["nll_nats"].mean)
    if not shown:
        return None
    names = [textwrap.fill(f"{cell.model} (≤)" if cell.is_bound else cell.model, NAME_WIDTH) for cell in shown]
    left = 0.25 + 0.085 * max(len(line) for name in names for line in name.split("\n"))
    rows = 0.42 * len(shown)
    total = rows + (0.85 if _oracle_words(cells) else 0.6)
    made = figure(height=total)
    axes = made.add_axes((left / WIDTH, 0.52 / total, (WIDTH - left - 0.15) / WIDTH, rows / total))
    for row, cell in enumerate(shown):
        style = look[cell.model]
        mean, half_width, _ = cell.intervals["nll_nats"]
        seeds = list(cell.by_seed("nll_nats").values())
        axes.plot(seeds, [row - 0.22] * len(seeds), style.marker, color=style.colour, alpha=0.35, ms=4, mew=0)
        axes.errorbar(mean, row, xerr=half_width, color=style.colour, marker=style.marker, ms=7, capsize=4, lw=1.8)
    _oracle(axes, cells, vertical=True)
    axes.set(ylim=(-0.55, len(shown) - 0.45), yticks=range(len(shown)), xlabel="test NLL, nats (lower is better)")
    axes.set_yticklabels(names)
    axes.tick_params(axis="y", length=0, labelcolor="black")
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.08)
    if _oracle_words(cells):
        legend(axes)
    data = cells[0].data
    ranking = "; ".join(f"{c.model} {plain(c.intervals['nll_nats'].mean)}" for c in reversed(shown))
    bound = " " + NOTES["bound"] if any(c.is_bound for c in shown) else ""
    return Plot(
        f"nll-{data}",
        data,
        "Test NLL by model",
        f"Mean test NLL in nats on {data}, lowest first: {ranking}.",
        f"Test negative log-likelihood in nats. {INTERVAL_WORDS}{bound}{_oracle_words(cells)}",
        png(made),
    )


def pareto(cells: list[Cell], look: dict[str, Style]) -> Plot | None:
    """Test NLL against the training seconds that it cost."""
    shown = [cell for cell in _entries(cells) if "train_seconds" in cell.intervals]
    if not shown:
        return None
    made, axes = plane([*(f"{cell.model} (≤)" for cell in shown), "oracle"])
    for cell in shown:
        style, seconds, nll = look[cell.model], cell.by_seed("train_seconds"), cell.by_seed("nll_nats")
        both = sorted(seconds.keys() & nll.keys())
        axes.plot(
            [seconds[s] for s in both], [nll[s] for s in both], style.marker, color=style.colour, alpha=0.3, mew=0
        )
        (x, dx, _), (y, dy, _) = cell.intervals["train_seconds"], cell.intervals["nll_nats"]
        across = None if dx is None else np.array([[min(dx, 0.9 * x)], [dx]])  # a logarithmic axis cannot show 0
        name = f"{cell.model} (≤)" if cell.is_bound else cell.model
        axes.errorbar(x, y, dy, across, color=style.colour, marker=style.marker, ms=8, capsize=3, label=name, ls="")
    _frontier(axes, shown)
    _oracle(axes, cells, vertical=False)
    log_axis(axes, "x", [value for cell in shown for value in cell.by_seed("train_seconds").values()])
    axes.set(xlabel="training time, s", ylabel="test NLL, nats")
    axes.margins(0.1)
    legend(axes)
    data = cells[0].data
    points = "; ".join(
        f"{c.model} {plain(c.intervals['nll_nats'].mean)} nats in {plain(c.intervals['train_seconds'].mean)} s"
        for c in shown
    )
    return Plot(
        f"pareto-{data}",
        data,
        "Test NLL against training time",
        f"Mean test NLL and training time on {data}: {points}.",
        "Down and left is better; the grey line joins the models that no other beats in both mean time and mean NLL. "
        f"{INTERVAL_WORDS}{_shared_words(shown)}{_oracle_words(cells)}",
        png(made),
    )


def training(study: Study, cells: list[Cell], look: dict[str, Style]) -> Plot | None:
    """Validation NLL against training seconds, a line a run."""
    curves = {cell.model: [c for run in cell.runs for c in [_curve(study, run["run_id"])] if len(c)] for cell in cells}
    every = [curve for found in curves.values() for curve in found]
    if not every:
        return None
    made, axes = plane([*(model for model, found in curves.items() if found), "oracle"])
    for model, found in curves.items():
        style = look.get(model)
        for index, curve in enumerate(found):
            name = model if index == 0 else None
            alpha = max(0.25, min(0.9, 3 / len(found)))
            axes.plot(*curve.T, color=style.colour, ls=style.line, lw=1.4, alpha=alpha, label=name) if style else None
    _oracle(axes, cells, vertical=False)
    log_axis(axes, "x", [x for curve in every for x in (curve[0, 0], curve[-1, 0])])
    low, high = min(c[:, 1].min() for c in every), max(float(np.quantile(c[:, 1], 0.8)) for c in every)
    low = min([low, *(cell.intervals["nll_nats"].mean for cell in cells if cell.oracle)])
    cut = high < max(c[:, 1].max() for c in every)
    pad = 0.06 * (high - low) or 0.5
    axes.set(xlabel="training time, s", ylabel="validation NLL, nats", ylim=(low - pad, high + pad))
    legend(axes)
    data = cells[0].data
    ends = "; ".join(f"{m} ends at {plain(float(np.mean([c[-1, 1] for c in f])))}" for m, f in curves.items() if f)
    return Plot(
        f"training-{data}",
        data,
        "Validation NLL while training",
        f"Validation NLL against training seconds on {data}: {ends} nats.",
        "One line a seed, also of runs that did not finish. Bounds by importance sampling use fewer samples here than "
        f"in the tables.{' The start of training lies above the axis.' if cut else ''}"
        f"{_shared_words(cells)}{_oracle_words(cells)}",
        png(made),
    )


def _entries(cells: list[Cell]) -> list[Cell]:
    """The models with a likelihood, without the oracle."""
    return [cell for cell in cells if not cell.oracle and "nll_nats" in cell.intervals]


def _curve(study: Study, run_id: str) -> Array:
    """`(points, 2)`: train_seconds and val_nll_nats where both are finite."""
    curve = study.histories.get(run_id, np.empty((0, 4)))[:, [1, 3]]
    finite: Array = curve[np.isfinite(curve).all(1)]
    return finite


def _oracle(axes: Axes, cells: list[Cell], *, vertical: bool) -> None:
    for cell in cells:
        if cell.oracle:
            draw = axes.axvline if vertical else axes.axhline
            draw(cell.intervals["nll_nats"].mean, label=ORACLE, zorder=1, **ORACLE_LINE)


def _oracle_words(cells: list[Cell]) -> str:
    return " Dashed: the oracle, the true density on the test split." if any(cell.oracle for cell in cells) else ""


def _shared_words(cells: list[Cell]) -> str:
    shared = ", ".join(cell.model for cell in cells if cell.shared_machine)
    return f" {DAGGER} Others used the machine while some of these were timed: {shared}." if shared else ""


def _frontier(axes: Axes, cells: list[Cell]) -> None:
    """The staircase of cells that none beats in both means."""
    points = sorted((c.intervals["train_seconds"].mean, c.intervals["nll_nats"].mean) for c in cells)
    front: list[tuple[float, float]] = []
    for x, y in points:
        if not front or y < front[-1][1]:
            front.append((x, y))
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color="#999999", lw=1, zorder=0)
