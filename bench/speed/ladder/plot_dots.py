"""Dots for the rows of `bench speed ladder` and `reach`."""

from typing import NamedTuple

from matplotlib import style

from bench.report.style import COLOURS, MARKERS, WIDE_RC, figure, png

LIBRARIES = ("torchdiffeq", "bench", "zuko", "torchode", "JAX")
"""Each has its colour and marker in every plot."""
WIDTH = 8.4  # inches
ROW = 0.33
LEFT, RIGHT, TOP, BOTTOM = 3.5, 2.1, 0.4, 0.55


class Dot(NamedTuple):
    """One row of a plot.

    Attributes:
        name: left of it.
        library: decides colour and marker.
        value: where it stands.
        low, high: quartiles.
        text: right of it.
        ring: where an open marker stands, joined by a line; None for none.
    """

    name: str
    library: str
    value: float
    low: float
    high: float
    text: str
    ring: float | None = None


def dot_plot(dots: list[Dot], axis: str) -> bytes:
    """The rows from top to bottom over a logarithmic axis, as PNG."""
    shown = {dot.library for dot in dots}
    every = zip(LIBRARIES, COLOURS, MARKERS, strict=False)
    looks = {library: (colour, marker) for library, colour, marker in every if library in shown}
    with style.context(["default", WIDE_RC]):
        height = TOP + BOTTOM + ROW * len(dots)
        page = figure(WIDTH, height)
        box = (LEFT / WIDTH, BOTTOM / height, 1 - (LEFT + RIGHT) / WIDTH, 1 - (TOP + BOTTOM) / height)
        axes = page.add_axes(box)
        for place, dot in enumerate(dots):
            colour, marker = looks[dot.library]
            axes.plot([dot.low, dot.high], [place, place], color=colour, lw=1.6)
            axes.plot(dot.value, place, marker=marker, color=colour, ms=7, zorder=3)
            if dot.ring is not None:
                axes.plot([dot.value, dot.ring], [place, place], color=colour, lw=0.8, ls=":")
                axes.plot(dot.ring, place, marker=marker, color=colour, ms=7, mfc="white", zorder=3)
            axes.text(1.02, place, dot.text, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
        axes.set_yticks(range(len(dots)), [dot.name for dot in dots], fontsize=9)
        axes.set_ylim(len(dots) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.set_xlabel(axis)
        axes.xaxis.set_major_formatter("{x:g}")
        for library, (colour, marker) in looks.items():
            axes.plot([], [], ls="", marker=marker, color=colour, label=library)
        page.legend(loc="upper right", ncols=len(looks), bbox_to_anchor=(1.0, 1.0), handletextpad=0.2)
        return png(page)
