"""The likelihood of examples under an entry, in model space: exact, or a bound by importance or annealed sampling."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError, Diverged, NotApplicable
from bench.metrics import ais, refined
from bench.metrics.ais import Annealing
from bench.metrics.bracket import SIMULATED, bracket, chunks, rise_by_doubling
from bench.metrics.refined import Refinement
from bench.models.entry import (
    HasDecoder,
    HasLogProb,
    HasLogWeights,
    HasProposal,
    HasRoughLogProb,
    HasSimulator,
    LogProb,
)
from bench.models.parts.importance import effective_sample_size, iwae

PROBES = 256
"""Draws of a prior, moved, that tell whether it covers all of R^latent."""


@dataclass(frozen=True)
class Likelihood:
    """Log-likelihoods of `n` examples in model space, in nats, and how they were obtained.

    Attributes:
        log_prob: `(n,)`, finite.
        estimator: its name in the row, such as `exact`, `iwae-1000`, `refined-1000` or `ais-16x1000`.
        is_bound: True when E[log_prob] is only a lower bound of the log-density.
        standard_error: `(n,)`, the estimator's own error; None where it is exact, or not known (one weight).
        elbo: `(n,)`, the mean log weight under the encoder's own law; None for an entry without importance weights.
        k_curve: (k, mean over examples of log p_k) for k = 1, 2, 5, 10, ..., K; empty without importance weights.
        weights: importance weights or annealed chains of each example; None where there are none.
        effective: `(n,)`, the effective sample size of each example's weights, from 1 to `weights`.
        doubling: nats by which annealing in half the steps lies lower; None for other estimators.
        gap: nats between annealing and its bound from above, on examples drawn from the entry; None for other
            estimators, and for an entry that cannot simulate.
    """

    log_prob: Float[Tensor, " n"]
    estimator: str
    is_bound: bool
    standard_error: Float[Tensor, " n"] | None
    elbo: Float[Tensor, " n"] | None
    k_curve: list[tuple[int, float]]
    weights: int | None = None
    effective: Float[Tensor, " n"] | None = None
    doubling: float | None = None
    gap: float | None = None


def check_estimator(entry: nn.Module, estimator: str) -> None:
    """Refuses an entry that the estimator cannot measure.

    Args:
        entry: of the run; for `ais` its prior is drawn from.
        estimator: `eval.estimator`.

    Raises:
        NotApplicable: `iwae` without importance weights; `ais` without a decoder density, or with a prior that is 0 in
            a part of R^latent.
    """
    name = type(entry).__name__
    if estimator == "iwae" and not isinstance(entry, HasLogWeights):
        raise NotApplicable(f"{name} has no importance weights for eval.estimator=iwae; use eval.estimator=auto")
    if estimator == "ais" and not isinstance(entry, HasDecoder):
        raise NotApplicable(f"{name} has no decoder density for eval.estimator=ais; use eval.estimator=auto")
    if estimator == "ais" and not _prior_is_everywhere(entry):
        raise NotApplicable(
            f"the prior of {name} is 0 in a part of R^latent, where the chains of eval.estimator=ais get stuck; "
            "use eval.estimator=iwae"
        )


def estimate(
    entry: nn.Module,
    x: Float[Tensor, "n *event"],
    *,
    importance_samples: int,
    batch_rows: int,
    annealing: Annealing | None = None,
    tick: Callable[[], None] = lambda: None,
    refinement: Refinement | None = None,
    rough: bool = False,
) -> Likelihood | None:
    """The log-likelihood of each example: IWAE-K of an entry with `log_weights`, else the entry's `log_prob`.

    Where `annealing` is given, that of an entry with a decoder density is estimated by annealed importance sampling.
    Where `refinement` is, IWAE-K of an entry with a `proposal` takes its weights from laws refined for each example.

    The entry is put into evaluation mode and back. Gradients are off, but not by inference mode: an entry that needs
    them inside, for a divergence, turns them on with `torch.enable_grad`.

    Args:
        entry: the entry, on the device of `x`.
        x: examples in model space.
        importance_samples: K of IWAE-K.
        batch_rows: most examples in one call, importance samples counted in; of annealed chains one example's at least.
        annealing: chains and steps of annealed importance sampling; None leaves it.
        tick: called before each chunk; it may raise to stop.
        refinement: steps and draws that refine a proposal; None leaves it.
        rough: whether an entry with a `rough_log_prob` may give that.

    Returns:
        The likelihood, or None for an entry with neither capability.

    Raises:
        Diverged: a log-likelihood or an ELBO is not finite.
        BenchError: the entry returned a wrong shape.
    """
    with evaluating(entry), torch.no_grad():
        if annealing is not None and isinstance(entry, HasDecoder):
            return _annealed(entry, x, annealing, batch_rows, tick)
        if refinement is not None and isinstance(entry, HasProposal):
            return _refined(entry, x, importance_samples, refinement, batch_rows, tick)
        if isinstance(entry, HasLogWeights):
            return _importance_sampled(entry, x, importance_samples, batch_rows, tick)
        if rough and isinstance(entry, HasRoughLogProb):
            return _direct(entry, entry.rough_log_prob, x, batch_rows, tick)
        if isinstance(entry, HasLogProb):
            return _direct(entry, entry.log_prob, x, batch_rows, tick)
    return None


def mean_and_error(values: Float[Tensor, " n"]) -> tuple[float, float | None]:
    """The mean of `values` and its standard error, sd / sqrt(n), in float64; the error of one value is None."""
    values = values.double()
    if len(values) == 1:
        return values.item(), None
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()


def curve_sizes(largest: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, ... below `largest`, and `largest`."""
    ladder = (digit * 10**power for power in range(len(str(largest))) for digit in (1, 2, 5))
    return [k for k in ladder if k < largest] + [largest]


@contextmanager
def evaluating(entry: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, and every submodule's own mode again outside."""
    modes = [(module, module.training) for module in entry.modules()]
    entry.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _prior_is_everywhere(entry: nn.Module) -> bool:
    """True for a prior above 0 at its draws moved by its own scale, which is 1."""
    assert isinstance(entry, HasDecoder)
    with evaluating(entry), torch.no_grad():
        z = entry.prior_sample(PROBES)
        return not bool(entry.log_prior(z + torch.randn_like(z)).isneginf().any())


def _direct(
    entry: nn.Module, log_prob: Callable[[Tensor], LogProb], x: Tensor, rows: int, tick: Callable[[], None]
) -> Likelihood:
    """The entry's own `log_prob`, `rows` examples at a time."""
    parts = []
    for chunk in torch.split(x, rows):
        tick()
        parts.append(log_prob(chunk))
    value, error = _joined(parts)
    _check_shape(entry, "log_prob", value, (len(x),))
    _check_log_densities("log-likelihood", value)
    return Likelihood(value, parts[0].estimator, parts[0].is_bound, error, elbo=None, k_curve=[])


def _importance_sampled(
    entry: HasLogWeights, x: Tensor, samples: int, rows: int, tick: Callable[[], None]
) -> Likelihood:
    """IWAE-K of the entry's own weights."""
    draws = min(samples, rows)

    def weights_of(here: slice) -> tuple[Tensor, Tensor]:
        weights = _log_weights(entry, x[here], samples, draws, tick)
        return weights, weights

    return _weighed(f"iwae-{samples}", x, samples, max(1, rows // samples), weights_of)


def _refined(
    entry: HasProposal, x: Tensor, samples: int, refinement: Refinement, rows: int, tick: Callable[[], None]
) -> Likelihood:
    """IWAE-K of weights whose proposal is refined for each example."""
    offsets: list[tuple[Tensor, ...]] = []
    for chunk in torch.split(x, max(1, rows // refinement.draws)):
        offsets.append(refined.refine(entry, chunk, refinement, tick))
    joined = [torch.cat(parts) for parts in zip(*offsets, strict=True)]

    def weights_of(here: slice) -> tuple[Tensor, Tensor]:
        tick()
        return refined.log_weights(entry, x[here], [part[here] for part in joined], samples, refinement.full, rows)

    name = refined.name_of(entry, x[:1], samples, refinement.full)
    return _weighed(name, x, samples, max(1, rows // samples), weights_of)


def _weighed(
    name: str, x: Tensor, samples: int, examples: int, weights_of: Callable[[slice], tuple[Tensor, Tensor]]
) -> Likelihood:
    """IWAE-K of `samples` weights, `examples` at a time, in float64 from the weights.

    What is kept of each chunk goes into tensors made before: small ones made between the large ones of a chunk would
    leave the allocator holes too small for the next, some megabytes an example.

    Args:
        name: the estimator's.
        x: examples in model space.
        samples: K.
        examples: so many at a time.
        weights_of: log weights of some examples, `(samples, batch)`, and those of the encoder's own law among them.
    """
    sizes = curve_sizes(samples)
    value, error, elbo, effective = torch.empty(4, len(x), dtype=torch.float64, device=x.device)
    curve = torch.zeros(len(sizes), dtype=torch.float64, device=x.device)
    for start in range(0, len(x), examples):
        here = slice(start, start + examples)
        weights, own = weights_of(here)
        bound = iwae(weights)
        value[here] = bound.value
        error[here] = torch.nan if bound.standard_error is None else bound.standard_error
        effective[here] = effective_sample_size(weights)
        elbo[here] = own.mean(0)
        curve += _mean_bounds(weights, sizes).sum(1)
    _check_log_densities("log-likelihood", value)
    # Of one weight none may be the encoder's own.
    told = elbo if len(own) else None
    if told is not None:
        _check_log_densities("ELBO", told)
    points = list(zip(sizes, (curve / len(x)).tolist(), strict=True))
    known = error if bool(error.isfinite().all()) else None
    return Likelihood(value, name, True, known, told, points, samples, effective)


def _annealed(entry: HasDecoder, x: Tensor, annealing: Annealing, rows: int, tick: Callable[[], None]) -> Likelihood:
    """The logarithm of the mean weight of annealed chains, as many examples at a time as `rows` chains allow."""
    bounds, effective = [], []
    for chunk in chunks(x, annealing, rows):
        weights = ais.log_weights(entry, chunk, annealing, tick)
        bounds.append(iwae(weights))
        effective.append(effective_sample_size(weights))
    value, error = _joined(bounds)
    _check_log_densities("log-likelihood", value)
    doubling, gap = rise_by_doubling(entry, x, value, annealing, rows, tick), None
    if isinstance(entry, HasSimulator):
        gap = bracket(entry, annealing, min(SIMULATED, len(x)), rows, tick).gap
    size = torch.cat(effective)
    return Likelihood(value, annealing.name, True, error, None, [], annealing.chains, size, doubling, gap)


def _log_weights(entry: HasLogWeights, x: Tensor, samples: int, draws: int, tick: Callable[[], None]) -> Tensor:
    """`(samples, batch)` log weights in float64, at most `draws` of them in one call."""
    weights = torch.empty(samples, len(x), dtype=torch.float64, device=x.device)
    for start in range(0, samples, draws):
        tick()
        count = min(draws, samples - start)
        part = entry.log_weights(x, count)
        _check_shape(entry, "log_weights", part, (count, len(x)))
        weights[start : start + count] = part
    return weights


def _mean_bounds(log_weights: Float[Tensor, "samples batch"], sizes: list[int]) -> Float[Tensor, "sizes batch"]:
    """IWAE-k averaged over the disjoint groups of k weights: an unbiased estimate of E[IWAE-k] of each example.

    A group's sum is that of the groups before it whose size divides its own: three passes over the weights, not ten.
    """
    sums = {1: log_weights}
    for k in sizes:
        part = max(size for size in sums if k % size == 0)
        groups = len(sums[part]) // (k // part)
        if k > 1:
            sums[k] = sums[part][: groups * (k // part)].reshape(groups, k // part, -1).logsumexp(1)
    return torch.stack([sums[k].mean(0) - math.log(k) for k in sizes])


def _joined(parts: list[LogProb]) -> tuple[Tensor, Tensor | None]:
    """The values of all chunks, and their standard errors or None where one of them is not known."""
    errors = [part.standard_error for part in parts if part.standard_error is not None]
    known = len(errors) == len(parts) and all(bool(error.isfinite().all()) for error in errors)
    return torch.cat([part.value for part in parts]), torch.cat(errors) if known else None


def _check_shape(entry: object, method: str, value: Tensor, expected: tuple[int, ...]) -> None:
    if value.shape != expected:
        raise BenchError(f"{type(entry).__name__}.{method} returned shape {tuple(value.shape)}, expected {expected}")


def _check_log_densities(what: str, value: Tensor) -> None:
    """Raises `Diverged` when a value is not finite; an example of probability zero has no nll to average either."""
    if bool(value.isfinite().all()):
        return
    impossible = int(value.isneginf().sum())
    undefined = int((~value.isfinite()).sum()) - impossible
    raise Diverged(f"{what} of {len(value)} examples: NaN or +inf for {undefined}, -inf for {impossible}")


def bits_per_dim(nats: float, dim: int) -> float:
    """nats / (D ln 2), of one example of D coordinates."""
    return nats / (dim * math.log(2))
