"""The grid on which the values of a column lie, and how many of them are ties."""

from typing import Any

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


def tied(values: Any) -> float:
    """The share of some of the values that another one equals."""
    chosen = values
    if len(values) > LOOKED_AT:
        chosen = values[np.random.default_rng(0).choice(len(values), LOOKED_AT, replace=False)]
    _, counts = np.unique(chosen, return_counts=True)
    return float(counts[counts > 1].sum() / len(chosen))
