"""Plots over data sets: mean ranks with the critical difference, and a map of models by data sets."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from bench.report.inert import plot_label
from bench.report.model_summary import ModelSummary
from bench.report.plot import COLUMN, PAGE
from bench.report.plots_labels import LINE
from bench.report.plots_palette import Look
from bench.report.ranks import FEWEST_BLOCKS, Ranks, ranks_of
from bench.report.style import CHARACTER, TITLE, Drawing, figure, short, titled

ALL_DATA = "all data sets"
"""The section of plots that are about more than one data set."""
LONGEST = 30
MAP = "YlGnBu_r"
"""Dark is near the best; even in lightness, safe for colour-blind eyes."""
OVER = 0.5
"""Inches between the title and the line of ranks: its numbers and the bar of the critical difference."""
RANK = 0.16
"""Inches from one rank to the next below which the figure takes both columns of a paper."""
NEAR, FAR = 0.01, 1.0
"""Nats at which the scale of colours begins, and behind which it ends at the earliest."""
CELL = 0.52
"""Inches that a data set takes on the map."""


def ranks(cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Mean ranks on a line, the best at the left; a bar joins those that the critical difference does not part."""
    bounded, tied = without_ties(cells)
    found = ranks_of(bounded)
    if found is None:
        return None
    names = list(found.means)
    half = -(-len(names) // 2)
    groups = alike(found)
    above, below = 0.75 + 0.09 * len(groups), 0.1
    height = TITLE + above + LINE * 1.15 * half + below + (0 if found.decide else 0.18)
    margin = 0.2 + CHARACTER * min(max(map(len, names)) + 5, LONGEST)
    width = PAGE if COLUMN - 2 * margin < RANK * len(names) else COLUMN
    fig = figure(width, height)
    axes = fig.add_axes((margin / width, 0, 1 - 2 * margin / width, (height - TITLE - OVER) / height))
    scale_of_ranks(axes, len(names), height - TITLE - OVER)
    axes.plot([1, 1 + found.critical], [0.22, 0.22], color="black", lw=1.5, clip_on=False)
    axes.annotate(
        f"critical difference {found.critical:.2f}",
        (1, 0.22),
        (0, 3),
        textcoords="offset points",
        fontsize=7,
        annotation_clip=False,
    )
    for place, (first, last) in enumerate(groups):
        y = -0.14 - 0.09 * place
        axes.plot([first - 0.03, last + 0.03], [y, y], color="#444444", lw=2.5, solid_capstyle="butt")
    for place, (name, mean) in enumerate(found.means.items()):
        left = place < half
        y = -(above - OVER - 0.05) - LINE * 1.15 * ((place if left else len(names) - 1 - place) + 1)
        draw_rank(axes, name, mean, y, look, left=left, entries=len(names))
    few = f"{found.blocks} independent data sets, fewer than {FEWEST_BLOCKS}: ranks decide nothing"
    if not found.decide:
        fig.text(0.06 / width, 0.05 / height, few, ha="left", va="bottom", fontsize=7, color="#b00020")
    titled(fig, ALL_DATA, "mean rank by test NLL")
    words = "; ".join(f"{name} {mean:.2f}" for name, mean in found.means.items())
    return Drawing(
        "ranks",
        ALL_DATA,
        "Mean rank over data sets",
        f"Mean rank by test NLL over {found.blocks} independent data sets, {ALL_DATA}: {words}.",
        f"Ranks of the models that were measured on every data set, at the largest budget, tuned where they were; 1 is "
        "best. Data sets of known density count as one. Two models differ where their ranks are "
        f"{found.critical:.2f} apart (Demšar 2006); a thick bar joins models that do not. "
        f"{'' if found.decide else f'There are {few}. '}{left_out(tied)}".strip(),
        fig,
    )


def scale_of_ranks(axes: Axes, entries: int, inches: float) -> None:
    """An axis of ranks along the top whose ordinate counts inches down from it."""
    axes.set(xlim=(1, max(entries, 2)), ylim=(-inches, 0))
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, entries + 1))
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)


def draw_rank(axes: Axes, name: str, mean: float, y: float, look: Look, *, left: bool, entries: int) -> None:
    """A name at one side, joined to its rank on the line."""
    style = look[name]
    edge = 1.0 if left else max(entries, 2)
    axes.plot([edge, mean, mean], [y, y, 0], color=style.colour, lw=0.9, clip_on=False)
    axes.plot(mean, 0, style.marker, color=style.colour, ms=5, clip_on=False, zorder=3)
    words = (
        f"{plot_label(short(name, LONGEST - 5))} {mean:.2f}"
        if left
        else f"{mean:.2f} {plot_label(short(name, LONGEST - 5))}"
    )
    axes.annotate(
        words,
        (edge, y),
        (-3 if left else 3, 0),
        "data",
        "offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=7,
        color=style.colour,
        annotation_clip=False,
    )


def alike(found: Ranks) -> list[tuple[float, float]]:
    """The longest runs of mean ranks that lie within the critical difference, none in another."""
    means = list(found.means.values())
    runs = [(first, max(m for m in means if m - first <= found.critical)) for first in means]
    longest = [run for n, run in enumerate(runs) if n == 0 or run[1] > runs[n - 1][1]]
    return [run for run in longest if run[1] > run[0]]


def heat_map(cells: list[ModelSummary]) -> Drawing | None:
    """How far each model is behind the lowest mean of each data set, in numbers and as colours of one scale."""
    bounded, tied = without_ties(cells)
    shown = [cell for cell in bounded if not cell.oracle and "nll_nats" in cell.intervals]
    data = list(dict.fromkeys(cell.data for cell in shown))
    by_place = {(cell.model, cell.data): cell for cell in shown}
    models = sorted({cell.model for cell in shown}, key=lambda name: (mean_place(name, data, by_place), name))
    if len(data) < 2 or len(models) < 2:
        return None
    gaps = gaps_of(shown)
    farthest = max(FAR, *gaps.values())
    shades = np.array([[shade(gaps.get((model, one)), farthest) for one in data] for model in models])
    left = 0.16 + CHARACTER * min(max(map(len, models)), LONGEST)
    foot = 0.1 + 0.75 * CHARACTER * min(max(map(len, data)), LONGEST)
    needed = left + CELL * len(data) + 0.1
    width = COLUMN if needed <= COLUMN else max(PAGE, needed)
    rows = 0.2 * len(models)
    height = TITLE + 0.08 + rows + foot
    fig = figure(width, height)
    across = min(width - left - 0.1, 1.5 * CELL * len(data))
    axes = fig.add_axes((left / width, foot / height, across / width, rows / height))
    axes.imshow(np.ma.masked_invalid(shades), cmap=MAP, vmin=-0.15, vmax=1.25, aspect="auto")
    for row, model in enumerate(models):
        for column, one in enumerate(data):
            cell = by_place.get((model, one))
            dark = cell is not None and shades[row, column] < 0.45
            axes.text(
                column,
                row,
                "" if cell is None else cell_words(cell, gaps[model, one]),
                ha="center",
                va="center",
                fontsize=6.5,
                color="white" if dark else "black",
            )
    axes.set_xticks(
        range(len(data)),
        [plot_label(short(one, LONGEST)) for one in data],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(len(models)), [plot_label(short(model, LONGEST)) for model in models])
    axes.tick_params(length=0, labelcolor="black")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    titled(fig, ALL_DATA, "nats behind the lowest mean")
    firsts = "; ".join(
        f"{one}: {min((c for c in shown if c.data == one), key=lambda c: c.intervals['nll_nats'].mean).model}"
        for one in data
    )
    return Drawing(
        "map",
        ALL_DATA,
        "Models by data sets",
        f"Nats of test NLL behind the lowest mean of each data set, a row a model, {ALL_DATA}. Lowest: {firsts}.",
        "Test NLL in nats less the lowest mean of the data set, at the largest budget, tuned where it was; lower is "
        "better. Colours are those of the numbers, on a logarithmic scale that all data sets share. Rows by their mean "
        "place. ≤ marks a bound. Means alone: who is told apart from whom stands in the tables. "
        f"{left_out(tied)}".strip(),
        fig,
    )


def without_ties(cells: Sequence[ModelSummary]) -> tuple[list[ModelSummary], list[str]]:
    """The cells of data on which a likelihood is bounded, and the names of the other data: nobody is first there."""
    tied = sorted({cell.data for cell in cells if cell.unbounded})
    return [cell for cell in cells if cell.data not in tied], tied


def left_out(tied: Sequence[str]) -> str:
    """The caption's sentence on data that are not shown."""
    return f"Left out: {', '.join(tied)}, with ties in columns, where a likelihood grows without bound." if tied else ""


def others_of(cell: ModelSummary, shown: Sequence[ModelSummary]) -> list[float]:
    """Mean NLLs of a cell's data set, rising."""
    return sorted(one.intervals["nll_nats"].mean for one in shown if one.data == cell.data)


def place_of(cell: ModelSummary | None, shown: Sequence[ModelSummary]) -> float:
    """Where the cell stands among those of its data set, 0 the lowest mean and 1 the highest; NaN for none."""
    if cell is None:
        return float("nan")
    means = others_of(cell, shown)
    return means.index(cell.intervals["nll_nats"].mean) / max(len(means) - 1, 1)


def gaps_of(shown: Sequence[ModelSummary]) -> dict[tuple[str, str], float]:
    """Model and data set -> nats behind the lowest mean of the data set."""
    lowest: dict[str, float] = {}
    for cell in shown:
        mean = cell.intervals["nll_nats"].mean
        lowest[cell.data] = min(mean, lowest.get(cell.data, mean))
    return {(cell.model, cell.data): cell.intervals["nll_nats"].mean - lowest[cell.data] for cell in shown}


def shade(gap: float | None, farthest: float) -> float:
    """The place of a gap on the scale of colours, 0 at `NEAR` nats or less and 1 at the farthest; NaN for none."""
    return float("nan") if gap is None else float(np.log10(max(gap, NEAR) / NEAR) / np.log10(farthest / NEAR))


def cell_words(cell: ModelSummary, gap: float) -> str:
    """The difference to the lowest mean, as many digits as a cell has room for."""
    digits = 0 if gap == 0 or gap >= 10 else 2 if gap >= 0.1 else 3
    return f"{'≤ ' * cell.is_bound}{gap:,.{digits}f}"


def mean_place(name: str, data: Sequence[str], by_place: dict[tuple[str, str], ModelSummary]) -> float:
    """The mean place of a model over the data sets that it was measured on."""
    every = list(by_place.values())
    own = [place_of(by_place[name, one], every) for one in data if (name, one) in by_place]
    return float(np.mean(own))
