"""The exact mean of the best validation after k of n trials in random order: no order is drawn."""

import math
from collections.abc import Sequence


def expected_best(values: Sequence[float | None]) -> list[tuple[int, float]]:
    """k and the mean, over all orders of the trials, of the lowest value among the first k.

    The lowest of k is the i-th smallest value v_i in C(n - i, k - 1) of the C(n, k) subsets, so that the mean is
    Σ v_i C(n - i, k - 1) / C(n, k) (Dodge et al. 2019, arXiv:1909.03004, give it for draws with replacement).

    Args:
        values: of the trials, smaller is better; None for a trial that has none, as one that diverged.

    Returns:
        From the first k on at which every order has a value: one more than there are trials without.
    """
    ordered = sorted(value for value in values if value is not None)
    n, without = len(values), len(values) - len(ordered)
    return [
        (k, sum(value * math.comb(n - i, k - 1) for i, value in enumerate(ordered, 1)) / math.comb(n, k))
        for k in range(without + 1, n + 1)
    ]
