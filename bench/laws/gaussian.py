"""Gaussian laws of a latent: what an encoder predicts, drawn from by reparameterisation."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


def standard_normal_log_prob(z: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """log N(z; 0, I) in nats, summed over the last axis."""
    return -0.5 * z.square().sum(-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)


def gaussian_log_prob(
    x: Float[Tensor, "*#batch #dim"], mean: Float[Tensor, "*#batch #dim"], log_scale: Float[Tensor, "*#batch #dim"]
) -> Float[Tensor, "*batch"]:
    """log N(x; mean, diag exp(2 log_scale)) in nats, summed over the last axis."""
    residual = (x - mean) * torch.exp(-log_scale)
    return standard_normal_log_prob(residual) - log_scale.sum(-1)


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag exp(2 log_scale)), one for each example.

    Attributes:
        mean: `(batch, latent)`.
        log_scale: `(batch, latent)`, logarithms of standard deviations.
    """

    mean: Float[Tensor, "batch latent"]
    log_scale: Float[Tensor, "batch latent"]

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z = mean + scale e with e ~ N(0, I), and log q(z) in nats, both with gradients."""
        noise = torch.randn(samples, *self.mean.shape, dtype=self.mean.dtype, device=self.mean.device)
        z = torch.addcmul(self.mean, torch.exp(self.log_scale), noise)
        # log q(z) from the noise itself, which (z - mean) / scale would only give back with rounding.
        return z, standard_normal_log_prob(noise) - self.log_scale.sum(-1)

    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log q(z) in nats."""
        residual = (z - self.mean) * torch.exp(-self.log_scale)
        return standard_normal_log_prob(residual) - self.log_scale.sum(-1)

    def kl_by_coordinate(self) -> Float[Tensor, "batch latent"]:
        """KL(q || N(0, I)) of each coordinate in nats (Kingma & Welling 2014, appendix B)."""
        return 0.5 * (torch.exp(2 * self.log_scale) + self.mean.square() - 1) - self.log_scale

    def kl(self) -> Float[Tensor, " batch"]:
        """KL(q || N(0, I)) in nats."""
        return self.kl_by_coordinate().sum(-1)

    def detached(self) -> "DiagonalGaussian":
        """This law, through which no gradient flows into its parameters."""
        return DiagonalGaussian(self.mean.detach(), self.log_scale.detach())


@dataclass(frozen=True)
class FullGaussian:
    """N(mean, L Lᵀ), one for each example.

    Attributes:
        mean: `(batch, latent)`.
        triangle: L, `(batch, latent, latent)`, lower triangular with a positive diagonal.
    """

    mean: Float[Tensor, "batch latent"]
    triangle: Float[Tensor, "batch latent latent"]

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z = mean + L e with e ~ N(0, I), and log q(z) in nats, both with gradients."""
        noise = torch.randn(samples, *self.mean.shape, dtype=self.mean.dtype, device=self.mean.device)
        z = self.mean + torch.einsum("bij,sbj->sbi", self.triangle, noise)
        return z, standard_normal_log_prob(noise) - self._log_diagonal().sum(-1)

    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log q(z) in nats."""
        residual = torch.linalg.solve_triangular(self.triangle, (z - self.mean).unsqueeze(-1), upper=False)
        return standard_normal_log_prob(residual.squeeze(-1)) - self._log_diagonal().sum(-1)

    def kl_by_coordinate(self) -> Float[Tensor, "batch latent"]:
        """Terms, one per row of L, whose sum is KL(q || N(0, I)) in nats."""
        # tr L Lᵀ is the sum of the squares of L's entries, and log det L Lᵀ twice that of its diagonal: both go row by
        # row.
        return 0.5 * (self.triangle.square().sum(-1) + self.mean.square() - 1) - self._log_diagonal()

    def kl(self) -> Float[Tensor, " batch"]:
        """KL(q || N(0, I)) in nats."""
        return self.kl_by_coordinate().sum(-1)

    def _log_diagonal(self) -> Tensor:
        return torch.log(torch.diagonal(self.triangle, dim1=-2, dim2=-1))
