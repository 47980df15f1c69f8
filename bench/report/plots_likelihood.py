"""Plots of the test likelihood, a row an entry: its NLL, or its distance to a truth that is known."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.markers import CARETLEFT

from bench.report.inert import slug
from bench.report.model_summary import ORACLE, ModelSummary
from bench.report.notes import NOTES, is_single, several_sizes
from bench.report.plots_numbers import plain, quantity
from bench.report.plots_palette import Look
from bench.report.plots_range import Shown, log_edge, positive_ends, shown_part
from bench.report.plots_rows import ARROW, far_row, interval_row, row_names, rows_of_names
from bench.report.style import Drawing, log_axis, titled

ORACLE_LINE: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 1.0}
INTERVAL_WORDS = "Bars are 95 % intervals of the mean over seeds and test examples; faint points are single seeds."
KL, NLL = "kl_to_truth", "nll_nats"
SEEDS_BELOW = 0.24
"""Of a row, how far below a mean its seeds lie."""
DECADES = 4
"""Powers of ten that an axis of distances shows below the largest."""


def dots(cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Test NLL of every entry on one data set; where the truth is known, how far from it the entry is in place of it.

    The second is the first less a constant, on a logarithmic axis, where those near the truth are told apart.
    """
    shown = entries(cells)
    if not shown:
        return None
    if all(KL in cell.intervals for cell in shown) and any(cell.intervals[KL].mean > 0 for cell in shown):
        return distances(sorted(shown, key=lambda cell: -cell.intervals[KL].mean), look)
    return likelihoods(sorted(shown, key=lambda cell: -cell.intervals[NLL].mean), cells, look)


def likelihoods(shown: list[ModelSummary], cells: list[ModelSummary], look: Look) -> Drawing:
    """Test NLL, the mean, its interval and each seed."""
    data = shown[0].data
    truths = [cell.intervals[NLL].mean for cell in cells if cell.oracle]
    fig, (axes,) = rows_of_names(row_names(shown))
    part = shown_part([(c.intervals[NLL].mean, c.intervals[NLL].half_width or 0.0) for c in shown], truths)
    axes.set_xlim(part.low, part.high)
    for row, cell in enumerate(shown):
        mean, half, _ = cell.intervals[NLL]
        style = look[cell.model]
        if mean > part.edge:
            far_row(axes, row, quantity(cell.intervals[NLL]), part.high, style.colour)
            continue
        draw_seeds(axes, row, cell, NLL, part, style)
        interval_row(
            axes, row, mean, (mean - (half or 0), mean + (half or 0)), part, color=style.colour, marker=style.marker
        )
    name_truth(axes, truths)
    axes.set_xlabel("test NLL, nats (lower is better)")
    titled(fig, data, "test NLL")
    cut = any(cell.intervals[NLL].mean > part.edge for cell in shown)
    return Drawing(
        f"nll-{slug(data)}",
        data,
        f"Test NLL on {data}",
        f"Mean test NLL in nats on {data}, lowest first: {in_words(shown, NLL)}.",
        f"Test negative log-likelihood in nats, lower is better. {INTERVAL_WORDS}{marks_in_words(shown, cut=cut)}"
        f"{' Dashed: the oracle, the true density on the test split.' if truths else ''}",
        fig,
    )


def distances(shown: list[ModelSummary], look: Look) -> Drawing:
    """KL divergence from the truth on a logarithmic axis; at its left end those that no test example told from it."""
    data = shown[0].data
    fig, (axes,) = rows_of_names(row_names(shown))
    positive = [cell.intervals[KL].mean for cell in shown if cell.intervals[KL].mean > 0]
    edge = log_edge(positive)
    high = max(value for value in positive if value <= edge) * 2
    low = max(min(positive) / 2.5, high * 10.0**-DECADES)
    axes.set_xscale("log")
    log_axis(axes, "x", [low, high], always=True)
    axes.set_xlim(low, high)
    part = Shown(low, high, edge)
    for row, cell in enumerate(shown):
        style, interval = look[cell.model], cell.intervals[KL]
        if interval.mean < low:
            axes.plot(low, row, marker=CARETLEFT, color=style.colour, ms=7, clip_on=False, zorder=3)
            axes.annotate(quantity(interval), (low, row), (9, 0), "data", "offset points", va="center", fontsize=7)
            continue
        if interval.mean > edge:
            far_row(axes, row, quantity(interval), high, style.colour)
            continue
        draw_seeds(axes, row, cell, KL, part, style)
        ends = positive_ends(interval)
        interval_row(axes, row, interval.mean, ends, part, color=style.colour, marker=style.marker)
    axes.set_xlabel("KL to the truth, nats (lower is better)")
    titled(fig, data, "distance to the truth")
    return Drawing(
        f"nll-{slug(data)}",
        data,
        f"Distance to the truth on {data}",
        f"Mean KL divergence from the truth in nats on {data}, lowest first: {in_words(shown, KL)}.",
        "KL divergence from the true density in nats: the test NLL less that of the truth; lower is better. "
        f"{INTERVAL_WORDS} They are those of the logarithm, as no divergence is below 0."
        f"{marks_in_words(shown, cut=any(not low <= cell.intervals[KL].mean <= edge for cell in shown))}",
        fig,
    )


def draw_seeds(axes: Axes, row: int, cell: ModelSummary, column: str, part: Shown, style: Any) -> None:
    """The single seeds of a row, below its mean; none of a row of one."""
    seeds = [value for value in cell.by_seed(column).values() if part.low <= value <= part.high]
    if len(cell.by_seed(column)) > 1:
        axes.plot(
            seeds,
            [row - SEEDS_BELOW] * len(seeds),
            style.marker,
            color=style.colour,
            alpha=0.35,
            ms=2.8,
            mew=0,
            zorder=1,
        )


def name_truth(axes: Axes, truths: list[float]) -> None:
    """The oracle as a named dashed line."""
    for truth in truths:
        axes.axvline(truth, zorder=1, **ORACLE_LINE)
        axes.annotate(
            ORACLE, (truth, 1), (3, 0), ("data", "axes fraction"), "offset points", fontsize=7, va="bottom", ha="left"
        )


def in_words(shown: list[ModelSummary], column: str) -> str:
    """Names and numbers, the lowest first."""
    return "; ".join(f"{cell.model} {plain(cell.intervals[column].mean)}" for cell in reversed(shown))


def marks_in_words(shown: list[ModelSummary], *, cut: bool) -> str:
    """The caption's sentences on marks: one for each mark that some model in the plot has."""
    sentences = [
        (cut, ARROW),
        (any(model.is_bound for model in shown), NOTES["bound"]),
        (any(model.loose for model in shown), NOTES["loose"]),
        (any(model.above_floor for model in shown), NOTES["above"]),
        (any(is_single(model, NLL) for model in shown), NOTES["single"]),
        (several_sizes(shown), NOTES["examples"]),
    ]
    return "".join(f" {sentence}" for stands, sentence in sentences if stands)


def entries(cells: list[ModelSummary]) -> list[ModelSummary]:
    """The models with a likelihood, without the oracle."""
    return [cell for cell in cells if not cell.oracle and NLL in cell.intervals]
