"""Plots of what a record holds as a curve: reconstruction against latent noise, the bound against its K."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from bench.record.store import divided
from bench.report.inert import slug
from bench.report.intervals import Interval, t_interval
from bench.report.model_summary import ModelSummary
from bench.report.plots_labels import ABOVE, Label, beside_lines, beyond_axes, plane
from bench.report.plots_numbers import plain, quantity
from bench.report.plots_palette import Look, Style
from bench.report.plots_range import log_edge, positive_ends
from bench.report.study import Array, Study
from bench.report.style import Drawing, log_axis, titled

DECADES = 4  # a logarithmic axis shows so many below its top: an exact inverse's 1e-12 would flatten the rest
SPREAD_WORDS = "Bars are 95 % t intervals over seeds, of the logarithm: neither can be negative."
EXACT = 1e-8
"""Mean squared error without noise below which an entry is an exact inverse, but for rounding."""
FEW = 3
"""Exact inverses from which on one band stands for them all: their curves hardly differ."""
BAND = "#7a7a7a"
SMALLEST_GAP = 1e-3  # nats
Curve = dict[float, Interval]


def reconstruction(study: Study, cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Mean squared reconstruction error against the noise added to the latent; exact inverses as one band."""
    curves = means(study, cells, "noise")
    if not curves:
        return None
    data = cells[0].data
    exact = [name for name, curve in curves.items() if curve[min(curve)].mean < EXACT]
    edge = log_edge([highest(curve) for curve in curves.values()])
    near = [name for name in exact if highest(curves[name]) <= edge]
    banded = near if len(near) >= FEW else []
    lines = {name: curve for name, curve in curves.items() if name not in banded}
    family = f"{len(banded)} exact inverses"
    values = [interval.mean for curve in curves.values() for interval in curve.values() if interval.mean > 0]
    others = [v.mean for name, curve in curves.items() if name not in exact for v in curve.values() if v.mean > 0]
    lowest = min(others) / 3 if len(curves) - len(exact) >= FEW else min(values, default=1.0) / 1.5
    top = max((value for value in values if value <= edge), default=1.0)
    low, high = max(lowest, top * 10**-DECADES), top * 1.6
    names = [beyond_axes(name, curve[max(curve)].mean, low, high) for name, curve in lines.items()]
    fig, (axes,) = plane([*names, *([family] if banded else [])])
    if log_axis(axes, "y", values):
        axes.set_ylim(low, high)
    labels = []
    if banded:
        labels.append(draw_band(axes, [curves[name] for name in banded], family))
    for name, curve in lines.items():
        draw_line(axes, curve, look[name])
        last = max(curve)
        labels.append(Label(name, last, curve[last].mean, look[name].colour))
    axes.set(xlabel="latent noise, standard deviations of the prior", ylabel="squared error (lower is better)")
    beside_lines(axes, labels)
    titled(fig, data, "reconstruction at equal latent noise")
    ends = "; ".join(f"{m} from {plain(c[min(c)].mean)} to {plain(c[max(c)].mean)}" for m, c in curves.items())
    below = min(values, default=1.0) < axes.get_ylim()[0]
    sentences = [
        "Mean squared error per coordinate of decode(encode(x) + noise), the one reconstruction that means the same "
        f"for a flow and a VAE; lower is better. {SPREAD_WORDS}",
        f"The band holds the means of {', '.join(banded)}." if banded else "",
        "Errors below the axis are those of an exact inverse." if below else "",
        ABOVE if max(values, default=0.0) > high else "",
    ]
    return Drawing(
        f"reconstruction-{slug(data)}",
        data,
        f"Reconstruction on {data} at equal latent noise",
        f"Reconstruction error on {data} as latent noise grows: {ends}.",
        " ".join(filter(None, sentences)),
        fig,
    )


def highest(curve: Curve) -> float:
    """The highest mean of a curve."""
    return max(interval.mean for interval in curve.values())


def draw_band(axes: Axes, curves: Sequence[Curve], name: str) -> Label:
    """The lowest and the highest of some curves, and between them the middle."""
    shared = sorted(set.intersection(*map(set, curves)))
    table = np.array([[max(curve[x].mean, 1e-30) for x in shared] for curve in curves])
    axes.fill_between(shared, table.min(0), table.max(0), color=BAND, alpha=0.3, lw=0)
    middle = np.exp(np.log(table).mean(0))
    axes.plot(shared, middle, color=BAND, lw=1.0)
    return Label(name, shared[-1], float(middle[-1]), "#444444")


def k_curve(study: Study, cells: list[ModelSummary], look: Look) -> Drawing | None:
    """How far the bound at K importance samples is above that at the largest K, paired by seed."""
    shown = without_repeats([cell for cell in cells if gaps_of(study, cell)])
    curves = {cell.model: gaps_of(study, cell) for cell in shown}
    if not curves:
        return None
    data = cells[0].data
    values = [max(interval.mean, SMALLEST_GAP) for curve in curves.values() for interval in curve.values()]
    edge = log_edge([max(highest(curve), SMALLEST_GAP) for curve in curves.values()])
    low, high = min(values) / 1.5, max(value for value in values if value <= edge) * 1.6
    ends = {name: max(curve[max(curve)].mean, SMALLEST_GAP) for name, curve in curves.items()}
    fig, (axes,) = plane([beyond_axes(name, end, low, high) for name, end in ends.items()])
    log_axis(axes, "x", [k for curve in curves.values() for k in curve])
    log_axis(axes, "y", values, always=True)
    axes.set_ylim(low, high)
    labels = []
    for cell in shown:
        name, curve = cell.model, curves[cell.model]
        draw_line(axes, {k: interval._replace(half_width=None) for k, interval in curve.items()}, look[name])
        draw_seeds(axes, study, cell, look[name])
        labels.append(Label(name, max(curve), ends[name], look[name].colour))
    axes.set(xlabel="importance samples K", ylabel="above bound at largest K,\nnats (lower is tighter)")
    beside_lines(axes, labels)
    titled(fig, data, "how the bound falls with K")
    cut = f" {ABOVE}" if max(values) > high else ""
    return Drawing(
        f"k-curve-{slug(data)}",
        data,
        f"How the bound on {data} falls with K",
        f"IWAE bound of the test NLL on {data} less that at the largest K: "
        + "; ".join(f"{name} {plain(c[min(c)].mean)} nats at K={min(c):g}" for name, c in curves.items())
        + ".",
        "How much each bound falls from K importance samples to the most that were taken. A curve that is still high "
        "at its right end, where K is next to the largest, has a bound that more samples would lower: its model is "
        f"better than its row says. Thin lines are single seeds.{cut} {last_steps(study, shown)}".strip(),
        fig,
    )


def draw_seeds(axes: Axes, study: Study, cell: ModelSummary, style: Style) -> None:
    """The single seeds of a bound's fall, thin."""
    of_seeds = seed_gaps(study, cell)
    for gaps in of_seeds if len(of_seeds) > 1 else []:
        k, nats = gaps[:, 0], np.maximum(gaps[:, 1], np.finfo(float).tiny)
        axes.plot(k, nats, color=style.colour, lw=0.5, alpha=0.35, zorder=1)


def seed_gaps(study: Study, cell: ModelSummary) -> list[Array]:
    """Of each finished run K and the bound there less that at its largest K, `(points, 2)`."""
    found = []
    for run in cell.finished:
        curve = study.curves.get((run["run_id"], "k"), np.empty((0, 2)))
        curve = curve[np.isfinite(curve).all(1)]
        curve = curve[np.argsort(curve[:, 0])]
        if len(curve) > 1:
            found.append(curve[:-1] - np.array([0.0, curve[-1, 1]]))
    return found


def gaps_of(study: Study, cell: ModelSummary) -> Curve:
    """K -> the interval of the bound at K less that at the largest K, over seeds."""
    values: dict[float, list[float]] = {}
    for gaps in seed_gaps(study, cell):
        for k, gap in gaps.tolist():
            values.setdefault(k, []).append(gap)
    return {k: t_interval(values[k]) for k in sorted(values)}


def last_steps(study: Study, cells: list[ModelSummary]) -> str:
    """What each model gains by the last increase of K, paired by seed: a sentence for all that share that step."""
    of_step: dict[tuple[float, ...], list[str]] = defaultdict(list)
    for cell in cells:
        curves = [study.curves[run["run_id"], "k"] for run in cell.finished if (run["run_id"], "k") in study.curves]
        ends = [curve[np.argsort(curve[:, 0])][-2:] for curve in curves if len(curve) > 1]
        if len({tuple(end[:, 0]) for end in ends}) == 1:
            drop = t_interval([float(end[0, 1] - end[1, 1]) for end in ends])
            of_step[tuple(ends[0][:, 0].tolist())].append(f"{cell.model} {quantity(drop)}")
    return " ".join(
        f"From K={low:g} to K={high:g} the NLL falls, in nats and paired by seed: {'; '.join(drops)}."
        for (low, high), drops in of_step.items()
    )


def without_repeats(cells: list[ModelSummary]) -> list[ModelSummary]:
    """Of cells that are evaluations of the same runs the first."""
    kept: dict[frozenset[str], ModelSummary] = {}
    for cell in cells:
        if cell.finished:
            kept.setdefault(frozenset(divided(run["run_id"])[0] for run in cell.finished), cell)
    return list(kept.values())


def means(study: Study, cells: list[ModelSummary], kind: str) -> dict[str, Curve]:
    """model -> x -> the interval of y over the finished seeds."""
    curves: dict[str, Curve] = {}
    for cell in without_repeats(cells):
        values: dict[float, list[float]] = {}
        for run in cell.finished:
            for x, y in study.curves.get((run["run_id"], kind), np.empty((0, 2))):
                if np.isfinite(y):
                    values.setdefault(float(x), []).append(float(y))
        if values:
            curves[cell.model] = {x: t_interval(values[x]) for x in sorted(values)}
    return curves


def draw_line(axes: Axes, curve: Curve, style: Style) -> None:
    """Means with the intervals of their logarithms, but for those above a logarithmic axis."""
    x, y = np.array(list(curve)), np.array([interval.mean for interval in curve.values()])
    inside = np.ones(len(y), bool)
    if axes.get_yscale() == "log":
        y = np.maximum(y, np.finfo(float).tiny)
        inside = y <= axes.get_ylim()[1]
    ends = np.array([positive_ends(interval) for interval in curve.values()])
    bars = np.maximum(np.stack([y - ends[:, 0], ends[:, 1] - y]), 0.0) * inside
    axes.errorbar(
        x, y, bars, color=style.colour, ls=style.line, marker=style.marker, ms=3.5, lw=1.1, capsize=1.5, elinewidth=0.7
    )
