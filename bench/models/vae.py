"""The variational autoencoder with a Gaussian latent (Kingma & Welling 2014, arXiv:1312.6114)."""

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError
from bench.models.entry import Context
from bench.models.latent import LatentEntry
from bench.models.networks import (
    BernoulliDecoder,
    GaussianDecoder,
    GaussianPosterior,
    spread,
    standard_normal_log_prob,
    unconditional,
)
from bench.spec import DataSpec

ENCODER_LAYERS = 2
LARGEST_DEFAULT_LATENT = 16


class VAE(LatentEntry):
    """p(x) = ∫ p(x | z) N(z; 0, I) dz, trained on the one-sample ELBO with the analytic KL divergence.

    The decoder is Gaussian with a learned scale, or Bernoulli for binary data.
    """

    def __init__(self, data: DataSpec, *, width: int, latent_size: int | None = None) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            latent_size: dimension of z; null takes that of x, and at most 16.

        Raises:
            BenchError: for a latent size below 1.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width)
        unconditional(data, "VAE")
        if latent_size is None:
            latent_size = min(data.dim, LARGEST_DEFAULT_LATENT)
        if latent_size < 1:
            raise BenchError(f"model.latent_size={latent_size} is not a size: give at least 1")
        self.latent_size = latent_size
        decoder = BernoulliDecoder if data.kind == "binary" else GaussianDecoder
        hidden = spread(width, ENCODER_LAYERS + decoder.hidden_layers)
        self.encoder = GaussianPosterior(data.dim, hidden[:ENCODER_LAYERS], latent_size)
        self.decoder = decoder(latent_size, hidden[ENCODER_LAYERS:], data.dim)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-ELBO in nats: KL(q(z | x) || N(0, I)) - log p(x | z) at one reparameterised z (equation 10)."""
        flat = x.flatten(1)
        mean, log_scale = self.encoder(flat)
        scale = torch.exp(log_scale)
        z = torch.addcmul(mean, scale, torch.randn_like(mean))
        kl: Tensor = 0.5 * (scale.square() + mean.square() - 1).sum(-1) - log_scale.sum(-1)
        return kl - self.decoder.log_prob(flat, z)

    def log_weights(
        self, x: Float[Tensor, "batch *event"], samples: int, context: Context = None
    ) -> Float[Tensor, "samples batch"]:
        """`(samples, batch)` nats of log p(x | z) + log p(z) - log q(z | x), with z drawn from q."""
        flat = x.flatten(1)
        mean, log_scale = self.encoder(flat)
        noise = torch.randn(samples, *mean.shape, dtype=mean.dtype, device=mean.device)
        z = torch.addcmul(mean, torch.exp(log_scale), noise)
        log_posterior = standard_normal_log_prob(noise) - log_scale.sum(-1)
        log_weight: Tensor = self.decoder.log_prob(flat, z) + standard_normal_log_prob(z) - log_posterior
        return log_weight

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Draws from the model's density: z from the prior, then x from p(x | z) with its noise."""
        return self.decoder.sample(self._prior(n)).reshape(n, *self.data.event_shape)

    def encode(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, "batch latent"]:
        """The posterior mean, `(batch, latent_size)`."""
        mean: Tensor = self.encoder(x.flatten(1))[0]
        return mean

    def decode(self, z: Float[Tensor, "batch latent"], context: Context = None) -> Float[Tensor, "batch *event"]:
        """The decoder's mean in model space; the probability of a 1 for binary data."""
        return self.decoder.mean(z).reshape(len(z), *self.data.event_shape)

    def _prior(self, n: int) -> Float[Tensor, "n latent"]:
        like = next(self.parameters())
        return torch.randn(n, self.latent_size, dtype=like.dtype, device=like.device)
