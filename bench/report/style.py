"""The look of every plot: one colour, marker and line per model, one font size, deterministic PNG bytes."""

import io
import textwrap
import zlib
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

DPI = 180
WIDTH = 4.8  # inches: text of 10 points stays legible when the figure fills a phone's width
LEGEND_WIDTH = 46
"""Characters that one line of a legend holds."""
RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 1.8,
    "image.interpolation": "nearest",
    "savefig.dpi": DPI,
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe & Ito (2008), those dark enough
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")  # 11 of them, coprime with the 6 colours
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), (0, (1, 1)))
FAMILIAR = {"vae": 0, "realnvp": 1, "cnf": 2}
FREE = range(len(FAMILIAR), len(COLOURS))
SLOTS = len(COLOURS) * len(MARKERS)


class Plot(NamedTuple):
    """A finished figure.

    Attributes:
        name: of its file under plots/, without `.png`.
        data: the data set that it is about.
        title: what it shows, in a few words.
        alt: what a reader who cannot see it should know.
        caption: how to read it; names the intervals.
        png: its bytes.
    """

    name: str
    data: str
    title: str
    alt: str
    caption: str
    png: bytes


class Style(NamedTuple):
    """Colour, marker and line of a model, the same in every plot."""

    colour: str
    marker: str
    line: Any


def styles(models: Iterable[str]) -> dict[str, Style]:
    """model -> style. The first three entries have theirs for good; a new one starts from its hash among free colours.

    Once these are used up, those of the first three that are not shown follow, and then all again with other markers
    and lines.
    """
    slots: dict[str, int] = {}
    shown = set(models)
    unused = [slot for name, slot in FAMILIAR.items() if name not in shown]
    for model in sorted(shown, key=lambda name: (name not in FAMILIAR, name)):
        turn = zlib.crc32(model.encode()) % len(FREE)
        preferred = [*FREE[turn:], *FREE[:turn], *unused, *range(len(COLOURS), SLOTS)]
        slots[model] = FAMILIAR.get(model, next((s for s in preferred if s not in slots.values()), preferred[0]))
    return {
        model: Style(COLOURS[slot % len(COLOURS)], MARKERS[slot % len(MARKERS)], LINES[slot % len(LINES)])
        for model, slot in slots.items()
    }


def figure(width: float = WIDTH, height: float = 3.7) -> Figure:
    """An empty figure of `width` x `height` inches that belongs to no global state."""
    fig = Figure(figsize=(width, height))
    FigureCanvasAgg(fig)
    return fig


def png(fig: Figure) -> bytes:
    """The figure as PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def plane(names: list[str], height: float = 2.6) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, `height` inches high, and room above for a legend of `names`."""
    top, bottom, left = 0.12 + legend_height(names), 0.52, 0.8
    total = bottom + height + top
    right = 0.25  # half of a number such as 10000 that stands at the end of the axis
    fig = figure(height=total)
    axes = fig.add_axes((left / WIDTH, bottom / total, (WIDTH - left - right) / WIDTH, height / total))
    return fig, axes


def legend_height(names: list[str]) -> float:
    """Inches of a legend of these names."""
    columns = _legend_columns(names)
    rows = sum(_wrapped(name).count("\n") + 1 for name in names) if columns == 1 else -(-len(names) // columns)
    return 0.21 * rows


def legend(axes: Axes) -> None:
    """A legend above the axes, where it hides nothing."""
    handles, names = axes.get_legend_handles_labels()
    columns = _legend_columns(names)
    words = list(map(_wrapped, names))
    place = (-0.02, 1.0)
    box = axes.legend(handles, words, loc="lower left", bbox_to_anchor=place, ncols=columns, borderaxespad=0.2)
    for line in box.get_lines():
        line.set_alpha(1)


def _legend_columns(names: list[str]) -> int:
    longest = max(map(len, names))
    return 3 if longest < 11 else 2 if longest < 22 else 1


def _wrapped(name: str) -> str:
    """On as many lines as the figure's width asks for."""
    return textwrap.fill(name, LEGEND_WIDTH)


def log_axis(axes: Axes, axis: Literal["x", "y"], values: Iterable[float]) -> bool:
    """Makes an axis logarithmic when its positive values span more than a factor of 10; says whether it did."""
    positive = [value for value in values if value > 0]
    if not positive or max(positive) < 10 * min(positive):
        return False
    getattr(axes, f"set_{axis}scale")("log")
    ticks = getattr(axes, f"{axis}axis")
    if max(positive) < 1e5 and min(positive) >= 1e-3:
        ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if max(positive) < 1e2 * min(positive):
        ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ticks.set_minor_formatter(NullFormatter())
    return True
