"""Annealed importance sampling of log p(x) for entries with a decoder density (Neal 2001, arXiv:physics/9803008).

With ℓ(z) = log p(x | z), chains go from the prior to the posterior along γ_t(z) = p(z) p(x | z)^β_t, 0 = β_0 < ... <
β_T = 1. Each begins with z_0 ~ p(z); at step t it gains the log weight (β_t - β_{t-1}) ℓ(z_{t-1}), then moves by
Hamiltonian Monte Carlo, which leaves γ_t as it is. exp of a chain's log weight has mean p(x), so that the logarithm of
the mean over chains is a stochastic lower bound of log p(x), tight where the weights are nearly equal. Schedule,
leapfrog steps and target acceptance are those of Wu et al. (2017, arXiv:1611.04273).

A step size that followed a chain's own past would make the weights biased. It follows `PILOTS` extra chains of each
example, whose weights are not used.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.errors import Diverged
from bench.models.entry import HasDecoder

PILOTS = 4
"""Chains of each example that set its step size; their noise averages out over the steps, so that few do."""

LEAPFROGS = 10
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
    """

    chains: int
    steps: int

    @property
    def name(self) -> str:
        """The estimator's name in the row."""
        return f"ais-{self.chains}x{self.steps}"


class Point(NamedTuple):
    """The state of all chains: z with log γ(z), log p(x | z) in nats and the gradient of the first."""

    z: Float[Tensor, "chains batch latent"]
    log_density: Float[Tensor, "chains batch"]
    log_likelihood: Float[Tensor, "chains batch"]
    gradient: Float[Tensor, "chains batch latent"]


def log_weights(
    entry: HasDecoder, x: Float[Tensor, "batch *event"], annealing: Annealing, tick: Callable[[], None] = lambda: None
) -> Float[Tensor, "chains batch"]:
    """Log weights of chains from the prior, in nats and float64; exp of each has mean p(x).

    Where the prior lies on a surface in R^latent, as a sphere, every move leaves it and is refused: a weight is then
    p(x | z) of a prior draw, whose mean is p(x) still, but which says little.

    Args:
        entry: in evaluation mode, on the device of `x`; its prior has a scale near 1.
        x: examples in model space; `chains + PILOTS` rows each are held at once.
        annealing: chains and steps.
        tick: called before each step; it may raise to stop.

    Raises:
        Diverged: log p(x | z) or its gradient is not finite where a chain stands; the message names the step.
    """
    chains = annealing.chains + PILOTS
    z = entry.prior_sample(chains * len(x)).reshape(chains, len(x), -1)
    return anneal(entry, x, z, sigmoidal(annealing.steps), tick)


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
) -> Float[Tensor, "kept batch"]:
    """Log weights of chains from `z` along `betas`, those of the first `PILOTS` chains left out.

    From draws of the prior along a rising path exp(log weight) has mean p(x). From draws of the posterior along the
    path reversed it has mean 1 / p(x), hence an upper bound (Grosse et al. 2015, arXiv:1511.02543).
    """
    weights = torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device)
    log_step_size = torch.full((len(x),), math.log(FIRST_STEP_SIZE), dtype=z.dtype, device=z.device)
    last = len(betas) - 1
    for step in range(1, last + 1):
        tick()
        here = state_at(entry, x, z, betas[step])
        check_chains(here, step, last)
        # Weighed where the chain stands, then moved by what leaves γ_step as it is: the order that keeps the mean at
        # p(x).
        weights += (betas[step] - betas[step - 1]) * here.log_likelihood.double()
        # Behind the last weight a move would change nothing that is kept.
        if step < last:
            there, acceptance = proposal(entry, x, here, betas[step], torch.exp(log_step_size))
            z = torch.where(accepted(acceptance)[..., None], there.z, here.z)
            log_step_size += ADAPTATION * (acceptance[:PILOTS].mean(0) - ACCEPTANCE)
    return weights[PILOTS:]


def proposal(
    entry: HasDecoder,
    x: Float[Tensor, "batch *event"],
    here: Point,
    beta: float,
    step_size: Float[Tensor, " batch"],
) -> tuple[Point, Float[Tensor, "chains batch"]]:
    """The end of a leapfrog trajectory with fresh momenta, and the probability to accept it (Neal 2011).

    A trajectory that leaves the finite numbers is never accepted.
    """
    size = (step_size * (1 + JITTER * (2 * torch.rand_like(here.log_density) - 1)))[..., None]
    momentum = torch.randn_like(here.z)
    energy = here.log_density - 0.5 * momentum.square().sum(-1)
    # Leapfrog: half a step of momentum at both ends, whole ones between. It is reversible and keeps volumes, so that
    # the two energies alone decide.
    momentum = momentum + 0.5 * size * here.gradient
    there = here
    for leap in range(1, LEAPFROGS + 1):
        there = state_at(entry, x, there.z + size * momentum, beta)
        momentum = momentum + (1.0 if leap < LEAPFROGS else 0.5) * size * there.gradient
    gain = there.log_density - 0.5 * momentum.square().sum(-1) - energy
    return there, torch.exp(gain.clamp(max=0.0)).nan_to_num(0.0)


def accepted(probability: Float[Tensor, "chains batch"]) -> Bool[Tensor, "chains batch"]:
    """True with that probability."""
    return torch.rand_like(probability) < probability


def state_at(
    entry: HasDecoder, x: Float[Tensor, "batch *event"], z: Float[Tensor, "chains batch latent"], beta: float
) -> Point:
    """The state of chains at `z` and inverse temperature `beta`: densities and the gradient."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        log_likelihood = entry.log_likelihood(x, z)
        log_density = entry.log_prior(z) + beta * log_likelihood
        # No chain's density depends on another's z: the gradient of the sum is that of each.
        (gradient,) = torch.autograd.grad(log_density.sum(), z)
    return Point(z.detach(), log_density.detach(), log_likelihood.detach(), gradient)


def check_chains(point: Point, step: int, steps: int) -> None:
    """Refuses chains that could never move on, or have no weight.

    Raises:
        Diverged: the message names the step.
    """
    sound = point.log_likelihood.isfinite() & point.gradient.isfinite().all(-1)
    if not bool(sound.all()):
        raise Diverged(
            f"annealed importance sampling, step {step} of {steps}: log p(x | z) or its gradient is NaN or infinite "
            f"in {int((~sound).sum())} of {sound.numel()} chains"
        )
