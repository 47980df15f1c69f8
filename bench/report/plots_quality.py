"""The plot of sample quality: each model beside the range of real examples and copies of the training data."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from scipy.special import expit, logit

from bench.record.sample_metrics import SAMPLE_METRICS
from bench.report.controls import COPYCAT, REAL, controls
from bench.report.inert import slug
from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary
from bench.report.plots_numbers import plain
from bench.report.plots_palette import Look
from bench.report.plots_range import Shown, log_edge, positive_ends, shown_part
from bench.report.plots_rows import ARROW, far_row, interval_row, rows_of_names
from bench.report.style import Drawing, log_axis, titled

WANTED = (("sliced_w2", "lower is better"), ("c2st", "0.5 is best"), ("coverage", "higher is better"))
"""Metrics that are drawn, of each kind one: a distance, a classifier, a share. Others stand in the table."""
INSTEAD = (("mmd2", "lower is better"),)
"""What fills their places in older studies."""
SHARES = frozenset({"c2st", "coverage"})
"""Metrics between 0 and 1: no interval leaves that."""
POSITIVE = frozenset({"sliced_w2"})
"""Distances; others are unbiased estimates, which may be negative by chance."""
FLOOR = "#bdbdbd"
COPY = "#b00020"


def quality(cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Sample metrics of each model on one data set, a panel a metric; None where no metric has a floor."""
    data = cells[0].data
    beside = {row.model: row for row in controls(data, [run for cell in cells for run in cell.finished])}
    metrics = [
        (name, sense)
        for name, sense in (*WANTED, *INSTEAD)
        if REAL in beside and name in beside[REAL].intervals and any(name in cell.intervals for cell in cells)
    ][: len(WANTED)]
    shown = [cell for cell in cells if any(name in cell.intervals for name, _ in metrics)]
    if not shown:
        return None
    first = metrics[0][0]
    missing = Interval(float("inf"), None, 0)
    shown = sorted(shown, key=lambda cell: -cell.intervals.get(first, missing).mean)
    fig, panels = rows_of_names([cell.model for cell in shown], len(metrics), below=0.55)
    far = False
    for axes, (name, sense) in zip(panels, metrics, strict=True):
        far |= draw_panel(axes, shown, name, beside, look)
        axes.set_xlabel(f"{SAMPLE_METRICS[name].heading}\n({sense})")
    copies = COPYCAT in beside and any(name in beside[COPYCAT].intervals for name, _ in metrics)
    titled(fig, data, f"samples beside real examples (grey){' and copies of them (red)' if copies else ''}")
    words = "; ".join(
        f"{cell.model} {plain(cell.intervals[first].mean)}" for cell in reversed(shown) if first in cell.intervals
    )
    spread = any((beside[REAL].intervals[name].half_width or 0.0) > 0 for name, _ in metrics)
    sentences = [
        "Grey: real training examples in place of samples, the floor"
        f"{', with the range in which 95 % of sets of them lie' if spread else ''}. What lies there is not told from "
        "data by that metric.",
        "Red: training examples returned as samples, which no such metric sees; its row of the table does."
        if copies
        else "",
        "Bars are 95 % t intervals over seeds, of sliced W2 on its logarithm and of shares on their logit. "
        "Controls have no rank.",
        ARROW if far else "",
    ]
    return Drawing(
        f"quality-{slug(data)}",
        data,
        f"Samples on {data} beside real examples",
        f"{SAMPLE_METRICS[first].heading} of samples on {data}, lowest first: {words}; the floor is "
        f"{plain(beside[REAL].intervals[first].mean)}.",
        " ".join(filter(None, sentences)),
        fig,
    )


def draw_panel(
    axes: Axes, shown: Sequence[ModelSummary], name: str, beside: dict[str, ModelSummary], look: Look
) -> bool:
    """One metric: the floor as a band, the copycat as a line, a dot a model; says whether one is far."""
    floor = beside[REAL].intervals[name]
    copy = beside[COPYCAT].intervals.get(name) if COPYCAT in beside else None
    values = [cell.intervals[name] for cell in shown if name in cell.intervals]
    means = [interval.mean for interval in values]
    logarithmic = name in POSITIVE and min(means) > 0 and log_axis(axes, "x", [*means, floor.mean])
    part = part_of(values, [floor.mean], name=name, logarithmic=logarithmic)
    axes.set_xlim(part.low, part.high)
    half = floor.half_width or 0.0
    axes.axvspan(
        max(floor.mean - half, part.low), min(floor.mean + half, part.high), color=FLOOR, alpha=0.6, lw=0, zorder=0
    )
    axes.axvline(floor.mean, color="#8a8a8a", lw=1.2, zorder=1)
    if copy is not None and part.low < copy.mean < part.high:
        axes.axvline(copy.mean, color=COPY, lw=1.0, ls=(0, (3, 2)), zorder=1)
    for row, cell in enumerate(shown):
        interval = cell.intervals.get(name)
        if interval is None:
            continue
        style = look[cell.model]
        if interval.mean > part.edge:
            far_row(axes, row, plain(interval.mean), part.high, style.colour)
            continue
        interval_row(axes, row, interval.mean, ends_of(interval, name), part, color=style.colour, marker=style.marker)
    return max(means) > part.edge


def part_of(values: Sequence[Interval], always: Sequence[float], *, name: str, logarithmic: bool) -> Shown:
    """The part of an axis that is shown: of a share up to 1, of a distance without what is far."""
    if logarithmic:
        positive = [end for interval in values for end in positive_ends(interval)] + [v for v in always if v > 0]
        edge = log_edge([interval.mean for interval in values])
        means = [interval.mean for interval in values if interval.mean <= edge]
        low, high = max(min(positive), min(means) / 3), min(max(positive), max(means) * 3)
        return Shown(min(low, *always) / 1.3, max(high, *always) * 1.3, edge)
    part = shown_part([(interval.mean, interval.half_width or 0.0) for interval in values], always)
    if name in SHARES:
        means = [*(interval.mean for interval in values), *always]
        reach = max(means) - min(means) or 0.02  # a bar wider than all means together would flatten them
        lows, highs = zip(*(ends_of(interval, name) for interval in values), strict=True)
        low = min([*always, *(max(end, one.mean - reach) for one, end in zip(values, lows, strict=True))])
        high = max([*always, *(min(end, one.mean + reach) for one, end in zip(values, highs, strict=True))])
        pad = 0.06 * (high - low) or 0.02
        return Shown(max(low - pad, -0.02), min(high + pad, 1.02), float("inf"))
    return part


def ends_of(interval: Interval, name: str) -> tuple[float, float]:
    """Ends of an interval, none where the metric cannot be: of a distance's logarithm, of a share's logit."""
    mean, half = interval.mean, interval.half_width or 0.0
    if name in POSITIVE:
        return positive_ends(interval)
    if name in SHARES and 0 < mean < 1:
        step = half / (mean * (1 - mean))
        return float(expit(logit(mean) - step)), float(expit(logit(mean) + step))
    return mean - half, mean + half
