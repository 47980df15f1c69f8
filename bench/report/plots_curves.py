"""Plots of what a record holds as a curve: reconstruction against latent noise, the bound against its K."""

import numpy as np
from matplotlib.axes import Axes

from bench.report.inert import plot_label, slug
from bench.report.intervals import Interval, t_interval
from bench.report.model_summary import ORACLE, ModelSummary
from bench.report.numbers import plain, quantity
from bench.report.plots_likelihood import ORACLE_LINE
from bench.report.study import Study
from bench.report.style import Plot, Style, legend, log_axis, plane, png

DECADES = 4  # a logarithmic axis shows so many below its top: an exact inverse's 1e-12 would flatten the rest
SPREAD_WORDS = "Bars are 95 % t intervals of the mean over seeds."


def reconstruction(study: Study, cells: list[ModelSummary], look: dict[str, Style]) -> Plot | None:
    """Mean squared reconstruction error against the noise added to the latent."""
    curves = _means(study, cells, "noise")
    if not curves:
        return None
    fig, axes = plane(list(curves))
    values = [interval.mean for curve in curves.values() for interval in curve.values()]
    logarithmic = log_axis(axes, "y", values)
    for model, curve in curves.items():
        _line(axes, curve, look[model], model)
    if logarithmic:
        top = max(values)
        axes.set_ylim(max(min(v for v in values if v > 0) / 2, top * 10**-DECADES), top * 2)
    below = logarithmic and min(values) < axes.get_ylim()[0]
    axes.set(xlabel="latent noise, standard deviations of the prior", ylabel="mean squared error per coordinate")
    legend(axes)
    data = cells[0].data
    ends = "; ".join(f"{m} from {plain(c[min(c)].mean)} to {plain(c[max(c)].mean)}" for m, c in curves.items())
    return Plot(
        f"reconstruction-{slug(data)}",
        data,
        "Reconstruction at equal latent noise",
        f"Reconstruction error on {data} as latent noise grows: {ends}.",
        "Error of decode(encode(x) + noise), the one reconstruction that means the same for a flow and a VAE. "
        f"{SPREAD_WORDS}{' Errors below the axis are those of an exact inverse.' if below else ''}",
        png(fig),
    )


def k_curve(study: Study, cells: list[ModelSummary], look: dict[str, Style]) -> Plot | None:
    """NLL bound against the number K of importance samples."""
    curves = _means(study, cells, "k")
    if not curves:
        return None
    fig, axes = plane([*curves, ORACLE])
    for model, curve in curves.items():
        _line(axes, curve, look[model], model)
    for cell in cells:
        if cell.oracle:
            axes.axhline(cell.intervals["nll_nats"].mean, label=ORACLE, zorder=1, **ORACLE_LINE)
    log_axis(axes, "x", [k for curve in curves.values() for k in curve])
    axes.set(xlabel="importance samples K", ylabel="test NLL bound, nats")
    legend(axes)
    data = cells[0].data
    ends = "; ".join(
        f"{m} {plain(c[min(c)].mean)} at K={min(c):g}, {plain(c[max(c)].mean)} at K={max(c):g}"
        for m, c in curves.items()
    )
    return Plot(
        f"k-curve-{slug(data)}",
        data,
        "The bound against K",
        f"IWAE bound of the test NLL on {data}: {ends} nats.",
        "Each bound falls towards the true NLL as K grows; where it still falls at the right end, the model is better "
        f"than its row says. {SPREAD_WORDS} {' '.join(filter(None, (_last_step(study, cell) for cell in cells)))}",
        png(fig),
    )


def _last_step(study: Study, cell: ModelSummary) -> str:
    """A sentence on the last increase of K, paired by seed: the spread over seeds hides it in the plot."""
    curves = [study.curves[run["run_id"], "k"] for run in cell.finished if (run["run_id"], "k") in study.curves]
    ends = [curve[np.argsort(curve[:, 0])][-2:] for curve in curves if len(curve) > 1]
    if not ends or len({tuple(end[:, 0]) for end in ends}) > 1:
        return ""
    (low, high), drop = ends[0][:, 0], t_interval([float(end[0, 1] - end[1, 1]) for end in ends])
    return f"From K={low:g} to K={high:g} the NLL of {cell.model} falls by {quantity(drop)} nats (paired by seed)."


def _means(study: Study, cells: list[ModelSummary], kind: str) -> dict[str, dict[float, Interval]]:
    """model -> x -> the interval of y over the finished seeds."""
    curves: dict[str, dict[float, Interval]] = {}
    for cell in cells:
        values: dict[float, list[float]] = {}
        for run in cell.finished:
            for x, y in study.curves.get((run["run_id"], kind), np.empty((0, 2))):
                if np.isfinite(y):
                    values.setdefault(float(x), []).append(float(y))
        if values:
            curves[cell.model] = {x: t_interval(values[x]) for x in sorted(values)}
    return curves


def _line(axes: Axes, curve: dict[float, Interval], style: Style, name: str) -> None:
    x, y = list(curve), [interval.mean for interval in curve.values()]
    half = np.array([interval.half_width or 0.0 for interval in curve.values()])
    lower = np.minimum(half, 0.9 * np.abs(y)) if axes.get_yscale() == "log" else half
    axes.errorbar(
        x,
        y,
        np.stack([lower, half]),
        color=style.colour,
        ls=style.line,
        marker=style.marker,
        ms=5,
        capsize=2.5,
        label=plot_label(name),
    )
