"""Means over seeds with Student's t intervals, and differences paired by seed."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy.special import ndtri, stdtrit

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and what is known of it.

    Attributes:
        mean: in the unit of the values.
        half_width: of the two-sided 95 % t interval over values, or of a single one whose error is known; else None.
        n: number of values.
    """

    mean: float
    half_width: float | None
    n: int

    @property
    def excludes_zero(self) -> bool:
        """True where zero lies outside the interval; False where there is no interval."""
        return self.half_width is not None and abs(self.mean) > self.half_width


def t_interval(values: Sequence[float]) -> Interval:
    """mean ± t_{0.975, n-1} s / sqrt(n), s with n - 1 in its denominator (Student 1908).

    Raises:
        ValueError: no value, or one that is not finite; a mean must not hide it.
    """
    n = len(values)
    if n == 0 or not all(map(math.isfinite, values)):
        raise ValueError(f"no interval for {list(values)}")
    if min(values) == max(values):  # rounding in the mean must not turn equal values into a spread
        return Interval(float(values[0]), 0.0 if n > 1 else None, n)
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return Interval(mean, float(stdtrit(n - 1, (1 + LEVEL) / 2)) * math.sqrt(variance / n), n)


def normal_interval(mean: float, error: float | None) -> Interval:
    """mean ± z_{0.975} error of one run, whose standard error over many examples is known; None: no interval."""
    return Interval(mean, None if error is None else float(ndtri((1 + LEVEL) / 2)) * error, 1)


def paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> Interval | None:
    """The interval of a - b over the seeds that both have; None where they share none."""
    shared = sorted(a.keys() & b.keys())
    return t_interval([a[seed] - b[seed] for seed in shared]) if shared else None
