"""The hyperspherical variational autoencoder (Davidson et al. 2018, arXiv:1804.00891)."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.laws.vmf import LARGEST_CONCENTRATION, VonMisesFisher, log_area, uniform_direction
from bench.models.parts.coders import Encoder, decoder_for, hidden_sizes
from bench.models.parts.elbo import WeightedELBO
from bench.models.parts.networks import linear_layer, soft_clamp
from bench.spec import DataSpec

ROUNDING = 1e-4
"""Relative distance from the sphere that counts as rounding."""


class SphereEncoder(nn.Module):
    """q(z | x) = vMF(direction(x), κ(x)) on a sphere of R^dim whose points have a mean square of 1 a coordinate."""

    def __init__(self, inputs: int, hidden: Sequence[int], dim: int, activation: str) -> None:
        super().__init__()
        self.radius = math.sqrt(dim)
        self.trunk = Encoder(inputs, hidden, activation)
        self.direction_head = linear_layer(hidden[-1], dim)
        self.concentration_head = linear_layer(hidden[-1], 1)
        # Posteriors as wide as the sphere would teach the decoder to ignore its latent: at κ = 2 dim they are not.
        nn.init.constant_(self.concentration_head.bias, 2.0 * dim)

    def forward(self, x: Float[Tensor, "batch dim"]) -> VonMisesFisher:
        """The posterior of each example; κ = softplus + 1, softly kept below the largest that is sound."""
        features = self.trunk(x)
        direction = nn.functional.normalize(self.direction_head(features), dim=-1)
        rise = nn.functional.softplus(self.concentration_head(features).squeeze(-1))
        return VonMisesFisher(direction, 1 + soft_clamp(rise, LARGEST_CONCENTRATION - 1), self.radius)


class SVAE(WeightedELBO):
    """p(x) = ∫ p(x | z) p(z) dz with a uniform prior and von Mises-Fisher posteriors on a sphere, and an analytic KL.

    `latent_size` is d, the dimension of the sphere S^d itself, as in the paper's tables; z has d + 1 coordinates. The
    sphere's radius is sqrt(d + 1), so that each coordinate has variance 1 under the prior: likelihood and divergence
    do not depend on the radius, latent noise of a given size does.
    """

    version = 2  # a rate of its own, chosen by trials

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        samples: int = 1,
        beta: float = 1.0,
        kl_warmup: float = 0.0,
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            latent_size: dimension of the sphere, one less than z has coordinates; null takes the dimension of x, and at
                most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            samples: draws of z per example and step.
            beta: weight of the KL divergence in training; only 1 trains on the ELBO.
            kl_warmup: share of the budget over which that weight rises from 0 to `beta`.

        Raises:
            BenchError: for a size, a number of samples or a share out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size, samples=samples, beta=beta, kl_warmup=kl_warmup)
        self.coordinates = self.latent_size + 1
        self.radius = math.sqrt(self.coordinates)
        encoder_sizes, decoder_sizes = hidden_sizes(data, width, shape)
        self.encoder = SphereEncoder(data.dim, encoder_sizes, self.coordinates, activation)
        self.decoder = decoder_for(data, self.coordinates, decoder_sizes, activation)

    def posterior(self, x: Float[Tensor, "batch *event"]) -> VonMisesFisher:
        """q(z | x); its mean, which `encode` gives, lies inside the sphere, the nearer to 0 the less is known of z.

        Raises:
            Diverged: a concentration is NaN.
        """
        law: VonMisesFisher = self.encoder(x.flatten(1))
        return law

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log p(z) in nats per area of the sphere: the same everywhere on it, -infinity off it."""
        distance = (torch.linalg.vector_norm(z, dim=-1) / self.radius - 1).abs()
        return torch.where(distance > ROUNDING, -torch.inf, -log_area(self.coordinates, self.radius)).to(z)

    def prior_sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` uniform points of the sphere."""
        return self.radius * uniform_direction(n, next(self.parameters()), self.coordinates)

    def decode(self, z: Float[Tensor, "batch latent"], context: Tensor | None = None) -> Float[Tensor, "batch *event"]:
        """The decoder's mean in model space at the point of the sphere nearest to z.

        Posterior means and latents with noise lie off the sphere, where no decoder is trained.
        """
        return super().decode(self.radius * nn.functional.normalize(z, dim=-1))
