"""The von Mises-Fisher law on a sphere, drawn from by reparameterisation."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import Diverged
from bench.laws.angle import draw_angle
from bench.laws.bessel import bessel

LARGEST_CONCENTRATION = 1e5
"""Up to this κ, and for spheres in up to 129 dimensions, density, draws and gradients are tested."""


def log_area(dim: int, radius: float = 1.0) -> float:
    """log of the area of the sphere of that radius in R^dim: log 2 π^{dim/2} r^{dim-1} / Γ(dim/2)."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2) + (dim - 1) * math.log(radius)


def uniform_direction(n: int, like: Float[Tensor, "*any"], dim: int) -> Float[Tensor, "n dim"]:
    """`n` uniform unit vectors of R^dim, of the dtype and on the device of `like`."""
    return nn.functional.normalize(torch.randn(n, dim, dtype=like.dtype, device=like.device), dim=-1)


@dataclass(frozen=True)
class VonMisesFisher:
    """q(z) ∝ exp(κ direction · z / radius) on the sphere |z| = radius of R^dim, one for each example.

    Densities are per area of that sphere. What depends on κ alone is computed in float64: at κ = 1e5 the terms of a
    density are 1e5 times what is left of them.

    Attributes:
        direction: `(batch, dim)` unit vectors, dim from 2.
        concentration: κ, `(batch,)`, above 0 and at most `LARGEST_CONCENTRATION`.
        radius: of the sphere.

    Raises:
        Diverged: a concentration on a CPU is NaN or out of its range. On a GPU it becomes NaN, and so does what follows
            from it: to look at it would make a step of training wait for the device.
    """

    direction: Float[Tensor, "batch dim"]
    concentration: Float[Tensor, " batch"]
    radius: float = 1.0

    def __post_init__(self) -> None:
        inside = (self.concentration > 0) & (self.concentration <= LARGEST_CONCENTRATION * (1 + 1e-6))
        if self.concentration.device.type != "cpu":
            valid = torch.where(inside, self.concentration, math.nan)
            object.__setattr__(self, "concentration", valid)  # as a frozen dataclass sets its own fields
        elif not bool(inside.all()):
            worst = float(self.concentration.detach()[~inside][0])
            raise Diverged(f"the von Mises-Fisher concentration is {worst:.4g}, outside (0, {LARGEST_CONCENTRATION:g}]")

    @property
    def dim(self) -> int:
        """Dimension of the space around the sphere."""
        return self.direction.shape[-1]

    @cached_property
    def _constants(self) -> tuple[Tensor, Tensor, Tensor]:
        """κ, log E exp(κ cos θ) under the uniform law, and E cos θ under this one, in float64."""
        concentration = self.concentration.double()
        return concentration, *bessel(self.dim / 2 - 1, concentration)

    @property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """E z = radius A(κ) direction, inside the sphere, with A = I_{dim/2}(κ) / I_{dim/2-1}(κ)."""
        length = self.radius * self._constants[2]
        return length.to(self.direction).unsqueeze(-1) * self.direction

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch dim"], Float[Tensor, "samples batch"]]:
        """z ~ q and log q(z) in nats, both with gradients."""
        concentration, _, mean_cosine = self._constants
        angle = draw_angle(concentration, mean_cosine, self.dim, samples)
        along, across = (part.to(self.direction).unsqueeze(-1) for part in (torch.cos(angle), torch.sin(angle)))
        z = self.radius * (along * self.direction + across * self._tangent(samples))
        return z, self._log_density(-2 * torch.sin(angle / 2).square())

    def _tangent(self, samples: int) -> Float[Tensor, "samples batch dim"]:
        """Uniform unit vectors at right angles to the direction.

        One of R^{dim-1} is mapped by the reflection that exchanges the first axis and the direction or, where that
        lies further from it, its opposite: away from the point where a reflection is no smooth function of direction.
        """
        first, rest = self.direction[:, :1], self.direction[:, 1:]
        flat = uniform_direction(samples * len(rest), rest, self.dim - 1).view(samples, *rest.shape)
        shadow = (flat * rest).sum(-1, keepdim=True)
        # v - 2 (u · v) u / |u|² with u = e_1 ± direction, whose |u|² = 2 (1 + |first|) is never near 0.
        side = torch.where(first < 0, -1.0, 1.0).to(first)
        return torch.cat([-side * shadow, flat - shadow / (1 + first.abs()) * rest], -1)

    def log_prob(self, z: Float[Tensor, "*samples batch dim"]) -> Float[Tensor, "*samples batch"]:
        """log q(z) in nats of points on the sphere."""
        # cos θ - 1 = -|z / r - direction|² / 2 of unit vectors. In float32 the product of the two, less 1, would keep
        # few digits.
        gap = (z / self.radius - self.direction).square().sum(-1)
        return self._log_density(-gap.double() / 2)

    def _log_density(self, cosine_less_one: Float[Tensor, "*samples batch"]) -> Float[Tensor, "*samples batch"]:
        """log q where cos θ - 1 is as given: κ cos θ - log E exp(κ cos θ) - log area."""
        concentration, log_series, _ = self._constants
        # κ and log E exp(κ cos θ) are both near κ for large ones: they meet before anything small is added.
        excess = concentration * cosine_less_one + (concentration - log_series)
        return (excess - log_area(self.dim, self.radius)).to(self.direction)

    def kl(self) -> Float[Tensor, " batch"]:
        """KL(q || uniform) = κ A(κ) - log E exp(κ cos θ), in nats (Davidson et al. 2018, equation 14)."""
        concentration, log_series, mean_cosine = self._constants
        return (concentration * mean_cosine - log_series).to(self.direction)

    def entropy(self) -> Float[Tensor, " batch"]:
        """-E log q in nats: the logarithm of the sphere's area less `kl`."""
        return log_area(self.dim, self.radius) - self.kl()
