"""The likelihood of dequantised examples over several draws of their noise.

Levels raw become y = raw + u with u uniform on the unit cube. One draw of u is an accident that every entry shares;
the mean of log p(y) over M draws has it M times less. Their other mean bounds the probability of the levels themselves,

    log P(raw) = log E_u p(raw + u) >= E log (1/M) Σ_m p(raw + u_m) >= E log p(raw + u),

and rises to it with M (Theis et al. 2016; Burda et al. 2016, theorem 1). It holds for any unbiased estimates of
p(raw + u_m), such as a mean importance weight; not where log p itself is estimated, as by a random trace.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from bench.config import Eval
from bench.data.dataset import Dataset
from bench.machine.clock import Stopwatch
from bench.metrics import refined
from bench.metrics.ais import Annealing
from bench.metrics.likelihood import Likelihood, estimate
from bench.models.entry import Entry, HasLogWeights
from bench.seeds import stream_seed

CONTROL_SHARE = 10
"""Importance weights of the first draw for each that a later draw takes."""


class Estimator(Protocol):
    """Likelihoods of examples in model space, by the estimator of the row or by a cheaper one."""

    def __call__(self, x: Float[Tensor, "n *event"], *, cheap: bool) -> Likelihood | None:
        """Of each example; `cheap`: by fewer importance weights, None for an entry that has none."""
        ...


@dataclass(frozen=True)
class OverDraws:
    """Log-likelihoods of n examples in the report space, over draws of the dequantisation noise.

    Attributes:
        mean: means over draws of all that a likelihood has, in float64; its effective sample size is the first draw's.
        log_mean: `(n,)`, the logarithm of the mean density; None where the density of a draw has no unbiased estimate.
        estimators: of the densities that this mean is over, in words.
        draws: their number.
        seconds_per_1k: that the first draw of 1,000 examples takes.
    """

    mean: Likelihood
    log_mean: Float[Tensor, " n"] | None
    estimators: str
    draws: int
    seconds_per_1k: float


def likelihood_over_draws(
    entry: Entry,
    dataset: Dataset,
    x: Float[Tensor, "n *event"],
    settings: Eval,
    annealing: Annealing | None,
    tick: Callable[[], None],
) -> OverDraws | None:
    """Likelihoods of test examples over draws of the dequantisation noise, of which `x` is the first.

    The noise is the same for all entries. Data without such noise have one draw.
    """

    def draw(number: int) -> Tensor:
        return x if number == 0 else dataset.fixed(dataset.test[: len(x)], stream_seed(settings.seed, "test", number))

    draws = settings.dequantisation_draws if dataset.noisy else 1
    estimator = estimator_of(entry, settings, annealing, tick)
    return over_draws(estimator, draw, dataset.space.log_det, draws, stream_seed(settings.seed, "draws"))


def chunks_of(entry: Entry, n: int, draws: int, settings: Eval) -> int | None:
    """Chunks in which the likelihood of n examples is taken over so many draws; None where steps are counted too."""
    rows = settings.batch_rows
    if settings.estimator in ("ais", "refined"):
        return None
    if not isinstance(entry, HasLogWeights):
        return draws * math.ceil(n / rows)

    def weighed(samples: int) -> int:
        return math.ceil(n / max(1, rows // samples)) * math.ceil(samples / min(samples, rows))

    later = draws if draws > 1 else 0
    return weighed(settings.importance_samples) + later * weighed(max(1, settings.importance_samples // CONTROL_SHARE))


def estimator_of(
    entry: Entry, settings: Eval, annealing: Annealing | None, tick: Callable[[], None] = lambda: None
) -> Estimator:
    """The estimator that `settings` ask for, and the cheaper one of later draws."""

    def estimator(x: Tensor, *, cheap: bool) -> Likelihood | None:
        if cheap and not isinstance(entry, HasLogWeights):
            return None
        return estimate(
            entry,
            x,
            importance_samples=max(1, settings.importance_samples // (CONTROL_SHARE if cheap else 1)),
            batch_rows=settings.batch_rows,
            annealing=None if cheap else annealing,
            tick=tick,
            refinement=None if cheap else refined.asked(settings),
        )

    return estimator


def over_draws(
    estimator: Estimator,
    draw: Callable[[int], Float[Tensor, "n *event"]],
    log_det: Callable[[Float[Tensor, "n *event"]], Float[Tensor, " n"]],
    draws: int,
    seed: int,
) -> OverDraws | None:
    """Likelihoods averaged over draws 0, ..., `draws` - 1 of the noise; None for an entry that has none.

    An entry's own density is evaluated at every draw. A bound costs a thousand times as much, so later draws move it by
    a cheaper one b: its value is a(u_0) + mean_m b(u_m) - b(u_0), which has the expectation of a whatever b is, and
    nearly the variance of a mean over draws of a, as b follows a from draw to draw. All b take the same random numbers.
    Where there is no b, the first draw stands alone. A density that draws numbers of its own, as probes of a trace,
    gets others at each draw, so that its errors are independent.

    Args:
        estimator: of the row.
        draw: examples in model space by number of the draw.
        log_det: from model to report space, in nats.
        draws: their number M.
        seed: of random numbers after the first draw; torch's random state is then as the first draw left it.
    """

    def at(number: int, cheap: bool = False) -> Likelihood | None:
        x = draw(number)
        found = estimator(x, cheap=cheap)
        return None if found is None else reported(found, log_det(x).double())

    x = draw(0)
    with Stopwatch(x.device) as watch:
        first = at(0)
    if first is None:
        return None
    seconds = watch.seconds * 1000 / len(x)
    with torch.random.fork_rng([first.log_prob.device] if first.log_prob.is_cuda else []):
        cheap = first.weights is not None
        later: list[Likelihood] = []
        for number in range(0 if cheap else 1, draws if draws > 1 else 0):
            torch.manual_seed(seed if cheap else seed + number)
            found = at(number, cheap)
            if found is None:
                break
            later.append(found)
    if not later:
        return OverDraws(first, log_mean([first]), first.estimator, 1, seconds)
    if not cheap:
        each = [first, *later]
        return OverDraws(averaged(each), log_mean(each), f"{draws} draws: {first.estimator}", draws, seconds)
    estimators = f"{draws} draws: {first.estimator}, then {later[0].estimator}"
    return OverDraws(moved(first, later), log_mean([first, *later[1:]]), estimators, draws, seconds)


def reported(found: Likelihood, log_det: Float[Tensor, " n"]) -> Likelihood:
    """A likelihood of model space in the report space, in float64."""
    offset = float(log_det.mean())
    return replace(
        found,
        log_prob=found.log_prob.double() + log_det,
        elbo=None if found.elbo is None else found.elbo.double() + log_det,
        k_curve=[(k, value + offset) for k, value in found.k_curve],
    )


def averaged(draws: Sequence[Likelihood]) -> Likelihood:
    """The mean over draws of an entry's own log-density; errors of draws are independent."""
    errors = [each.standard_error.double() for each in draws if each.standard_error is not None]
    known = len(errors) == len(draws)
    return replace(
        draws[0],
        log_prob=torch.stack([each.log_prob for each in draws]).mean(0),
        standard_error=torch.stack(errors).square().sum(0).sqrt() / len(draws) if known else None,
    )


def moved(first: Likelihood, cheap: Sequence[Likelihood]) -> Likelihood:
    """The bound of the first draw, moved by the mean of cheaper ones over all draws less that of the first draw.

    The standard error stays that of the first draw's weights.
    """
    curves = [dict(each.k_curve) for each in cheap]
    most = max(curves[0], default=0)

    def shift(k: int) -> float:
        return math.fsum(curve[min(k, most)] - curves[0][min(k, most)] for curve in curves) / len(curves)

    elbo = first.elbo
    if elbo is not None:
        elbo = elbo + difference([each.elbo for each in cheap if each.elbo is not None])
    return replace(
        first,
        log_prob=first.log_prob + difference([each.log_prob for each in cheap]),
        elbo=elbo,
        k_curve=[(k, value + shift(k)) for k, value in first.k_curve],
    )


def difference(draws: Sequence[Float[Tensor, " n"]]) -> Float[Tensor, " n"]:
    """The mean over draws less the first of them."""
    return torch.stack(list(draws)).mean(0) - draws[0]


def log_mean(draws: Sequence[Likelihood]) -> Float[Tensor, " n"] | None:
    """The logarithm of the mean density over draws; None where log p is a random trace's and its exponential biased."""
    if any(each.standard_error is not None and not each.is_bound for each in draws):
        return None
    return torch.stack([each.log_prob for each in draws]).logsumexp(0) - math.log(len(draws))
