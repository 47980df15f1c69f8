"""Laws that testbeds are drawn from: clouds, levels and bits, in few coordinates and in the 64 of a small picture."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.spaces import DequantisedLogit
from bench.spec import Standardise

LEVELS = 17
ALPHA = 0.01
"""Of the logits of levels."""
SHARE = 0.6
"""Probability of the first of the two patterns that levels and bits are mixed of."""


@runtime_checkable
class Law(Protocol):
    """A distribution that examples are drawn from, flat."""

    def draw(self, n: int, seed: int) -> Float[Tensor, "n dim"]:
        """`n` independent examples."""
        ...


@runtime_checkable
class KnownLaw(Law, Protocol):
    """A law whose density is known."""

    def log_prob(self, x: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
        """The exact log-density, or log-probability of bits, in nats and float64."""
        ...


class Skewed:
    """A bent, skewed cloud, much smaller than a standard normal: x₁ = e^{a/2} - 1.1, x₂ = 0.4 x₁² + 0.35 b - 0.2."""

    def draw(self, n: int, seed: int) -> Float[Tensor, "n 2"]:
        """`n` independent examples."""
        a, b = torch.randn(2, n, generator=torch.Generator().manual_seed(seed))
        first = torch.exp(0.5 * a) - 1.1
        return torch.stack([first, 0.4 * first.square() + 0.35 * b - 0.2], 1)


class Pairs:
    """Four bits in two pairs that mostly agree."""

    def draw(self, n: int, seed: int) -> Float[Tensor, "n 4"]:
        """`n` independent examples."""
        draws = torch.rand(n, 4, generator=torch.Generator().manual_seed(seed))
        first = (draws[:, :2] < torch.tensor([0.7, 0.4])).float()
        second = torch.where(draws[:, 2:] < 0.85, first, 1 - first)
        return torch.stack([first[:, 0], second[:, 0], first[:, 1], second[:, 1]], 1)


@dataclass(frozen=True)
class WideGaussian:
    """x = W z + σ ε, z in two coordinates, with standard deviations from 0.5 to 4: some reach far beyond ±3.

    Attributes:
        dim: coordinates of x.
    """

    dim: int

    @cached_property
    def covariance(self) -> Float[Tensor, "dim dim"]:
        """W Wᵀ + σ² in float64."""
        scale = torch.logspace(math.log10(0.5), math.log10(4), self.dim, dtype=torch.float64)
        angle = torch.arange(self.dim, dtype=torch.float64) * 2.4
        loadings = 2.5 / math.sqrt(self.dim) * scale[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
        return loadings @ loadings.T + torch.diag(scale.square())

    @cached_property
    def law(self) -> torch.distributions.MultivariateNormal:
        """N(0, W Wᵀ + σ²)."""
        return torch.distributions.MultivariateNormal(torch.zeros(self.dim).double(), self.covariance)

    def draw(self, n: int, seed: int) -> Float[Tensor, "n dim"]:
        """`n` independent examples."""
        noise = torch.randn(n, self.dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return (noise @ self.law.scale_tril.T).float()

    def log_prob(self, x: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
        """The exact log-density."""
        value: Tensor = self.law.log_prob(x.double())  # type: ignore[no-untyped-call]
        return value


@dataclass(frozen=True)
class Patterns:
    """Two patterns that rise and fall along the coordinates: what each mixes levels or bits of.

    Attributes:
        dim: coordinates.
        slope: largest distance of a chance from one half.
    """

    dim: int
    slope: float

    @property
    def chances(self) -> Float[Tensor, "2 dim"]:
        """Chance of each coordinate in each of the patterns."""
        rise = self.slope * torch.linspace(-1, 1, self.dim)
        return torch.stack([0.5 + rise, 0.5 - rise])

    def chosen(self, n: int, generator: torch.Generator) -> Float[Tensor, "n dim"]:
        """Chances of `n` examples, each of a pattern of its own."""
        return self.chances[(torch.rand(n, generator=generator) > SHARE).long()]

    def mixed(self, log_prob: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        """The log-probability of the mixture from that of each pattern."""
        shares = torch.tensor([SHARE, 1 - SHARE], dtype=torch.float64)
        return torch.logsumexp(log_prob + torch.log(shares), 1)


@dataclass(frozen=True)
class Levels:
    """Integer levels 0 to 16, binomial in each coordinate of a pattern, as an entry sees them: dequantised logits.

    Attributes:
        dim: coordinates.
        standardise: how logits are standardised.
    """

    dim: int
    standardise: Standardise = "pixel"

    @property
    def patterns(self) -> Patterns:
        """What is mixed: in two coordinates the patterns nearly fall together, in 64 they lie four deviations apart."""
        return Patterns(self.dim, 0.05)

    @cached_property
    def space(self) -> DequantisedLogit:
        """The way from levels to model space, fitted once to draws of its own."""
        raw = self.raw(4096, torch.Generator().manual_seed(0))
        return DequantisedLogit.fitted(raw, LEVELS, ALPHA).standardised(self.standardise)

    def raw(self, n: int, generator: torch.Generator) -> Float[Tensor, "n dim"]:
        """Levels, before any noise."""
        chances = self.patterns.chosen(n, generator)
        return (torch.rand(LEVELS - 1, n, self.dim, generator=generator) < chances).sum(0).float()

    def draw(self, n: int, seed: int) -> Float[Tensor, "n dim"]:
        """`n` independent examples in model space."""
        generator = torch.Generator().manual_seed(seed)
        return self.space.to_model(self.raw(n, generator), generator)

    def log_prob(self, x: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
        """log P(levels) - log |det dy/dx| of draws: the noise is uniform on each level's unit interval."""
        level = (self.space.to_data(x) * LEVELS).floor().clamp(0, LEVELS - 1).double()
        binomial = torch.distributions.Binomial(LEVELS - 1, self.patterns.chances.double(), validate_args=False)
        log_prob: Tensor = binomial.log_prob(level[:, None]).sum(2)  # type: ignore[no-untyped-call]
        return self.patterns.mixed(log_prob) - self.space.log_det(x).double()


@dataclass(frozen=True)
class Bits:
    """Bits, independent of each other in each of two patterns.

    Attributes:
        dim: coordinates.
    """

    dim: int

    @property
    def patterns(self) -> Patterns:
        """What is mixed: in 64 coordinates the patterns lie four deviations apart."""
        return Patterns(self.dim, 0.2)

    def draw(self, n: int, seed: int) -> Float[Tensor, "n dim"]:
        """`n` independent examples."""
        generator = torch.Generator().manual_seed(seed)
        return torch.bernoulli(self.patterns.chosen(n, generator), generator=generator)

    def log_prob(self, x: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
        """The exact log-probability."""
        bernoulli = torch.distributions.Bernoulli(self.patterns.chances.double(), validate_args=False)
        log_prob: Tensor = bernoulli.log_prob(x.double()[:, None]).sum(2)  # type: ignore[no-untyped-call]
        return self.patterns.mixed(log_prob)
