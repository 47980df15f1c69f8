"""The variational autoencoder with a Gaussian latent (Kingma & Welling 2014, arXiv:1312.6114)."""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from bench.errors import unknown
from bench.laws.gaussian import DiagonalGaussian, FullGaussian
from bench.models.parts.coders import DiagonalEncoder, Encoder, FullEncoder, decoder_for, hidden_sizes
from bench.models.parts.elbo import DivergentPosterior, WeightedELBO, check_not_negative
from bench.spec import DataSpec

ENCODERS = {"diagonal": DiagonalEncoder, "full": FullEncoder}


class VAE(WeightedELBO):
    """The VAE p(x) = ∫ p(x | z) N(z; 0, I) dz, trained on the ELBO with the analytic KL divergence.

    The decoder is Gaussian with a learned scale, or Bernoulli for binary data.
    """

    version = 2  # a rate of its own, chosen by trials
    compiled_with = "model.kl_warmup=0"

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
        super().__init__(data, width=width, latent_size=latent_size, samples=samples, beta=beta, kl_warmup=kl_warmup)
        if posterior not in ENCODERS:
            raise unknown("posterior", posterior, ENCODERS, "model.posterior")
        check_not_negative(free_bits=free_bits)
        self.free_bits = free_bits
        encoder_sizes, decoder_sizes = hidden_sizes(data, width, shape)
        self.encoder = ENCODERS[posterior](Encoder(data.dim, encoder_sizes, activation), self.latent_size)
        self.decoder = decoder_for(data, self.latent_size, decoder_sizes, activation)

    def posterior(self, x: Float[Tensor, "batch *event"]) -> DiagonalGaussian | FullGaussian:
        """q(z | x) = N(mean(x), covariance(x))."""
        law: DiagonalGaussian | FullGaussian = self.encoder(x.flatten(1))
        return law

    def proposal(self, x: Float[Tensor, "batch *event"]) -> DiagonalGaussian | FullGaussian:
        """The posterior, whose mean and covariance can be refined."""
        return self.posterior(x)

    def divergence(
        self,
        posterior: DivergentPosterior,
        z: Float[Tensor, "samples batch latent"],
        log_posterior: Float[Tensor, "samples batch"],
    ) -> Float[Tensor, " batch"]:
        """KL(q(z | x) || N(0, I)) in nats, as `kl` counts it."""
        assert isinstance(posterior, (DiagonalGaussian, FullGaussian))
        return self.kl(posterior)

    def kl(self, posterior: DiagonalGaussian | FullGaussian) -> Float[Tensor, " batch"]:
        """KL(q(z | x) || N(0, I)) in nats, in closed form, each coordinate at `free_bits` at least."""
        by_coordinate = posterior.kl_by_coordinate()
        if self.free_bits:
            by_coordinate = by_coordinate.clamp(min=self.free_bits)
        return by_coordinate.sum(-1)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works` unless a warm-up changes the weight of the divergence, a Python number, from step to step."""
        return "no" if self.kl_warmup else "works"
