"""An entry's likelihood, and the mass that it gives to every piece of a partitioned space."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.grid import Partition
from bench.contract.methods import IMPORTANCE_SAMPLES
from bench.contract.outcome import Absent, require
from bench.models.entry import Entry, HasLogProb, HasLogWeights, LogProb
from bench.models.parts.importance import effective_sample_size, iwae

CHUNK = 4096
WEIGHTS = 64
LEAST_EFFECTIVE = 6.0
"""Effective weights of 64 below which the logarithm of their mean lies some 0.1 nats low or more."""
DRAWS = CHUNK * IMPORTANCE_SAMPLES
"""Importance samples of a chunk in all: a few examples get many each, since a cell of a whole cube hangs on one."""


@dataclass(frozen=True)
class Mass:
    """The mass of each piece of a partition under a likelihood.

    Attributes:
        value: `(fine,)` density times volume of each piece.
        standard_error: `(fine,)` the estimator's own error of each value; zeros where it gives none.
        is_bound: whether the values only bound the density from below.
    """

    value: Float[Tensor, " fine"]
    standard_error: Float[Tensor, " fine"]
    is_bound: bool


def likelihood(entry: Entry, x: Float[Tensor, "batch *event"], seed: int) -> LogProb:
    """The entry's log-likelihood of x, in chunks: IWAE-K from log weights where it has them, else its `log_prob`.

    K is 32, and more where there are few examples.

    Raises:
        Absent: the entry has neither.
    """
    torch.manual_seed(seed)
    with torch.no_grad():
        parts = [of_chunk(entry, x[start : start + CHUNK]) for start in range(0, len(x), CHUNK)]
    errors = [part.standard_error for part in parts if part.standard_error is not None]
    return LogProb(
        torch.cat([part.value for part in parts]),
        parts[0].estimator,
        parts[0].is_bound,
        torch.cat(errors) if len(errors) == len(parts) else None,
    )


def of_chunk(entry: Entry, x: Float[Tensor, "batch *event"]) -> LogProb:
    """`likelihood` of one chunk."""
    if isinstance(entry, HasLogWeights):
        return iwae(entry.log_weights(x, max(IMPORTANCE_SAMPLES, DRAWS // len(x))))
    if isinstance(entry, HasLogProb):
        return entry.log_prob(x)
    raise Absent("no log_prob and no log_weights")


def mass(entry: Entry, partition: Partition, seed: int) -> Mass:
    """The mass of each piece by the entry's likelihood.

    Raises:
        Broken: a value is NaN or +infinity.
        Absent: the entry has no likelihood.
    """
    log_prob = likelihood(entry, partition.points, seed)
    bad = int((log_prob.value.isnan() | (log_prob.value == math.inf)).sum())
    require(bad == 0, f"log_prob is NaN or +inf at {bad} points", "return a finite number or -inf everywhere")
    value = torch.exp(log_prob.value.double()) * partition.volume
    error = torch.zeros_like(value)
    if log_prob.standard_error is not None:
        error = value * log_prob.standard_error.nan_to_num(0.0)
    return Mass(value, error, log_prob.is_bound)


def require_even(log_weights: Float[Tensor, "samples batch"]) -> None:
    """Raises `Absent` where a few of the weights of most examples outweigh the others."""
    effective = float(effective_sample_size(log_weights).median())
    if effective < LEAST_EFFECTIVE:
        raise Absent(f"{len(log_weights)} importance weights count as {effective:.1f}, too few for a density")


def log_densities(
    entry: Entry, x: Float[Tensor, "batch *event"], seed: int
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """The log-likelihood of x in float64, of a bound by many weights and by a quarter of them; else twice the same.

    Raises:
        Absent: the entry has no likelihood, or its weights are too uneven.
    """
    if not isinstance(entry, HasLogWeights):
        value = likelihood(entry, x, seed).value.double()
        return value, value
    torch.manual_seed(seed)
    with torch.no_grad():
        parts = [entry.log_weights(part, WEIGHTS).double() for part in torch.split(x, DRAWS // WEIGHTS)]
    weights = torch.cat(parts, 1)
    few = weights[: WEIGHTS // 4]
    require_even(weights)
    return torch.logsumexp(weights, 0) - math.log(WEIGHTS), torch.logsumexp(few, 0) - math.log(len(few))
