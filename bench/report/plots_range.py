"""What part of an axis is shown, so that one far value flattens no other, and where the ends of an interval lie."""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from bench.report.intervals import Interval

FAR = 2.0
"""Spans of the nearer half beyond which a value is far: an arrow with its number stands for it."""
FAR_FACTOR = 100.0
"""On a logarithmic axis: the factor beyond the nearer half within which none is far."""
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
    edge, typical = edge_of(intervals), median(half for _, half in intervals)
    near = [(mean, half) for mean, half in intervals if mean <= edge]
    reach = max(mean for mean, _ in near) - min(mean for mean, _ in near) + 2 * typical
    ends = [end for mean, half in near for end in (mean - min(half, reach), mean + min(half, reach))]
    low, high = min([*ends, *always]), max([*ends, *always])
    pad = PAD * (high - low) or abs(high) / 20 or 0.5
    return Shown(low - pad, high + pad, edge)


def edge_of(intervals: Sequence[tuple[float, float]], far: float = FAR) -> float:
    """On a linear axis on which smaller is better: means above it are far, by so many spans of the nearer half."""
    core = nearer_half([mean for mean, _ in intervals])
    span = core[-1] - core[0] + 2 * median(half for _, half in intervals) or abs(core[0]) / 10 or 1.0
    return core[-1] + far * span if len(intervals) >= FEWEST else math.inf


def log_edge(values: Sequence[float]) -> float:
    """On a logarithmic axis on which smaller is better: values above it are far."""
    core = nearer_half([value for value in values if value > 0])
    return core[-1] * max(FAR_FACTOR, (core[-1] / core[0]) ** FAR) if len(values) >= FEWEST and core else math.inf


def nearer_half(values: Sequence[float]) -> list[float]:
    """The lower half of some values, rising; two at least."""
    return sorted(values)[: max(2, math.ceil(len(values) / 2))]


def top_of(curves: Sequence[Sequence[float]]) -> float:
    """The highest value shown of curves on which smaller is better: what a far curve, or a far part of one, exceeds.

    The nearer half of the curves' best values lie well within, and of each curve some way above.
    """
    worst = max(max(curve) for curve in curves)
    core = nearer_half([min(curve) for curve in curves])
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
