"""The grid on which the values of a column lie, and how many of them are ties."""

from typing import Any, NamedTuple

import numpy as np

DECIMALS = 9
"""Most decimal places of a grid."""
CLOSE = 1e-6
"""Share of a grid's step by which float64 values may lie beside it."""
COARSEST = 0.01
"""Share of a step up to which the rounding of float64 may hide whether a value lies on a grid."""
LARGEST = 2.0**52
"""Steps that an integer counts."""
LOOKED_AT = 10_000
"""Training rows, drawn by a fixed seed, whose ties are counted."""
TIES = 0.05
"""Share of rows whose value another row has, from which on a column has ties."""
SPIKE, SPIKE_SHARE = 5, 0.002
"""Rows of one value, and their share, from which on it is a spike."""


def step_of(distinct: Any) -> float:
    """The step of the coarsest decimal grid that holds all values; without one their smallest gap.

    Args:
        distinct: at least two values, ascending, each once.
    """
    for decimals in range(DECIMALS + 1):
        scaled = (distinct - distinct[0]) * 10.0**decimals
        if scaled[-1] >= LARGEST:
            break
        whole = np.round(scaled)
        rounding = 4 * np.finfo(np.float64).eps * np.abs(distinct).max() * 10.0**decimals
        if rounding > COARSEST:
            break
        if bool((np.abs(scaled - whole) <= max(CLOSE, rounding)).all()):
            step = float(np.gcd.reduce(whole[1:].astype(np.int64)))
            return step / 10.0**decimals
    return float(np.diff(distinct).min())


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


def ties_of(values: Any) -> Ties:
    """The ties among values, or among so many of them, drawn by a fixed seed."""
    chosen = values
    if len(values) > LOOKED_AT:
        chosen = values[np.random.default_rng(0).choice(len(values), LOOKED_AT, replace=False)]
    _, counts = np.unique(chosen, return_counts=True)
    return Ties(float(counts[counts > 1].sum() / len(chosen)), int(counts.max()), len(chosen))


def percent(share: float) -> str:
    """A share in percent, two digits."""
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"
