"""Plots of one row a name: dots with their intervals, far ones as arrows with their number."""

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETLEFT, CARETRIGHT

from bench.report.inert import plot_label
from bench.report.model_summary import ModelSummary
from bench.report.notes import marked
from bench.report.plot import COLUMN, PAGE
from bench.report.plots_range import Shown
from bench.report.style import CHARACTER, TITLE, figure

NAME_WIDTH, LONGEST_LINE = 26, 34  # characters of a name on one line, of one without a space
ROW, SECOND_LINE = 0.2, 0.11
BELOW = 0.42
ARROW = "An arrow: beyond the edge, as written."
"""The caption's words where there is a `far_row`."""


RIGHT = 0.19
"""Inches at the right: half of the label of a tick that stands at the end."""


def rows_of_names(
    names: Sequence[str], panels: int = 1, below: float = BELOW, above: float = 0.06
) -> tuple[Figure, list[Axes]]:
    """Panels beside each other with a row for each name, the first name at the bottom, and room for a title."""
    lines = [in_lines(name) for name in names]
    left = 0.16 + CHARACTER * max(len(line) for name in lines for line in name.split("\n"))
    row = max(ROW, ROW + SECOND_LINE * max(name.count("\n") for name in lines))
    width = COLUMN if panels == 1 and left <= 0.55 * COLUMN else PAGE
    total = TITLE + above + row * len(names) + below
    fig = figure(width, total)
    between = 0.14
    across = (width - left - RIGHT - between * (panels - 1)) / panels
    places = [(left + panel * (across + between)) / width for panel in range(panels)]
    drawn = [fig.add_axes((at, below / total, across / width, row * len(names) / total)) for at in places]
    for place, axes in enumerate(drawn):
        axes.set(ylim=(-0.6, len(names) - 0.4), yticks=range(len(names)))
        axes.set_yticklabels(map(plot_label, lines) if place == 0 else [])
        axes.tick_params(axis="y", length=0, labelcolor="black", pad=4)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
    return fig, drawn


def row_names(cells: Sequence[ModelSummary]) -> list[str]:
    """The models' names, their marks on one line."""
    pairs = zip(cells, marked([*cells]), strict=True)
    return [cell.model + name[len(cell.model) :].replace(", ", "\N{NO-BREAK SPACE}") for cell, name in pairs]


def in_lines(name: str) -> str:
    """The name on lines that leave room for the axes: divided between its words, and a very long word as well."""
    lines = textwrap.wrap(name, NAME_WIDTH, break_long_words=False)
    return "\n".join(part for line in lines for part in textwrap.wrap(line, LONGEST_LINE))


def interval_row(axes: Axes, row: int, mean: float, ends: tuple[float, float], shown: Shown, **look: object) -> None:
    """A dot with its interval."""
    bar(axes, row, ends, shown, str(look["color"]))
    axes.plot(mean, row, ms=5.5, ls="", zorder=3, **look)  # type: ignore[arg-type]


def bar(axes: Axes, height: float, ends: tuple[float, float], shown: Shown, colour: str, *, width: float = 1.5) -> None:
    """An interval across; an end beyond the axes is an arrow head there."""
    low, high = max(ends[0], shown.low), min(ends[1], shown.high)
    axes.plot([low, high], [height, height], color=colour, lw=width, solid_capstyle="butt", zorder=2)
    for end, inside, head in ((ends[0], low, CARETLEFT), (ends[1], high, CARETRIGHT)):
        cut = end != inside
        marker: Any = head if cut else "|"
        axes.plot(inside, height, marker=marker, color=colour, ms=5, mew=0 if cut else 1.3, clip_on=False, zorder=2)


def far_row(axes: Axes, row: int, words: str, edge: float, colour: str, *, hollow: bool = False) -> None:
    """An arrow at the edge for what lies beyond, its number written."""
    filling = "white" if hollow else colour
    axes.plot(edge, row, marker=CARETRIGHT, color=colour, mfc=filling, ms=7, clip_on=False, zorder=3)
    axes.annotate(words, (edge, row), (-9, 0), "data", "offset points", ha="right", va="center", fontsize=7)
