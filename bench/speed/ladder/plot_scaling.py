"""Curves of `bench speed scaling`: a panel for each size that is varied."""

import math
import statistics
from typing import NamedTuple

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from bench.report.intervals import Interval
from bench.report.style import COLOURS, LINES, MARKERS, WIDE_RC, figure, png
from bench.speed.interleave import Spread

WIDTH, HEIGHT = 8.0, 6.4  # inches, of two panels by two


class Curve(NamedTuple):
    """One method's times.

    Attributes:
        name: in the legend.
        milliseconds: of a step, by value, a number a round.
        fitted: the values that the exponent is of.
        exponent: with its interval over rounds.
    """

    name: str
    milliseconds: dict[int, list[float]]
    fitted: tuple[int, ...]
    exponent: Interval


class Panel(NamedTuple):
    """The curves over one size."""

    label: str
    curves: list[Curve]


def scaling_plot(panels: list[Panel]) -> bytes:
    """Medians with quartiles, both axes logarithmic; a dashed line has the fitted exponent. As PNG."""
    names = dict.fromkeys(curve.name for panel in panels for curve in panel.curves)
    looks = {name: (COLOURS[number], MARKERS[number]) for number, name in enumerate(names)}
    with style.context(["default", WIDE_RC]):
        page = figure(WIDTH, HEIGHT)
        for number, panel in enumerate(panels):
            axes = page.add_subplot(math.ceil(len(panels) / 2), 2, number + 1)
            for curve in panel.curves:
                draw(axes, curve, *looks[curve.name])
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set(xlabel=panel.label, ylabel="ms a training step")
            values = sorted({value for curve in panel.curves for value in curve.milliseconds})
            axes.set_xticks(values, [f"{value:g}" for value in values], fontsize=9)
            axes.xaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
            axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0.2)
        page.tight_layout()
        return png(page)


def draw(axes: Axes, curve: Curve, colour: str, marker: str) -> None:
    """One curve and its fit."""
    values = list(curve.milliseconds)
    spreads = [Spread.of(times) for times in curve.milliseconds.values()]
    middle = [spread.median for spread in spreads]
    below = [spread.median - spread.low for spread in spreads]
    above = [spread.high - spread.median for spread in spreads]
    slope, half = curve.exponent.mean, curve.exponent.half_width
    axes.errorbar(
        values,
        middle,
        [below, above],
        color=colour,
        marker=marker,
        ms=5,
        lw=1.2,
        capsize=2.5,
        label=f"{curve.name}, exponent {slope:.2f}" + ("" if half is None else f" ± {half:.2f}"),
    )
    x = np.array(curve.fitted, dtype=float)
    centre = statistics.fmean(math.log(statistics.median(curve.milliseconds[value])) for value in curve.fitted)
    fit = np.exp(centre + slope * (np.log(x) - np.log(x).mean()))
    axes.plot(x, fit, color="#222222", ls=LINES[1], lw=1.0, zorder=4)
