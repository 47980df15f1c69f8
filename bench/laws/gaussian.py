"""Gaussian laws of a latent: what an encoder predicts, drawn from by reparameterisation.

Each is also a `bench.models.entry.Proposal`, whose mean and scale can be moved for each example.
"""

import math
from collections.abc import Callable
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

    def to_latent(self, u: Float[Tensor, "*any"]) -> tuple[Float[Tensor, "*any"], float]:
        """What is drawn is the latent itself; its log-volume is 0."""
        return u, 0.0

    def offsets(self) -> tuple[Float[Tensor, "batch latent"], ...]:
        """Zeros for `moved`: of the mean in standard deviations, and of the log-scale."""
        return torch.zeros_like(self.mean), torch.zeros_like(self.mean)

    def moved(self, *offsets: Float[Tensor, "batch latent"]) -> "DiagonalGaussian":
        """The law that lies so many of its own standard deviations further and is by so many e-folds wider."""
        shift, growth = offsets
        return DiagonalGaussian(torch.addcmul(self.mean, torch.exp(self.log_scale), shift), self.log_scale + growth)

    def with_full_covariance(self) -> "FullGaussian":
        """The same law, whose covariance `moved` may turn."""
        return FullGaussian(self.mean, torch.diag_embed(torch.exp(self.log_scale)))


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
        # All draws of an example are columns of one system: a system for each draw would copy its triangle.
        columns = (z - self.mean).reshape(-1, *self.mean.shape).permute(1, 2, 0)
        residual = torch.linalg.solve_triangular(self.triangle, columns, upper=False)
        log_kernel = standard_normal_log_prob(residual.mT).T.reshape(z.shape[:-1])
        return log_kernel - self._log_diagonal().sum(-1)

    def kl_by_coordinate(self) -> Float[Tensor, "batch latent"]:
        """Terms, one per row of L, whose sum is KL(q || N(0, I)) in nats."""
        # tr L Lᵀ is the sum of the squares of L's entries, and log det L Lᵀ twice that of its diagonal: both go row by
        # row.
        return 0.5 * (self.triangle.square().sum(-1) + self.mean.square() - 1) - self._log_diagonal()

    def kl(self) -> Float[Tensor, " batch"]:
        """KL(q || N(0, I)) in nats."""
        return self.kl_by_coordinate().sum(-1)

    def to_latent(self, u: Float[Tensor, "*any"]) -> tuple[Float[Tensor, "*any"], float]:
        """What is drawn is the latent itself; its log-volume is 0."""
        return u, 0.0

    def offsets(self) -> tuple[Tensor, ...]:
        """Zeros for `moved`: `(batch, latent)` of the mean and `(batch, latent, latent)` of L, its upper half idle."""
        return torch.zeros_like(self.mean), torch.zeros_like(self.triangle)

    def moved(self, *offsets: Tensor) -> "FullGaussian":
        """N(mean + L shift, L T (L T)ᵀ): exp of the second offset's diagonal in T, its rest below, over √latent.

        By that root a row of T moves as far as one of its entries would alone.
        """
        shift, turn = offsets
        mean = self.mean + torch.einsum("bij,bj->bi", self.triangle, shift)
        diagonal = torch.exp(torch.diagonal(turn, dim1=-2, dim2=-1))
        below = turn.tril(-1) / math.sqrt(self.mean.shape[-1])
        return FullGaussian(mean, self.triangle @ (below + torch.diag_embed(diagonal)))

    def with_full_covariance(self) -> "FullGaussian":
        """This law."""
        return self

    def _log_diagonal(self) -> Tensor:
        return torch.log(torch.diagonal(self.triangle, dim1=-2, dim2=-1))


@dataclass(frozen=True)
class Transported:
    """The law of transport(u), u from a Gaussian: what is drawn and moved is u.

    Attributes:
        base: the law of u, one for each example.
        transport: u, `(samples, batch, latent)`, to z of the same shape and log |det dz/du|, `(samples, batch)`.
    """

    base: DiagonalGaussian | FullGaussian
    transport: Callable[[Tensor], tuple[Tensor, Tensor]]

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """u and log q(u) in nats, both with gradients."""
        return self.base.draw(samples)

    def log_prob(self, u: Float[Tensor, "samples batch latent"]) -> Float[Tensor, "samples batch"]:
        """log q(u) in nats."""
        return self.base.log_prob(u)

    def to_latent(
        self, u: Float[Tensor, "samples batch latent"]
    ) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z and log |det dz/du| in nats."""
        return self.transport(u)

    def offsets(self) -> tuple[Tensor, ...]:
        """Those of the law of u."""
        return self.base.offsets()

    def moved(self, *offsets: Tensor) -> "Transported":
        """The law with that of u moved."""
        return Transported(self.base.moved(*offsets), self.transport)

    def with_full_covariance(self) -> "Transported":
        """The same law, in which the covariance of u may turn."""
        return Transported(self.base.with_full_covariance(), self.transport)
