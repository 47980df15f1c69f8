"""The base class of VAEs that train on a weighted ELBO: its weight, its warm-up, the checks of its options."""

import math
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.entry import Context, LatentLaw
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.latent import LatentEntry
from bench.spec import DataSpec


@runtime_checkable
class DivergentPosterior(LatentLaw, Protocol):
    """A posterior whose divergence from the entry's prior is known."""

    def kl(self) -> Float[Tensor, " batch"]:
        """KL(q(z | x) || p(z)) in nats."""
        ...


class WeightedELBO(LatentEntry):
    """A latent-variable entry trained on -E log p(x | z) + weight KL(q(z | x) || p(z))."""

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        samples: int = 1,
        beta: float = 1.0,
        kl_warmup: float = 0.0,
    ) -> None:
        """Settles the latent's size and the loss.

        Args:
            data: what an example is.
            width: hidden units in all.
            latent_size: dimension of z; null takes that of x, and at most 16.
            samples: draws of z per example and step.
            beta: weight of the KL divergence in training (Higgins et al. 2017); only 1 trains on the ELBO.
            kl_warmup: share of the budget over which that weight rises from 0 to `beta` (Bowman et al. 2016).

        Raises:
            BenchError: for a size, a number of samples or a share out of range.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size)
        check_options(samples=samples, beta=beta, kl_warmup=kl_warmup)
        self.samples, self.beta, self.kl_warmup = samples, beta, kl_warmup
        self.kl_weight = beta

    def posterior(self, x: Float[Tensor, "batch *event"]) -> DivergentPosterior:
        """q(z | x) of each example."""
        raise NotImplementedError(f"{type(self).__name__} must define posterior(x)")

    def divergence(
        self,
        posterior: DivergentPosterior,
        z: Float[Tensor, "samples batch latent"],
        log_posterior: Float[Tensor, "samples batch"],
    ) -> Float[Tensor, " batch"]:
        """KL(q(z | x) || p(z)) in nats: in closed form, which needs none of the draws `z` and their log-densities."""
        return posterior.kl()

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-ELBO in nats, its divergence weighted."""
        posterior = self.posterior(x)
        z, log_posterior = posterior.draw(self.samples)
        # E log p(x | z) by draws, the divergence in closed form: less noise than log weights have (Kingma & Welling
        # 2014, equation 7).
        fit = self.log_likelihood(x, z).mean(0)
        return self.kl_weight * self.divergence(posterior, z, log_posterior) - fit

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step, with a warm-up of the KL divergence where `kl_warmup` sets one."""
        return WarmUpStep(self, settings) if self.kl_warmup else GradientStep(self, settings)


class WarmUpStep(GradientStep):
    """The usual step with a KL warm-up: the divergence's weight rises with the share of the budget used."""

    entry: "WeightedELBO"

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """One forward, backward and update."""
        self.entry.kl_weight = self.entry.beta * min(1.0, progress / self.entry.kl_warmup)
        try:
            return super().step(x, progress)
        # Validation and every other call of `loss` are of the final weight.
        finally:
            self.entry.kl_weight = self.entry.beta


def check_samples(samples: int) -> None:
    """Refuses a number of draws below 1.

    Raises:
        BenchError: fewer than 1.
    """
    if samples < 1:
        raise BenchError(f"model.samples={samples} is not a number of draws: give at least 1")


def check_options(*, samples: int, beta: float, kl_warmup: float) -> None:
    """Refuses options of a weighted ELBO that are out of range.

    Raises:
        BenchError: fewer samples than 1, a weight that is negative or not finite, a share outside [0, 1].
    """
    check_samples(samples)
    check_not_negative(beta=beta)
    if not 0 <= kl_warmup <= 1:
        raise BenchError(f"model.kl_warmup={kl_warmup} is not a share of the budget: give 0 to 1")


def check_not_negative(**options: float) -> None:
    """Refuses options that are negative, infinite or NaN, each named by its key.

    Raises:
        BenchError: one of them is negative, infinite or NaN.
    """
    for name, value in options.items():
        if not 0 <= value < math.inf:
            raise BenchError(f"model.{name}={value} is negative, infinite or NaN: give 0 or more")
