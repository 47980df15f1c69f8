"""Names in place of legends: at the ends of lines, in a margin right of the axes, and beside points."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from bench.report.inert import plot_label
from bench.report.plot import COLUMN, PAGE
from bench.report.plots_numbers import plain
from bench.report.style import CHARACTER, TITLE, figure, short

LONGEST = 34
"""Characters of a name in a plot."""
LINE = 0.125
"""Inches from one name to the next."""
LEFT, RIGHT, BELOW = 0.52, 0.12, 0.42
EDGE = 0.02
"""Inches that words keep from the edge of a figure."""
WIDEST_MARGIN = 1.15
"""Inches of names right of the axes from which on a figure takes both columns of a paper."""
ABOVE = "Parts of lines lie above the axis: an arrow, and the number of an end that lies there."
"""The caption's words where `beyond_axes` gives numbers."""
SIZE = 7
ANGLES = (1, 3, 7, 5, 2, 6, 0, 4)
"""Eighths of a turn, between the bars of an interval first."""
RADII = (0.1, 0.19, 0.3, 0.42, 0.58, 0.8, 1.05, 1.35, 1.7, 2.2, 2.8)
FEW = 7
"""Points beyond which the names beside them need the width of both columns."""
Box = tuple[float, float, float, float]


class Label(NamedTuple):
    """A name and the point that it stands for, in data coordinates."""

    name: str
    x: float
    y: float
    colour: str


def plane(
    names: Sequence[str], height: float = 1.9, panels: int = 1, width: float = COLUMN
) -> tuple[Figure, list[Axes]]:
    """Axes, one below the other, with a margin right of them that holds the names, and room for a title.

    Long names take the width of both columns.
    """
    margin = 0.22 + CHARACTER * max(map(len, (short(name, LONGEST + 12) for name in names)), default=0)
    width = width if margin <= WIDEST_MARGIN else PAGE
    height = max(height * (1.25 if width == PAGE else 1), LINE * len(names))
    top, between = TITLE + 0.1, BELOW + 0.1
    total = top + panels * height + (panels - 1) * between + BELOW
    fig = figure(width, total)
    across = (width - LEFT - max(margin, RIGHT)) / width
    bottoms = [BELOW + place * (height + between) for place in reversed(range(panels))]
    return fig, [fig.add_axes((LEFT / width, bottom / total, across, height / total)) for bottom in bottoms]


def room_left(fig: Figure) -> None:
    """Moves the left edge of a figure's panels to where their ticks and the words at their axes have room."""
    drawn = [axes.yaxis.get_tightbbox(fig.canvas.get_renderer()) for axes in fig.axes]  # type: ignore[attr-defined]
    lacking = max([0.0, *(EDGE - box.x0 / fig.dpi for box in drawn if box is not None)]) / fig.get_size_inches()[0]
    for axes in fig.axes:
        left, bottom, across, up = axes.get_position().bounds
        axes.set_position((left + lacking, bottom, across - lacking, up))


def beside_lines(axes: Axes, labels: Sequence[Label]) -> None:
    """Each name in the margin right of the axes, at the height of its line's end or next to it, joined by a thin line.

    To be called when the limits and the words of the axes are set.
    """
    if not labels:
        return
    fig = axes.get_figure(root=True)
    assert fig is not None
    room_left(fig)
    height = axes.get_position().height * fig.get_size_inches()[1]
    beyond = 1 + 0.12 / (axes.get_position().width * fig.get_size_inches()[0])
    low, high = axes.get_ylim()
    ends = [(label.x, min(max(label.y, low), high)) for label in labels]
    to_axes = axes.transData + axes.transAxes.inverted()
    wanted = [float(to_axes.transform(end)[1]) * height for end in ends]
    names = [beyond_axes(label.name, label.y, low, high) for label in labels]
    for label, name, end, at in zip(labels, names, ends, spread(wanted, LINE, 0.0, height), strict=True):
        axes.annotate(
            name,
            end,
            (beyond, at / height),
            "data",
            "axes fraction",
            color=label.colour,
            fontsize=SIZE,
            ha="left",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "lw": 0.5,
                "color": label.colour,
                "alpha": 0.55,
                "shrinkA": 0,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
            bbox={"pad": 0.5, "fc": "none", "ec": "none"},
        )


def beyond_axes(name: str, y: float, low: float, high: float) -> str:
    """The name as it is printed, with an arrow and the number where the axes end before it."""
    printed = plot_label(short(name, LONGEST))
    return printed if low <= y <= high else f"{printed} {'↑' if y > high else '↓'} {plain(y)}"


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Places nearest to those wanted, by least squares, at least so far apart; within the ends while there is room."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    steps = apart * np.arange(len(wanted))
    free = isotonic_regression(np.array([wanted[i] for i in order]) - steps).x
    top = max(high - apart * (len(wanted) - 1), low)
    placed = np.clip(free, low, top) + steps
    places = [0.0] * len(wanted)
    for i, at in zip(order, placed.tolist(), strict=True):
        places[i] = at
    return places


def beside_points(axes: Axes, labels: Sequence[Label], taken: Sequence[tuple[float, float]] = ()) -> None:
    """Each name beside its point, where it covers no other name or number and as few points as can be.

    Args:
        axes: whose limits, scales and words are set.
        labels: to be placed.
        taken: other points that are better left uncovered.
    """
    fig = axes.get_figure(root=True)
    assert fig is not None
    room_left(fig)
    inches = axes.transData + fig.dpi_scale_trans.inverted()
    at = [tuple(inches.transform((label.x, label.y))) for label in labels]
    points = np.array([*at, *(tuple(inches.transform(point)) for point in taken)]).reshape(-1, 2)
    frame = axes.get_window_extent().transformed(fig.dpi_scale_trans.inverted()).extents
    placed: list[Box] = [
        text.get_window_extent().transformed(fig.dpi_scale_trans.inverted()).extents for text in axes.texts
    ]
    for label, place in sorted(zip(labels, at, strict=True), key=lambda pair: (-pair[1][1], pair[1][0])):
        name = short(label.name, LONGEST)
        boxes = [box_at(place, len(name), angle, radius) for radius, angle in itertools.product(RADII, ANGLES)]
        costs = [cost_of(box, placed, points, frame) + 0.02 * (i // 8) for i, box in enumerate(boxes)]
        best = boxes[int(np.argmin(costs))]
        placed.append(best)
        middle = ((best[0] + best[2]) / 2, (best[1] + best[3]) / 2)
        nearest = (min(max(place[0], best[0]), best[2]), min(max(place[1], best[1]), best[3]))
        far = math.dist(nearest, place) > 0.12
        axes.annotate(
            plot_label(name),
            (label.x, label.y),
            (72 * (middle[0] - place[0]), 72 * (middle[1] - place[1])),
            "data",
            "offset points",
            color=label.colour,
            fontsize=SIZE,
            ha="center",
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": label.colour, "alpha": 0.6, "shrinkA": 0, "shrinkB": 2}
            if far
            else None,
        )


def box_at(place: tuple[float, float], characters: int, angle: int, radius: float) -> Box:
    """The box of a name in inches, at one of eight angles from its point."""
    width, height = CHARACTER * characters, 0.11
    across, up = (round(math.cos(angle * math.pi / 4), 3), round(math.sin(angle * math.pi / 4), 3))
    x = place[0] + across * radius + (0.5 * width * ((across > 0) - (across < 0)))
    y = place[1] + up * radius + (0.5 * height * ((up > 0) - (up < 0)))
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def cost_of(box: Box, placed: Sequence[Box], points: Any, frame: Any) -> float:
    """What a place costs: names that it covers, points, and what lies out of the axes."""
    left, bottom, right, top = box
    covered = sum(
        max(0.0, min(right, other[2]) - max(left, other[0])) * max(0.0, min(top, other[3]) - max(bottom, other[1]))
        for other in placed
    )
    near = 0.04
    hit = (points[:, 0] > left - near) & (points[:, 0] < right + near)
    hit &= (points[:, 1] > bottom - near) & (points[:, 1] < top + near)
    out = (
        max(0.0, frame[0] - left) + max(0.0, right - frame[2]) + max(0.0, frame[1] - bottom) + max(0.0, top - frame[3])
    )
    return float(40 * covered + 5 * (covered > 0) + 0.3 * hit.sum() + 6 * out + 10 * (out > 0))
