"""Importance-sampled bounds on a log-likelihood from log weights."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from bench.models.entry import LogProb


def iwae(log_weights: Float[Tensor, "samples batch"]) -> LogProb:
    """The K-sample bound of Burda, Grosse & Salakhutdinov (2016), equation 8, with K = `samples`.

    The standard error of log(mean w) is sd(w) / (sqrt(K) mean(w)), by the delta method; for K = 1 it is not known and
    None.

    Returns:
        A `LogProb` of `(batch,)` nats, marked as a bound and named `iwae-K`.
    """
    samples = len(log_weights)
    value = torch.logsumexp(log_weights, 0) - math.log(samples)
    # w / mean(w), of size 1 whatever the log weights are.
    ratio = torch.exp(log_weights - value)
    error = ratio.std(0) / math.sqrt(samples) if samples > 1 else None
    return LogProb(value, f"iwae-{samples}", is_bound=True, standard_error=error)


def effective_sample_size(log_weights: Float[Tensor, "samples batch"]) -> Float[Tensor, " batch"]:
    """(Σ w)² / Σ w² (Kong 1992): how many equal weights would estimate as well; from 1 to `samples`.

    The logarithm of the mean weight has a variance near 1 / ESS - 1 / K, and lies about half of that too low.
    """
    return 1 / torch.softmax(log_weights, 0).square().sum(0)


def iwae_in_chunks(log_weights: Callable[[int], Float[Tensor, "draws batch"]], samples: int, chunk: int) -> LogProb:
    """`iwae` of `samples` weights, of which one call of `log_weights` draws at most `chunk`, and one at least."""
    most = max(1, chunk)
    sizes = [min(most, samples - done) for done in range(0, samples, most)]
    return iwae(torch.cat([log_weights(size) for size in sizes]))
