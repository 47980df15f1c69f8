"""The plot of tuning: how good the best of k trials is, in the mean over every order of them."""

from collections import defaultdict
from collections.abc import Mapping

from matplotlib.ticker import MaxNLocator

from bench.report.inert import slug
from bench.report.plots_labels import ABOVE, Label, beside_lines, beyond_axes, plane
from bench.report.plots_numbers import plain
from bench.report.plots_palette import model_of, styles
from bench.report.plots_range import top_of
from bench.report.study import Study
from bench.report.style import Drawing, titled
from bench.tuning.choice import at_trial_rung, short_options
from bench.tuning.expected import expected_best
from bench.tuning.file import Trial

SEEN_FROM = 3
"""Trials from which on all curves lie within the axes: with fewer, the worst rates would flatten everything."""
SHARE_ABOVE = 4
"""One end of so many at most lies above the axes."""


def expected(study: Study, data: str, families: Mapping[str, str]) -> Drawing | None:
    """Exact mean of the best validation after k trials in random order, a curve for each entry tuned on the data.

    Args:
        study: whose trials they are.
        data: the data set.
        families: of each model.
    """
    curves = {name: curve for name, curve in mean_curves(study.trials, data).items() if curve}
    if not curves:
        return None
    look = styles({name: families.get(model_of(name), "other") for name in curves})
    last = max(max(curve) for curve in curves.values())
    shown = [[v for k, v in curve.items() if k >= min(SEEN_FROM, max(curve))] for curve in curves.values()]
    lasts = sorted(curve[max(curve)] for curve in curves.values())
    low, high = min(map(min, shown)), max(top_of(shown), lasts[-1 - len(lasts) // SHARE_ABOVE])
    room = 0.08 * (high - low) or 0.1
    fig, (axes,) = plane(
        [beyond_axes(name, curve[max(curve)], low - room, high + room) for name, curve in curves.items()]
    )
    labels = []
    for name, curve in curves.items():
        style = look[name]
        axes.plot(list(curve), list(curve.values()), color=style.colour, ls=style.line, marker=style.marker, ms=3.5)
        labels.append(Label(name, max(curve), curve[max(curve)], style.colour))
    axes.set_ylim(low - room, high + room)
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="trials", ylabel="best validation, nats (lower is better)")
    beside_lines(axes, labels)
    titled(fig, data, "what tuning buys")
    cut = max(max(curve.values()) for curve in curves.values()) > high + room
    ends = "; ".join(f"{name} {ends_of(curve)}" for name, curve in curves.items())
    return Drawing(
        f"tuning-{slug(data)}",
        data,
        f"What tuning buys on {data}",
        f"Mean best validation on {data} by number of trials: {ends}.",
        "Mean of the best validation NLL after k trials, exact over all orders of the trials made, which are none of "
        "the final runs. A curve begins where every order has a trial that ended well; one that still falls at its end "
        f"asks for more trials.{f' {ABOVE}' if cut else ''}",
        fig,
    )


def ends_of(curve: dict[int, float]) -> str:
    """The first and the last point of a curve in words."""
    first, last = min(curve), max(curve)
    return f"{plain(curve[first])} after {first}, {plain(curve[last])} after {last}"


def mean_curves(trials: list[Trial], data: str) -> dict[str, dict[int, float]]:
    """entry -> k -> the mean best in nats, over the folds of the data where there are several."""
    of_entry: dict[str, list[dict[int, float]]] = defaultdict(list)
    groups = at_trial_rung(short_options(trial for trial in trials if trial.used))
    for (name, _, model, options), own in groups.items():
        if name == data and all(trial.validated_by != "mmd2" for trial in own):
            values = [trial.validation if trial.status == "ok" else None for trial in own]
            of_entry[f"{model} ({options})" if options else model].append(dict(expected_best(values)))
    return {
        entry: {k: sum(curve[k] for curve in curves) / len(curves) for k in curves[0] if all(k in c for c in curves)}
        for entry, curves in sorted(of_entry.items())
    }
