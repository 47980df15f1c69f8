"""What a row shows of the tightness of its bound: effective sample sizes, the slack, and warnings."""

import math
from collections.abc import Sequence

from bench.metrics.likelihood import Likelihood
from bench.metrics.not_measured import joined
from bench.record.store import Record

LOW_QUANTILE = 0.05
"""Share of test examples whose effective sample size lies below the column `ess_low`."""

FEWEST_EFFECTIVE = 5.0
"""Effective samples below which a row warns: the logarithm of the mean weight then lies 1 / (2 ESS) > 0.1 nats low, and
so few large weights cannot tell how much further."""

STEEPEST_FALL = 0.05
"""Nats a doubling of K by which the K-curve of a tight bound falls at its end, at most."""

SLOWEST, FASTEST = 0.9, 0.5
"""What a doubling of K may leave of a gap, as a share: of weights of finite variance half, of uneven ones more."""


def tightness(estimated: Likelihood, asked: str) -> Record:
    """Effective sample size of an example's weights, the bound's slack, and warnings where it is loose.

    With `FEWEST_EFFECTIVE` weights or fewer the estimator's name says as much.

    Args:
        estimated: the row's likelihood.
        asked: `eval.estimator`.
    """
    record: Record = {}
    if asked == "refined" and estimated.is_bound and not estimated.estimator.startswith("refined"):
        record["warning"] = f"no proposal to refine: {estimated.estimator} instead"
    if estimated.effective is None or estimated.weights is None:
        return record
    median = float(estimated.effective.median())
    if estimated.doubling is not None:
        record = joined(record, annealed(estimated.doubling, estimated.gap))
    record |= {"ess_median": median, "ess_low": float(estimated.effective.quantile(LOW_QUANTILE))}
    fall = fall_per_doubling(estimated.k_curve)
    if median < FEWEST_EFFECTIVE < estimated.weights:
        line = f"effective sample size {median:.1f} of {estimated.weights}: the bound is loose"
        return joined(record, {"warning": line})
    if fall is not None and fall > STEEPEST_FALL and estimated.weights > FEWEST_EFFECTIVE:
        line = f"the K-curve still falls by {fall:.2f} nats a doubling: the bound is loose"
        record = joined(record, {"warning": line})
    if estimated.doubling is not None:
        return record  # its slack is that of annealing, where it is known at all
    shown = None if median < FEWEST_EFFECTIVE else slack(estimated.k_curve)
    return record if shown is None else record | {"nll_slack_nats": shown}


def annealed(doubling: float, gap: float | None) -> Record:
    """What annealing in half the steps and the bound from above say, and the slack where both are known and settled."""
    record: Record = {"ais_doubling_nats": doubling, "ais_gap_nats": gap}
    if doubling > STEEPEST_FALL:
        line = f"annealing has not settled: half its steps give {doubling:.2f} nats more"
        return record | {"warning": line}
    return record if gap is None else record | {"nll_slack_nats": max(gap, doubling, 0.0)}


def fall_per_doubling(curve: Sequence[tuple[int, float]]) -> float | None:
    """Nats by which the mean bound of a K-curve rises with the last doubling of K; None for a curve of one point."""
    if len(curve) < 2:
        return None
    (fewer, before), (most, last) = curve[-2:]
    return (last - before) / math.log2(most / fewer)


def slack(curve: Sequence[tuple[int, float]]) -> float | None:
    """Nats by which the truth may exceed the end of a K-curve, if what a doubling adds shrinks as it did.

    What it added over the last three doublings is held against the three before: a share r of it is left with each
    doubling, and f r / (1 - r) is what falls f r, f r², ... sum to after a last one of f. r is at least `FASTEST`, and
    at most `SLOWEST`, which it is taken for where the curve still falls by more than `STEEPEST_FALL`.

    Returns:
        It, 0 or more, or None for a curve of fewer than seven points, K < 100, which is too short to tell.
    """
    last_fall = fall_per_doubling(curve)
    if last_fall is None or len(curve) < 7:
        return None
    (k_0, before), (k_1, between), (k_2, last) = curve[-7], curve[-4], curve[-1]
    early = (between - before) / math.log2(k_1 / k_0)
    late = (last - between) / math.log2(k_2 / k_1)
    share = SLOWEST
    if last_fall <= STEEPEST_FALL and 0 < late < early:
        share = min(max((late / early) ** (2 / math.log2(k_2 / k_0)), FASTEST), SLOWEST)
    return max(last_fall, 0.0) * share / (1 - share)
