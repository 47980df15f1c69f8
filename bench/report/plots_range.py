"""What part of an axis is shown, so that one far value flattens no other, and where the ends of an interval lie."""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from bench.report.intervals import Interval

FAR = 2.0
"""Spans of the nearer half beyond which a value is far: an arrow with its number stands for it."""
FEWEST = 3
"""Values below which none is far: there are no others to flatten."""
PAD = 0.06


class Shown(NamedTuple):
    """The part of an axis that is shown.

    Attributes:
        low, high: its ends.
        edge: means above it are far.
    """

    low: float
    high: float
    edge: float


def shown_part(intervals: Sequence[tuple[float, float]], always: Sequence[float] = ()) -> Shown:
    """The part of a linear axis on which smaller is better.

    It holds every mean that is not far, of its interval at most as much as the means take together, and `always`.

    Args:
        intervals: mean and half-width of each value.
        always: other values that it has to hold.
    """
    means = sorted(mean for mean, _ in intervals)
    typical = median(half for _, half in intervals)
    core = means[: max(2, math.ceil(len(means) / 2))]
    span = core[-1] - core[0] + 2 * typical or abs(core[0]) / 10 or 1.0
    edge = core[-1] + FAR * span if len(means) >= FEWEST else math.inf
    near = [(mean, half) for mean, half in intervals if mean <= edge]
    reach = max(mean for mean, _ in near) - min(mean for mean, _ in near) + 2 * typical
    ends = [end for mean, half in near for end in (mean - min(half, reach), mean + min(half, reach))]
    low, high = min([*ends, *always]), max([*ends, *always])
    pad = PAD * (high - low) or abs(high) / 20 or 0.5
    return Shown(low - pad, high + pad, edge)


def top_of(curves: Sequence[Sequence[float]]) -> float:
    """The highest value shown of curves on which smaller is better: what a far curve, or a far part of one, exceeds.

    The nearer half of the curves' best values lie well within, and of each curve some way above.
    """
    best = sorted(min(curve) for curve in curves)
    worst = max(max(curve) for curve in curves)
    core = best[: max(2, math.ceil(len(best) / 2))]
    ways = sorted(max(curve) - min(curve) for curve in curves)
    way = ways[(len(ways) - 1) // 2]
    span = max(core[-1] - core[0], way) or abs(core[-1]) / 10 or 1.0
    return min(worst, core[-1] + FAR * span)


def positive_ends(interval: Interval) -> tuple[float, float]:
    """Ends of the interval of a mean that cannot be negative: Student's of its logarithm, by the delta method.

    Equal in width to the interval itself where that is small beside its mean, and above 0 wherever it is not.
    """
    mean, half, _ = interval
    if not half or mean <= 0:
        return mean, mean
    factor = math.exp(min(half / mean, 50.0))
    return mean / factor, mean * factor
