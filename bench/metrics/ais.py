"""Annealed importance sampling of log p(x) for entries with a decoder density (Neal 2001, arXiv:physics/9803008).

With ℓ(z) = log p(x | z), chains go from the prior to the posterior along γ_t(z) = p(z) p(x | z)^β_t, 0 = β_0 < ... <
β_T = 1. Each begins with z_0 ~ p(z); at step t it gains the log weight (β_t - β_{t-1}) ℓ(z_{t-1}), then moves by
Hamiltonian Monte Carlo, which leaves γ_t as it is. exp of a chain's log weight has mean p(x), so that the logarithm of
the mean over chains is a stochastic lower bound of log p(x), tight where the weights are nearly equal. The schedule and
the target acceptance are those of Wu et al. (2017, arXiv:1611.04273).

A step size that followed a chain's own past would make the weights biased. It follows `PILOTS` extra chains of each
example, whose weights are not used.

Both terms of log γ keep their gradients where a chain stands, so that the next trajectory begins with those of the
last, at another β: a step costs `leapfrogs` gradients in z.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.errors import Diverged
from bench.metrics.frozen import frozen
from bench.models.entry import HasDecoder

PILOTS = 2
"""Chains of each example that set its step size; their noise averages out over the steps, so that few do."""

LEAPFROGS = 3
"""Of a trajectory. On a VAE of digits 3, 5 and 10 leave a bound within 0.02 nats at the same number of steps: more
distributions are worth more than longer trajectories."""

ACCEPTANCE = 0.65
"""Acceptance probability at which Hamiltonian Monte Carlo costs least (Beskos et al. 2013, arXiv:1001.4460)."""

FIRST_STEP_SIZE = 0.1
ADAPTATION = 0.1
"""Change of the log step size by a unit of acceptance: from 1 to 0.01, as a posterior narrows, in 70 steps."""

JITTER = 0.2
"""Largest share by which each chain's step size differs, at random, from its example's: trajectories of one length
would be near periods of narrow directions, and return (Neal 2011, arXiv:1206.1901, section 3.2)."""

STEEPNESS = 4.0
"""Half the range of the logistic function that the schedule follows: slow at both ends."""


@dataclass(frozen=True)
class Annealing:
    """The amount of annealing: chains and steps of each example.

    Attributes:
        chains: independent chains, each with its log weight.
        steps: T, distributions from the prior to the posterior, the prior not counted.
        leapfrogs: of the trajectory behind each step.
        pilots: further chains, which set the step size.
    """

    chains: int
    steps: int
    leapfrogs: int = LEAPFROGS
    pilots: int = PILOTS

    @property
    def name(self) -> str:
        """The estimator's name in the row."""
        return f"ais-{self.chains}x{self.steps}"


class Point(NamedTuple):
    """The state of all chains: z with log p(z) and log p(x | z) in nats, and the gradients of both in z."""

    z: Float[Tensor, "chains batch latent"]
    log_prior: Float[Tensor, "chains batch"]
    log_likelihood: Float[Tensor, "chains batch"]
    prior_gradient: Float[Tensor, "chains batch latent"]
    likelihood_gradient: Float[Tensor, "chains batch latent"]

    def log_density(self, beta: float) -> Float[Tensor, "chains batch"]:
        """log γ at inverse temperature β, in nats."""
        return self.log_prior + beta * self.log_likelihood

    def gradient(self, beta: float) -> Float[Tensor, "chains batch latent"]:
        """That of log γ in z."""
        return self.prior_gradient + beta * self.likelihood_gradient


class Annealed(NamedTuple):
    """Chains at their end.

    Attributes:
        log_weights: `(chains, batch)` nats in float64, pilots left out.
        step_sizes: `(steps - 1, batch)`, one for each move between two weights.
    """

    log_weights: Float[Tensor, "chains batch"]
    step_sizes: Float[Tensor, "moves batch"]


def log_weights(
    entry: HasDecoder, x: Float[Tensor, "batch *event"], annealing: Annealing, tick: Callable[[], None] = lambda: None
) -> Float[Tensor, "chains batch"]:
    """Log weights of chains from the prior, in nats and float64; exp of each has mean p(x).

    Where the prior lies on a surface in R^latent, as a sphere, every move leaves it and is refused: a weight is then
    p(x | z) of a prior draw, whose mean is p(x) still, but which says little.

    Args:
        entry: in evaluation mode, on the device of `x`; its prior has a scale near 1.
        x: examples in model space; `chains + pilots` rows each are held at once.
        annealing: chains and steps.
        tick: called before each step; it may raise to stop.

    Raises:
        Diverged: log p(x | z) or its gradient is not finite at a draw of the prior.
    """
    return from_prior(entry, x, annealing, tick).log_weights


def from_prior(
    entry: HasDecoder, x: Float[Tensor, "batch *event"], annealing: Annealing, tick: Callable[[], None] = lambda: None
) -> Annealed:
    """Chains from the prior to the posterior, with the step sizes that they settled on; see `log_weights`."""
    chains = annealing.chains + annealing.pilots
    z = entry.prior_sample(chains * len(x)).reshape(chains, len(x), -1)
    return anneal(entry, x, z, sigmoidal(annealing.steps), tick, None, annealing.leapfrogs, annealing.pilots)


def sigmoidal(steps: int) -> list[float]:
    """β_0 = 0, ..., β_steps = 1 along a logistic curve (Wu et al. 2017, section 4.1)."""
    curve = [1 / (1 + math.exp(-STEEPNESS * (2 * t / steps - 1))) for t in range(steps + 1)]
    return [(value - curve[0]) / (curve[-1] - curve[0]) for value in curve]


def anneal(
    entry: HasDecoder,
    x: Float[Tensor, "batch *event"],
    z: Float[Tensor, "chains batch latent"],
    betas: Sequence[float],
    tick: Callable[[], None] = lambda: None,
    step_sizes: Float[Tensor, "moves batch"] | None = None,
    leapfrogs: int = LEAPFROGS,
    pilots: int = PILOTS,
) -> Annealed:
    """Log weights of chains from `z` along `betas`, those of the first `pilots` chains left out.

    From draws of the prior along a rising path exp(log weight) has mean p(x). From draws of the posterior along the
    path reversed it has mean 1 / p(x), hence an upper bound (Grosse et al. 2015, arXiv:1511.02543).

    Args:
        entry: as in `log_weights`.
        x: examples in model space.
        z: where chains start.
        betas: the path.
        tick: called before each step; it may raise to stop.
        step_sizes: of each move; all chains are then weighed, and none is a pilot. None lets pilots find them.
        leapfrogs: as in `Annealing`.
        pilots: as in `Annealing`.
    """
    given = step_sizes is not None
    last = len(betas) - 1
    weights = torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device)
    sizes = torch.empty(last - 1, len(x), dtype=z.dtype, device=z.device) if step_sizes is None else step_sizes
    log_step_size = torch.full((len(x),), math.log(FIRST_STEP_SIZE), dtype=z.dtype, device=z.device)
    with frozen(entry):
        here = state_at(entry, x, z)
        check_chains(here)
        for step in range(1, last + 1):
            tick()
            # Weighed where the chain stands, then moved by what leaves γ_step as it is: the order that keeps the mean
            # at p(x).
            weights += (betas[step] - betas[step - 1]) * here.log_likelihood.double()
            # Behind the last weight a move would change nothing that is kept.
            if step == last:
                break
            if not given:
                sizes[step - 1] = torch.exp(log_step_size)
            there, acceptance = trajectory(entry, x, here, betas[step], sizes[step - 1], leapfrogs)
            here = chosen(accepted(acceptance), there, here)
            log_step_size += ADAPTATION * (acceptance[:pilots].mean(0) - ACCEPTANCE)
    return Annealed(weights if given else weights[pilots:], sizes)


def trajectory(
    entry: HasDecoder,
    x: Float[Tensor, "batch *event"],
    here: Point,
    beta: float,
    step_size: Float[Tensor, " batch"],
    leapfrogs: int,
) -> tuple[Point, Float[Tensor, "chains batch"]]:
    """The end of a leapfrog trajectory with fresh momenta, and the probability to accept it (Neal 2011).

    A trajectory that leaves the finite numbers is never accepted.
    """
    size = (step_size * (1 + JITTER * (2 * torch.rand_like(here.log_prior) - 1)))[..., None]
    momentum = torch.randn_like(here.z)
    energy = here.log_density(beta) - 0.5 * momentum.square().sum(-1)
    # Leapfrog: half a step of momentum at both ends, whole ones between. It is reversible and keeps volumes, so that
    # the two energies alone decide.
    momentum = momentum + 0.5 * size * here.gradient(beta)
    there = here
    for leap in range(1, leapfrogs + 1):
        there = state_at(entry, x, there.z + size * momentum)
        momentum = momentum + (1.0 if leap < leapfrogs else 0.5) * size * there.gradient(beta)
    gain = there.log_density(beta) - 0.5 * momentum.square().sum(-1) - energy
    return there, torch.exp(gain.clamp(max=0.0)).nan_to_num(0.0)


def chosen(which: Bool[Tensor, "chains batch"], there: Point, here: Point) -> Point:
    """The state `there` of the chains that `which` says, `here` of the others."""
    return Point(
        *(
            torch.where(which if new.dim() == which.dim() else which[..., None], new, old)
            for new, old in zip(there, here, strict=True)
        )
    )


def accepted(probability: Float[Tensor, "chains batch"]) -> Bool[Tensor, "chains batch"]:
    """True with that probability."""
    return torch.rand_like(probability) < probability


def state_at(entry: HasDecoder, x: Float[Tensor, "batch *event"], z: Float[Tensor, "chains batch latent"]) -> Point:
    """The state of chains at `z`: both log-densities and their gradients."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        log_likelihood, log_prior = entry.log_likelihood(x, z), entry.log_prior(z)
        # No chain's density depends on another's z: the gradient of the sum is that of each.
        of_prior, of_likelihood = gradient(log_prior, z), gradient(log_likelihood, z)
    return Point(z.detach(), log_prior.detach(), log_likelihood.detach(), of_prior, of_likelihood)


def gradient(value: Float[Tensor, "chains batch"], z: Float[Tensor, "chains batch latent"]) -> Tensor:
    """That of the sum of `value` in z; zeros where it does not depend on z, as a uniform density does not."""
    if not value.requires_grad:
        return torch.zeros_like(z)
    (found,) = torch.autograd.grad(value.sum(), z, materialize_grads=True)
    return found


def check_chains(point: Point) -> None:
    """Refuses chains that could never move on, or have no weight.

    Raises:
        Diverged: the message counts them.
    """
    sound = point.log_likelihood.isfinite() & point.likelihood_gradient.isfinite().all(-1)
    sound &= point.prior_gradient.isfinite().all(-1)
    if not bool(sound.all()):
        raise Diverged(
            f"annealed importance sampling: log p(x | z) or its gradient is NaN or infinite where "
            f"{int((~sound).sum())} of {sound.numel()} chains start"
        )
