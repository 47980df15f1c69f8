"""The plot of tuning: how good the best of k trials is, in the mean over every order of them."""

from collections import defaultdict

from bench.report.inert import plot_label, slug
from bench.report.numbers import plain
from bench.report.study import Study
from bench.report.style import Plot, legend, plane, png, styles
from bench.tuning.choice import at_trial_rung, short_options
from bench.tuning.expected import expected_best
from bench.tuning.file import Trial

SEEN_FROM = 3
"""Trials from which on all curves lie within the axes: with fewer, the worst rates would flatten everything."""


def expected(study: Study, data: str) -> Plot | None:
    """Exact mean of the best validation after k trials in random order, a curve for each entry tuned on the data."""
    curves = {name: curve for name, curve in mean_curves(study.trials, data).items() if curve}
    if not curves:
        return None
    look = styles(curves)
    fig, axes = plane(list(curves))
    for name, curve in curves.items():
        style = look[name]
        axes.plot(
            list(curve), list(curve.values()), color=style.colour, ls=style.line, marker=style.marker, ms=4,
            label=plot_label(name),
        )  # fmt: skip
    last = max(max(curve) for curve in curves.values())
    shown = [value for curve in curves.values() for k, value in curve.items() if k >= min(SEEN_FROM, max(curve))]
    room = 0.08 * (max(shown) - min(shown)) or 0.1
    axes.set_ylim(min(shown) - room, max(shown) + room)
    axes.set_xlim(0.5, last + 0.5)
    axes.set(xlabel="trials", ylabel="mean best validation, nats")
    legend(axes)
    ends = "; ".join(f"{name} {ends_of(curve)}" for name, curve in curves.items())
    return Plot(
        f"tuning-{slug(data)}",
        data,
        "What tuning buys",
        f"Mean best validation on {data} by number of trials: {ends}.",
        "Mean of the best validation NLL after k trials, exact over all orders of the trials made, which are none of "
        "the final runs. A curve begins where every order has a trial that ended well; one that still falls at its end "
        "asks for more trials. Values above the axes are not drawn.",
        png(fig),
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
