"""The plot of validation NLL while training: a line an entry, its seeds as a band."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from bench.record.store import divided
from bench.report.inert import slug
from bench.report.marks import DAGGER
from bench.report.model_summary import ORACLE, ModelSummary, count_words
from bench.report.plots_labels import ABOVE, Label, beside_lines, beyond_axes, plane
from bench.report.plots_likelihood import NLL, ORACLE_LINE
from bench.report.plots_numbers import plain
from bench.report.plots_palette import Look
from bench.report.plots_range import PAD, top_of
from bench.report.study import Array, Run, Study
from bench.report.style import Drawing, log_axis, titled

SPARE = 0.8
"""Share of a curve's way down to its best that counts for the axis: what lies above would flatten the rest."""


class Line(NamedTuple):
    """The runs of one entry.

    Attributes:
        name: of the entry.
        runs: each with its `(points, 2)` seconds and validation NLL.
    """

    name: str
    runs: list[tuple[Run, Array]]

    @property
    def finished(self) -> list[Array]:
        """The curves of runs that ended well."""
        return [curve for run, curve in self.runs if run["status"] == "ok"]


def training(study: Study, cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Validation NLL against training seconds, the mean over seeds; what did not finish ends in a cross."""
    lines = lines_of(study, cells)
    if not lines:
        return None
    data = cells[0].data
    truths = [cell.intervals[NLL].mean for cell in cells if cell.oracle]
    low, high = axis_of(lines, truths)
    names = [beyond_axes(line.name, end_of(line)[1], low, high) for line in lines]
    fig, (axes,) = plane([*names, *(ORACLE for _ in truths)])
    labels = []
    for line in lines:
        style = look[line.name]
        middle, bottom, top = band(line.finished)
        axes.plot(*middle.T, color=style.colour, ls=style.line, lw=1.3)
        axes.fill_between(middle[:, 0], bottom, top, color=style.colour, alpha=0.13, lw=0)
        stopped = [curve for run, curve in line.runs if run["status"] != "ok"]
        for curve in stopped:
            axes.plot(*curve.T, color=style.colour, ls=style.line, lw=0.8, alpha=0.7)
            axes.plot(curve[-1, 0], min(curve[-1, 1], high), "x", color=style.colour, ms=5, mew=1.4, clip_on=False)
        labels.append(Label(line.name, *end_of(line), style.colour))
    curves = [curve for line in lines for _, curve in line.runs]
    log_axis(axes, "x", [x for curve in curves for x in (curve[0, 0], curve[-1, 0])])
    axes.set(xlabel="training time, s", ylabel="validation NLL, nats (lower is better)", ylim=(low, high))
    for truth in truths:
        axes.axhline(truth, zorder=1, **ORACLE_LINE)
        labels.append(Label(ORACLE, axes.get_xlim()[1], truth, "black"))
    beside_lines(axes, labels)
    titled(fig, data, "validation NLL while training")
    bad = [run for line in lines for run, _ in line.runs if run["status"] != "ok"]
    shared = ", ".join(cell.model for cell in cells if cell.shared_machine)
    sentences = [
        "A line is an entry's mean over its seeds, its band their range"
        f"{f'; a cross ends those of runs that did not finish ({count_words(bad)})' if bad else ''}.",
        "Bounds by importance sampling use fewer samples here than in the tables.",
        ABOVE if max(curve[:, 1].max() for curve in curves) > high else "",
        f"{DAGGER} Others used the machine while some of these were timed: {shared}." if shared else "",
        "Dashed: the oracle, the true density on the test split." if truths else "",
    ]
    return Drawing(
        f"training-{slug(data)}",
        data,
        f"Validation NLL on {data} while training",
        f"Validation NLL against training seconds on {data}{ends_in_words(lines)}.",
        " ".join(filter(None, sentences)),
        fig,
    )


def lines_of(study: Study, cells: list[ModelSummary]) -> list[Line]:
    """The entries with a history; of those that were evaluated several times, and trained once, one."""
    lines: dict[frozenset[str], Line] = {}
    for cell in cells:
        runs = [(run, curve) for run in cell.runs if len(curve := curve_of(study, run["run_id"]))]
        trained = frozenset(divided(run["run_id"])[0] for run, _ in runs)
        if runs:
            lines.setdefault(trained, Line(cell.model, runs))
    return list(lines.values())


def curve_of(study: Study, run_id: str) -> Array:
    """`(points, 2)`: train_seconds and val_nll_nats where both are finite."""
    curve = study.histories.get(run_id, np.empty((0, 4)))[:, [1, 3]]
    finite: Array = curve[np.isfinite(curve).all(1)]
    return finite


def band(curves: list[Array]) -> tuple[Array, Array, Array]:
    """The mean of curves `(points, 2)`, and at its points the lowest and the highest; validation by validation.

    It ends with the shortest: further on it would be the mean of fewer.
    """
    if not curves:
        return np.empty((0, 2)), np.empty(0), np.empty(0)
    length = min(map(len, curves))
    stacked = np.stack([curve[:length] for curve in curves])
    return stacked.mean(0), stacked[:, :, 1].min(0), stacked[:, :, 1].max(0)


def end_of(line: Line) -> tuple[float, float]:
    """Where a line ends: the mean of the finished runs, else the first of those that stopped."""
    middle, _, _ = band(line.finished)
    x, y = middle[-1] if len(middle) else line.runs[0][1][-1]
    return float(x), float(y)


def axis_of(lines: list[Line], truths: list[float]) -> tuple[float, float]:
    """Ends of the axis of NLL: curves down to their best, but for the highest fifth of that way and far curves.

    What runs that did not finish went through counts only where no run finished, and then counts whole.
    """
    finished = [curve for line in lines for curve in line.finished]
    ways = [curve[: curve[:, 1].argmin() + 1, 1] for curve in finished]
    if not ways:
        ways = [curve[:, 1] for line in lines for _, curve in line.runs]
        return padded(min(float(way.min()) for way in ways), max(float(way.max()) for way in ways))
    shown = [[float(way.min()), float(np.quantile(way, SPARE))] for way in ways]
    return padded(min([*truths, *(low for low, _ in shown)]), top_of(shown))


def padded(low: float, high: float) -> tuple[float, float]:
    """The ends with some room."""
    pad = PAD * (high - low) or 0.5
    return low - pad, high + pad


def ends_in_words(lines: list[Line]) -> str:
    """The last validation NLL of each entry's finished runs, mean over seeds, in words."""
    ends: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        ends[line.name] += [float(curve[-1, 1]) for curve in line.finished]
    words = "; ".join(f"{name} ends at {plain(float(np.mean(of)))} nats" for name, of in ends.items() if of)
    return f": {words}" if words else ""
