"""The grid on which the values of a column lie, its decimal places, and how many of them are ties."""

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

CLOSE = 1e-6
"""Share of a grid's step by which float64 values may lie beside it."""
COARSEST = 0.01
"""Share of a step up to which the rounding of float64 may hide whether a value lies on a grid."""
LARGEST = 2.0**52
"""Steps that an integer counts."""
DIGITS = 15
"""Significant decimal digits that float64 always holds."""
LAST_PLACE = 300
"""Decimal places whose power of ten float64 holds."""
GLANCE = 1_000
"""Values that are held against a grid before all are."""
TIES = 0.05
"""Share of rows whose value another row has, from which on a column has ties."""
SPIKE, SPIKE_SHARE = 5, 0.002
"""Rows of one value, and their share, from which on it is a spike."""


def step_of(distinct: Any) -> float:
    """The step of the coarsest decimal grid that holds all values apart, or of their smallest gap; 0 where none does.

    Args:
        distinct: at least two values, ascending, each once.
    """
    reach, farthest = float(distinct[-1] - distinct[0]), float(np.abs(distinct[[0, -1]]).max())
    exact = bool((distinct == np.round(distinct)).all())
    coarsest = -int(np.floor(np.log10(reach)))
    for decimals in range(coarsest, coarsest + DIGITS + 1):
        if abs(decimals) > LAST_PLACE:
            break
        rounding = 0.0 if exact else 4 * np.finfo(np.float64).eps * shifted(farthest, decimals)
        if rounding > COARSEST or shifted(reach, decimals) >= LARGEST:
            break
        slack = max(CLOSE, rounding)
        if on_grid(distinct[:GLANCE], decimals, slack) and on_grid(distinct, decimals, slack):
            whole = np.round(shifted(distinct - distinct[0], decimals)).astype(np.int64)
            return float(shifted(float(np.gcd.reduce(whole[1:])), -decimals))
    return step_of_gaps(distinct)


def step_of_gaps(distinct: Any) -> float:
    """The step of a grid that is not decimal, such as of thirds; 0 where the values lie on none."""
    reach, gap = float(distinct[-1] - distinct[0]), float(np.diff(distinct).min())
    if reach / gap >= LARGEST:
        return 0.0
    step = reach / round(reach / gap)  # the gap itself has the rounding of both its ends
    scaled = (distinct - distinct[0]) / step
    return step if bool((np.abs(scaled - np.round(scaled)) <= COARSEST).all()) else 0.0


def shifted(values: Any, decimals: int) -> Any:
    """Values times a power of ten; whole powers are exact, their fractions are not."""
    return values * 10.0**decimals if decimals >= 0 else values / 10.0**-decimals


def on_grid(distinct: Any, decimals: int, slack: float) -> bool:
    """True where ascending values are whole multiples of 10^-decimals from the first one, no two the same."""
    scaled = shifted(distinct - distinct[0], decimals)
    whole = np.round(scaled)
    return bool((np.abs(scaled - whole) <= slack).all() and (np.diff(whole) > 0).all())


class Ties(NamedTuple):
    """How often values repeat.

    Attributes:
        share: of the rows whose value another one has.
        most: rows that have the most frequent value.
        rows: that were looked at.
    """

    share: float
    most: int
    rows: int

    @property
    def there(self) -> bool:
        """True where they are more than rounding leaves of a continuous law: many, or many of one value."""
        return self.share >= TIES or self.most >= max(SPIKE, SPIKE_SHARE * self.rows)


def ties_of(counts: Any) -> Ties:
    """The ties among rows, of the rows that each distinct value has."""
    rows = int(counts.sum())
    return Ties(float(counts[counts > 1].sum() / rows), int(counts.max()), rows)


def decimals_of(values: Any, most: int) -> int:
    """Decimal places that hold all values as they are, at most so many.

    Args:
        values: float64; none may be missing.
        most: places beyond which nobody asks.
    """
    for decimals in range(most):
        if all(bool((np.round(some, decimals) == some).all()) for some in (values[:GLANCE], values)):
            return decimals
    return most


def places_of(value: float) -> int:
    """Decimal places of a number's shortest text: 1 of 0.1, 7 of 1e-07, 0 of 1e16."""
    exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def carried(unit: float) -> int:
    """Decimal places that float32 coordinates in so large a unit carry; 0 or more."""
    return min(LAST_PLACE, max(0, int(np.ceil(-np.log10(unit * np.finfo(np.float32).eps)))))


def percent(share: float) -> str:
    """A share in percent, two digits."""
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"
