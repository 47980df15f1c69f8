"""An entry's likelihood, and the mass that it gives to every piece of a partitioned space."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.grid import Partition
from bench.contract.outcome import Absent, require
from bench.models.entry import Entry, HasLogProb, HasLogWeights, LogProb
from bench.models.parts.importance import iwae

CHUNK = 4096
IMPORTANCE_SAMPLES = 32
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


def likelihood(entry: Entry, x: Float[Tensor, "batch event"], seed: int) -> LogProb:
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


def of_chunk(entry: Entry, x: Float[Tensor, "batch event"]) -> LogProb:
    """`likelihood` of one chunk."""
    if isinstance(entry, HasLogWeights):
        return iwae(entry.log_weights(x, max(IMPORTANCE_SAMPLES, DRAWS // len(x))))
    if isinstance(entry, HasLogProb):
        return entry.log_prob(x)
    raise Absent("no log_prob and no log_weights")


def mass(entry: Entry, partition: Partition) -> Mass:
    """The mass of each piece by the entry's likelihood.

    Raises:
        Broken: a value is NaN or +infinity.
        Absent: the entry has no likelihood.
    """
    log_prob = likelihood(entry, partition.points, seed=6)
    bad = int((log_prob.value.isnan() | (log_prob.value == math.inf)).sum())
    require(bad == 0, f"log_prob is NaN or +inf at {bad} points", "return a finite number or -inf everywhere")
    value = torch.exp(log_prob.value.double()) * partition.volume
    error = torch.zeros_like(value)
    if log_prob.standard_error is not None:
        error = value * log_prob.standard_error.nan_to_num(0.0)
    return Mass(value, error, log_prob.is_bound)
