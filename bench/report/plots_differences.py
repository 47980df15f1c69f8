"""The plot of how far each entry is behind the best of its data set, paired: a forest plot."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from bench.report.inert import slug
from bench.report.plots_likelihood import marks_in_words
from bench.report.plots_numbers import quantity
from bench.report.plots_palette import Look
from bench.report.plots_range import Shown, shown_part
from bench.report.plots_rows import BELOW, far_row, interval_row, row_names, rows_of_names
from bench.report.ranking import Difference
from bench.report.style import Drawing, titled

ALONE = (
    "A hollow bar that excludes 0 is the interval of that pair alone, as it stands behind the mark ▲ too; the tests "
    "hold for all pairs at once, and are stricter"
)
SLACK = "; a bound is behind only by what its slack leaves"


def forest(pairs: Sequence[Difference], look: Look) -> Drawing | None:
    """Differences to the best of one data set at its largest budget, those told apart filled; None without any."""
    shown = behind_best(pairs)
    if not shown:
        return None
    best, data = shown[0].best, shown[0].best.data
    hollow = "" if all(pair.told_apart for pair in shown) else "\n(hollow: not told apart)"
    fig, (axes,) = rows_of_names(row_names([pair.other for pair in shown]), below=BELOW + 0.13 * bool(hollow))
    part = shown_part([(pair.interval.mean, pair.interval.half_width or 0.0) for pair in shown], [0.0])
    axes.set_xlim(part.low, part.high)
    axes.axvline(0.0, color="black", lw=0.9, zorder=1)
    for row, pair in enumerate(shown):
        draw(axes, row, pair, part, look)
    axes.set_xlabel(f"nats worse{hollow}")
    titled(fig, data, f"behind {best.model[:24]}, the lowest mean")
    words = "; ".join(
        f"{pair.other.model} {quantity(pair.interval)}{'' if pair.told_apart else ', not told apart'}"
        for pair in reversed(shown)
    )
    marks = marks_in_words([pair.other for pair in shown], cut=cut(shown, part))
    return Drawing(
        f"differences-{slug(data)}",
        data,
        f"Behind the best on {data}",
        f"Test NLL on {data} less that of {best.model}, in nats: {words}.",
        f"Differences of test NLL to {best.model}, {'the lowest mean' if not best.is_bound else 'the lowest bound'} at "
        "the largest budget, on the same test examples; further right is worse. Bars are 95 % intervals of each "
        f"difference. {verdict_words(shown)}{marks}",
        fig,
    )


def behind_best(pairs: Sequence[Difference]) -> list[Difference]:
    """Of the contests of one data set the pairs of that at the largest budget, the farthest behind first."""
    if not pairs:
        return []
    largest = max(pair.rung or 0.0 for pair in pairs)
    last = [pair for pair in pairs if (pair.rung or 0.0) == largest]
    same = [pair for pair in last if (pair.setting, pair.best.place) == (last[-1].setting, last[-1].best.place)]
    return sorted(same, key=lambda pair: -pair.interval.mean)


def draw(axes: Axes, row: int, pair: Difference, part: Shown, look: Look) -> None:
    """One row: filled where the two are told apart, else hollow."""
    style, (mean, half, _) = look[pair.other.model], pair.interval
    if mean > part.edge:
        far_row(axes, row, quantity(pair.interval), part.high, style.colour, hollow=not pair.told_apart)
        return
    ends = (mean - (half or 0.0), mean + (half or 0.0))
    filling = style.colour if pair.told_apart else "white"
    interval_row(axes, row, mean, ends, part, color=style.colour, marker=style.marker, mfc=filling)


def cut(shown: Sequence[Difference], part: Shown) -> bool:
    """True where a difference lies beyond the axis."""
    return any(pair.interval.mean > part.edge for pair in shown)


def verdict_words(shown: Sequence[Difference]) -> str:
    """What filled and hollow stand for, as far as both occur, and how a hollow bar can exclude 0."""
    tests = "by simultaneous tests at 5 % over seeds and test examples"
    sure = [pair.told_apart for pair in shown]
    if all(sure):
        return f"All are told apart from it, {tests}."
    words = f"Filled: told apart, {tests}; hollow: not." if any(sure) else f"None is told apart from it, {tests}."
    alone = [pair for pair in shown if not pair.told_apart and excludes_zero(pair)]
    bound = SLACK if any(pair.other.is_bound for pair in alone) else ""
    return f"{words} {ALONE}{bound}." if alone else words


def excludes_zero(pair: Difference) -> bool:
    """True where the interval of a difference, of that pair alone, lies on one side of 0."""
    return pair.interval.half_width is not None and abs(pair.interval.mean) > pair.interval.half_width
