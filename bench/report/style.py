"""The look of every plot: widths of a paper's columns, one font size, files with deterministic bytes."""

import io
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.report.inert import plot_label
from bench.report.pixels import palette_png
from bench.report.plot import COLUMN, DPI, Plot

WIDTH = COLUMN
CHARACTER = 0.058
"""Inches of a character of a label, on average."""
TITLE = 0.24
"""Inches above the axes that a title takes."""
TITLE_SIZE, GAP = 8.0, 0.08
"""Points of a title, and inches between its two parts."""
RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.2,
    "image.interpolation": "nearest",
    "image.composite_image": False,  # of an SVG: joining fifty pictures into one takes seconds
    "savefig.dpi": DPI,
    "svg.fonttype": "none",  # text that can be found and edited
    "svg.hashsalt": "bench",
    "pdf.fonttype": 42,
}
WIDE_RC: Any = (
    RC
    | {"font.size": 10, "axes.titlesize": 10, "axes.labelsize": 10, "legend.fontsize": 9}
    | dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 10)
)
"""For figures wider than a page, which `bench speed` draws."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe & Ito (2008), those dark enough
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), (0, (1, 1)))


class Drawing(NamedTuple):
    """A figure and its words.

    Attributes:
        name: of its files under plots/, without ending.
        data: the data set that it is about.
        title: what it shows, in a few words.
        alt: what a reader who cannot see it should know.
        caption: how to read it; names the intervals.
        figure: as matplotlib has it.
    """

    name: str
    data: str
    title: str
    alt: str
    caption: str
    figure: Figure


def rendered(drawing: Drawing, formats: Sequence[str]) -> Plot:
    """The drawing in these formats and as PNG; equal figures give equal bytes. To be called where `RC` is in force."""
    files = {"png": png(drawing.figure)}
    files |= {name: vector(drawing.figure, name) for name in formats if name != "png"}
    return Plot(*drawing[:5], files)


def figure(width: float = WIDTH, height: float = 2.6) -> Figure:
    """An empty figure of `width` x `height` inches that belongs to no global state."""
    fig = Figure(figsize=(width, height))
    FigureCanvasAgg(fig)
    return fig


def png(fig: Figure) -> bytes:
    """The figure as PNG of at most 256 colours, opaque; equal figures give equal bytes."""
    canvas, before = FigureCanvasAgg(fig), fig.dpi
    fig.set_dpi(DPI)
    canvas.draw()  # type: ignore[no-untyped-call]
    # The canvas alone knows how it rounds inches to pixels.
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    fig.set_dpi(before)
    return palette_png(pixels[..., :3], DPI)


def vector(fig: Figure, form: str) -> bytes:
    """The figure as SVG or PDF without a date; what is drawn as pixels stays so."""
    buffer = io.BytesIO()
    undated = {"Date": None} if form == "svg" else {"CreationDate": None}
    fig.savefig(buffer, format=form, dpi=DPI, metadata=undated)
    return buffer.getvalue()


def titled(fig: Figure, data: str, words: str, left: float = 0.06) -> None:
    """The title of a figure: the data set in bold, then what is shown; `left` inches from its edge.

    One too long for the figure is printed smaller.
    """
    width, height = fig.get_size_inches()
    at, top = left / width, 1 - 0.06 / height
    name = fig.text(at, top, plot_label(short(data, 24)), ha="left", va="top", fontweight="bold")
    rest = fig.text(at, top, words, ha="left", va="top")
    lengths = [length_of(text, fig, TITLE_SIZE) for text in (name, rest)]
    smaller = min(1.0, (width - 2 * left) / (sum(lengths) + GAP))
    name.set_fontsize(smaller * TITLE_SIZE)
    rest.set(fontsize=smaller * TITLE_SIZE, x=at + smaller * (lengths[0] + GAP) / width)


def length_of(text: Text, fig: Figure, size: float) -> float:
    """Inches that a text takes at a size."""
    text.set_fontsize(size)
    extent = text.get_window_extent(fig.canvas.get_renderer())  # type: ignore[attr-defined]
    return float(extent.width / fig.dpi)


def short(name: str, length: int) -> str:
    """The name, of a longer one its two ends."""
    tail = length // 2 - 1
    return name if len(name) <= length else f"{name[: length - tail - 1]}…{name[-tail:]}"


def log_axis(axes: Axes, axis: Literal["x", "y"], values: Iterable[float], *, always: bool = False) -> bool:
    """Makes an axis logarithmic when its positive values span more than a factor of 10; says whether it did."""
    positive = [value for value in values if value > 0]
    if not positive or (max(positive) < 10 * min(positive) and not always):
        return False
    getattr(axes, f"set_{axis}scale")("log")
    ticks = getattr(axes, f"{axis}axis")
    if max(positive) < 1e5 and min(positive) >= 1e-3:
        ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if max(positive) < 10**2.5 * min(positive):
        ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ticks.set_minor_formatter(NullFormatter())
    return True
