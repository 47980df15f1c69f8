"""Plots of latents: rate against distortion, and likelihood over the latent size beside published numbers."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWN, CARETLEFT, CARETRIGHT, CARETUP

from bench.report.inert import slug
from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary
from bench.report.notes import NOTES
from bench.report.plot import COLUMN, PAGE
from bench.report.plots_curves import without_repeats
from bench.report.plots_labels import ABOVE, FEW, Label, beside_lines, beside_points, beyond_axes, plane
from bench.report.plots_likelihood import NLL
from bench.report.plots_numbers import plain, true_minus
from bench.report.plots_palette import Look, model_of
from bench.report.plots_range import shown_part, top_of
from bench.report.published import Counterpart, counterparts
from bench.report.style import Drawing, titled

SIZE = re.compile(r"latent_size=(\d{1,6})")
OPTION = re.compile(r"model\.latent_size=(\d{1,6})")
ALONG = tuple(np.linspace(-1, 1, 13).tolist())
"""Parts of a half-width where names should not cover a bar."""
FEWEST = 3
"""Sizes from which on a curve over them is drawn."""


class Point(NamedTuple):
    """An entry's likelihood at one size of its latent."""

    size: int
    cell: ModelSummary

    @property
    def interval(self) -> Interval:
        """Of its NLL."""
        return self.cell.intervals[NLL]


class Series(NamedTuple):
    """Published numbers of one source: size of the latent, NLL and half-width of each, by rising size."""

    source: str
    points: list[tuple[int, float, float]]


def rate_distortion(cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Rate against distortion, with lines of equal bound; None for fewer than two entries that have both."""
    shown = [c for c in without_repeats(cells) if {"rate_nats", "distortion_nats"} <= c.intervals.keys()]
    if len(shown) < 2:
        return None
    data = cells[0].data
    fig, (axes,) = plane([], height=2.4, width=PAGE if len(shown) > FEW else COLUMN)
    sums = [(c.intervals["rate_nats"].mean + c.intervals["distortion_nats"].mean, 0.0) for c in shown]
    edge = shown_part(sums).edge
    near = [cell for cell, (total, _) in zip(shown, sums, strict=True) if total <= edge]
    for axis, column in (("x", "distortion_nats"), ("y", "rate_nats")):
        values = [cell.intervals[column].mean for cell in near]
        room = 0.14 * (max(values) - min(values)) or 1.0
        getattr(axes, f"set_{axis}lim")(min(values) - room, max(values) + room)
    labels, bars = [], []
    for cell in near:
        (x, dx, _), (y, dy, _) = cell.intervals["distortion_nats"], cell.intervals["rate_nats"]
        style = look[cell.model]
        axes.errorbar(x, y, dy, dx, color=style.colour, marker=style.marker, ms=5, lw=0.8, ls="", capsize=1.5)
        labels.append(Label(cell.model, x, y, style.colour))
        bars += [(x + part * (dx or 0.0), y) for part in ALONG] + [(x, y + part * (dy or 0.0)) for part in ALONG]
    far = [cell for cell in shown if cell not in near]
    labels += [draw_beyond(axes, cell, look[cell.model].colour) for cell in far]
    equal_bounds(axes)
    axes.set(xlabel="distortion, nats", ylabel="rate, nats")
    beside_points(axes, labels, bars)
    titled(fig, data, "rate against distortion")
    measured = {
        c.model: f"rate {plain(c.intervals['rate_nats'].mean)}, distortion {plain(c.intervals['distortion_nats'].mean)}"
        for c in shown
    }
    beyond = ", ".join(f"{cell.model} ({measured[cell.model]})" for cell in far)
    arrows = f" Arrows, distortion and rate beyond the axes: {beyond}." if far else ""
    words = "; ".join(f"{model} {value}" for model, value in measured.items())
    return Drawing(
        f"rate-distortion-{slug(data)}",
        data,
        f"Rate against distortion on {data}",
        f"Rate and distortion on {data}, in nats: {words}.",
        "Rate: KL divergence of the posterior from the prior, what the latent says of an example. Distortion: what is "
        "left to say with it. Their sum is minus the ELBO, equal along a grey line and lower towards the lower left. "
        f"Bars are 95 % t intervals over seeds.{arrows}",
        fig,
    )


def draw_beyond(axes: Axes, cell: ModelSummary, colour: str) -> Label:
    """An arrow at the edge nearest to a point beyond the axes, and its name."""
    x, y = cell.intervals["distortion_nats"].mean, cell.intervals["rate_nats"].mean
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    at = min(max(x, left), right), min(max(y, bottom), top)
    marker: Any = CARETRIGHT if x > right else CARETLEFT if x < left else CARETUP if y > top else CARETDOWN
    axes.plot(*at, marker=marker, color=colour, ms=6, clip_on=False, zorder=3)
    return Label(cell.model, *at, colour)


def equal_bounds(axes: Axes) -> None:
    """Lines of equal rate plus distortion, the sum at their ends."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    low, high = left + bottom, right + top
    step = nice_step((high - low) / 6)
    for total in np.arange(np.ceil(low / step) * step, high, step):
        axes.plot([left, right], [total - left, total - right], color="#cccccc", lw=0.7, zorder=0)
        x = min(right, total - bottom)
        y = total - x
        if bottom <= y <= top - 0.03 * (top - bottom):
            axes.annotate(
                true_minus(f"{total:g}"),
                (x, y),
                (-2, 1),
                "data",
                "offset points",
                ha="right",
                va="bottom",
                fontsize=6,
                color="#777777",
            )
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.grid(False)


def nice_step(size: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(max(size, 1e-12)))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= size * 0.999))


def over_sizes(cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Test NLL over the size of the latent, published numbers as hollow points; None where no entry has some sizes."""
    curves = curves_of(cells)
    if not curves:
        return None
    data = cells[0].data
    published = {model: published_of(data, model, [p.size for p in points]) for model, points in curves.items()}
    lines = [[p.interval.mean for p in points] for points in curves.values()]
    lines += [[value for _, value, _ in one.points] for own in published.values() for one in own]
    low, high = min(map(min, lines)), top_of(lines)
    pad = 0.07 * (high - low) or 0.5
    low, high = low - pad, high + pad
    labels = names_of(curves, published, look)
    fig, (axes,) = plane([beyond_axes(label.name, label.y, low, high) for label in labels], height=2.1)
    axes.set_ylim(low, high)
    sizes = sorted({p.size for points in curves.values() for p in points})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    for model, points in curves.items():
        style = look[points[0].cell.model]
        x, y = [p.size for p in points], [p.interval.mean for p in points]
        axes.errorbar(
            x,
            y,
            [p.interval.half_width or 0.0 for p in points],
            color=style.colour,
            marker=style.marker,
            ms=4.5,
            lw=1.2,
            capsize=1.5,
        )
        for _, theirs in published[model]:
            px, py, half = zip(*theirs, strict=True)
            axes.errorbar(
                px,
                py,
                half,
                color=style.colour,
                marker=style.marker,
                ms=5.5,
                mfc="white",
                lw=0.8,
                ls=(0, (1, 1.5)),
                capsize=1.5,
                zorder=1.5,
            )
    axes.set(xlabel="size of the latent", ylabel="test NLL, nats (lower is better)")
    beside_lines(axes, labels)
    titled(fig, data, "test NLL over the latent's size")
    return drawing_over_sizes(data, curves, published, fig, cut=max(map(max, lines)) > high)


def names_of(curves: dict[str, list[Point]], published: dict[str, list[Series]], look: Look) -> list[Label]:
    """The name of each line at its end, ours and the published ones."""
    labels = []
    for model, points in curves.items():
        colour = look[points[0].cell.model].colour
        labels.append(Label(model, points[-1].size, points[-1].interval.mean, colour))
        labels += [Label(f"{model}, {one.source}", *one.points[-1][:2], colour) for one in published[model]]
    return labels


def drawing_over_sizes(
    data: str, curves: dict[str, list[Point]], published: dict[str, list[Series]], fig: Figure, *, cut: bool
) -> Drawing:
    """The figure with its words."""
    ours = "; ".join(
        f"{model} {', '.join(f'{plain(p.interval.mean)} at {p.size}' for p in points)}"
        for model, points in curves.items()
    )
    theirs = "; ".join(
        f"{model} by {one.source} {', '.join(f'{plain(value)} at {size}' for size, value, _ in one.points)}"
        for model, own in published.items()
        for one in own
    )
    bound = any(p.cell.is_bound for points in curves.values() for p in points)
    sentences = [
        "Filled: ours, with 95 % intervals over seeds and test examples, of a single seed over test examples alone.",
        "Hollow: published, with the 95 % interval of the error that was given; `bench reproduce` says what differs."
        if theirs
        else "",
        ABOVE if cut else "",
        NOTES["bound"].replace("≤ marks an upper bound", "All of ours are upper bounds") if bound else "",
    ]
    return Drawing(
        f"latent-size-{slug(data)}",
        data,
        f"Test NLL on {data} over the size of the latent",
        f"Test NLL on {data} in nats by size of the latent: {ours}.{f' Published: {theirs}.' if theirs else ''}",
        " ".join(filter(None, sentences)),
        fig,
    )


def curves_of(cells: Sequence[ModelSummary]) -> dict[str, list[Point]]:
    """model -> its points by rising size, of models whose rows differ in the size of their latent."""
    curves: dict[str, list[Point]] = defaultdict(list)
    for cell in cells:
        size = SIZE.search(cell.model)
        if size and NLL in cell.intervals and cell.model == f"{model_of(cell.model)} ({size[0]})":
            curves[model_of(cell.model)].append(Point(int(size[1]), cell))
    return {
        model: sorted(points, key=lambda point: point.size)
        for model, points in sorted(curves.items())
        if len(points) >= FEWEST
    }


def published_of(data: str, model: str, sizes: Sequence[int]) -> list[Series]:
    """The published numbers that stand beside this model's, a series a source, the longest first."""
    found: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for one in counterparts():
        if (one.data, one.model, one.column) == (data, model, NLL) and not one.not_comparable and size_of(one) in sizes:
            half = one.half_width(runs=2) or 0.0  # of the number alone: with one run, ours would count in as well
            found[one.published["source"].partition(";")[0]].append((size_of(one), one.value, half))
    return sorted((Series(source, sorted(points)) for source, points in found.items()), key=lambda s: -len(s.points))


def size_of(one: Counterpart) -> int:
    """The size of the latent that a counterpart has, -1 where its options say more or nothing."""
    if len(one.options) != 1:
        return -1
    size = OPTION.fullmatch(next(iter(one.options)))
    return int(size[1]) if size else -1
