"""The variational autoencoder with a Gaussian latent (Kingma & Welling 2014, arXiv:1312.6114)."""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError, unknown
from bench.laws.gaussian import DiagonalGaussian, FullGaussian
from bench.models.coders import DiagonalEncoder, FullEncoder, decoder_for, hidden_sizes
from bench.models.entry import Context
from bench.models.latent import LatentEntry
from bench.models.optimise import GradientStep, Trainer
from bench.spec import DataSpec

ENCODERS = {"diagonal": DiagonalEncoder, "full": FullEncoder}


class VAE(LatentEntry):
    """p(x) = ∫ p(x | z) N(z; 0, I) dz, trained on the ELBO with the analytic KL divergence.

    The decoder is Gaussian with a learned scale, or Bernoulli for binary data.
    """

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        posterior: Literal["diagonal", "full"] = "diagonal",
        samples: int = 1,
        beta: float = 1.0,
        free_bits: float = 0.0,
        kl_warmup: float = 0.0,
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            posterior: covariance of q(z | x), `diagonal` or `full`.
            samples: draws of z per example and step.
            beta: weight of the KL divergence in training (Higgins et al. 2017); only 1 trains on the ELBO.
            free_bits: nats of each latent coordinate's KL divergence that cost nothing (Kingma et al. 2016, appendix
                C.8), counted per example and not per batch, so that an example's loss is its own.
            kl_warmup: share of the budget over which the KL divergence's weight rises from 0 to `beta`
                (Bowman et al. 2016).

        Raises:
            BenchError: for a size, a number of samples or a share out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size)
        if posterior not in ENCODERS:
            raise unknown("posterior", posterior, ENCODERS, "model.posterior")
        check_options(samples=samples, beta=beta, free_bits=free_bits, kl_warmup=kl_warmup)
        self.samples, self.beta, self.free_bits, self.kl_warmup = samples, beta, free_bits, kl_warmup
        self.kl_weight = beta
        encoder_sizes, decoder_sizes = hidden_sizes(data, width, shape)
        self.encoder = ENCODERS[posterior](data.dim, encoder_sizes, self.latent_size, activation)
        self.decoder = decoder_for(data, self.latent_size, decoder_sizes, activation)

    def posterior(self, x: Float[Tensor, "batch *event"]) -> DiagonalGaussian | FullGaussian:
        """q(z | x) = N(mean(x), covariance(x))."""
        law: DiagonalGaussian | FullGaussian = self.encoder(x.flatten(1))
        return law

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-ELBO in nats: KL(q(z | x) || N(0, I)) - log p(x | z) at reparameterised z (equation 10), as weighted."""
        posterior = self.posterior(x)
        z, _ = posterior.draw(self.samples)
        fit: Tensor = self.decoder.log_prob(x.flatten(1), z).mean(0)
        return self.divergence(posterior) - fit

    def divergence(self, posterior: DiagonalGaussian | FullGaussian) -> Float[Tensor, " batch"]:
        """KL(q(z | x) || N(0, I)) in nats as training weighs it: its free bits paid for, times `kl_weight`."""
        kl = posterior.kl_by_coordinate()
        if self.free_bits:
            kl = kl.clamp(min=self.free_bits)
        return self.kl_weight * kl.sum(-1)

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step, with the KL divergence warmed up where that is asked for."""
        return WarmedUp(self, settings) if self.kl_warmup else GradientStep(self, settings)


class WarmedUp(GradientStep):
    """The usual step, at a weight of the KL divergence that follows from how much of the budget is used."""

    entry: VAE

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """One forward, backward and update."""
        self.entry.kl_weight = self.entry.beta * min(1.0, progress / self.entry.kl_warmup)
        try:
            return super().step(x, progress)
        finally:
            self.entry.kl_weight = self.entry.beta


def check_options(*, samples: int, beta: float, free_bits: float, kl_warmup: float) -> None:
    """Refuses what no training could use.

    Raises:
        BenchError: fewer samples than 1, a negative weight, free bits below 0, a share outside [0, 1].
    """
    if samples < 1:
        raise BenchError(f"model.samples={samples} is not a number of draws: give at least 1")
    for name, value in {"beta": beta, "free_bits": free_bits}.items():
        if not value >= 0:
            raise BenchError(f"model.{name}={value} is negative: give 0 or more")
    if not 0 <= kl_warmup <= 1:
        raise BenchError(f"model.kl_warmup={kl_warmup} is not a share of the budget: give 0 to 1")
