"""Laws of a latent other than Gaussian: a standard prior, and posteriors of the same law read off an encoder's heads.

All are drawn from by reparameterisation: location and scale for most, implicit gradients for gamma and Dirichlet
(Figurnov et al. 2018, arXiv:1805.08498).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Size, Tensor, nn
from torch.distributions import (
    Dirichlet,
    Distribution,
    Gamma,
    Gumbel,
    Independent,
    Laplace,
    StudentT,
    Uniform,
    constraints,
    register_kl,
)

from bench.models.parts.coders import LogScaleHead
from bench.models.parts.networks import linear_layer, soft_clamp

DEGREES_OF_FREEDOM = 5.0
"""Of the Student-t: tails as z⁻⁶, and a variance that samples can estimate."""

GUMBEL_BOUNDS = 10.0, 2.0
"""Largest |location| and scale of a Gumbel posterior: its divergence grows as exp(-location) Γ(1 + scale)."""

FLOOR = 0.03
"""Share of the prior in a uniform posterior: of an interval alone, importance weights would never see the rest."""

LEAST_CONCENTRATION = 0.5
"""Of gamma and Dirichlet posteriors: below, 32-bit draws underflow to 0, where the density is infinite."""

LOG_CONCENTRATION_BOUND = 7.0

INITIAL_LOG_CONCENTRATION = 2.0
"""Initial concentrations of Dirichlet posteriors: narrower than the prior, whose concentrations are 1."""


class Logistic(Distribution):
    """The logistic law, location + scale log(u / (1 - u)) with u uniform."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc, self.scale = loc, scale
        super().__init__(loc.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The location."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """π² scale² / 3."""
        return (torch.pi * self.scale).square() / 3

    def rsample(self, sample_shape: Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws with gradients."""
        uniform = torch.rand(*sample_shape, *self.loc.shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + self.scale * torch.logit(uniform, eps=torch.finfo(self.loc.dtype).eps)

    def log_prob(self, value: Tensor) -> Tensor:
        """-|r| - 2 log(1 + exp(-|r|)) - log scale with r = (value - location) / scale, in nats."""
        r = ((value - self.loc) / self.scale).abs()
        return -r - 2 * nn.functional.softplus(-r) - torch.log(self.scale)


class ClosedUniform(Uniform):
    """The uniform law with both of its ends: rounding may put a draw there, which torch's own calls impossible."""

    def log_prob(self, value: Tensor) -> Tensor:
        """-log(high - low) in [low, high], else -infinity."""
        inside = (self.low <= value) & (value <= self.high)
        return torch.where(inside, -torch.log(self.high - self.low), -torch.inf)


class UniformOverFloor(Distribution):
    """U(low, high) within [0, 1], with a share `FLOOR` of U(0, 1) below it, so that no point is out of its reach."""

    arg_constraints = {"low": constraints.unit_interval, "high": constraints.unit_interval}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, low: Tensor, high: Tensor) -> None:
        self.low, self.high = low, high
        self.height = FLOOR + (1 - FLOOR) / (high - low)
        super().__init__(low.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean of the two means by their shares."""
        return FLOOR / 2 + (1 - FLOOR) * (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        """The mean of the two mean squares by their shares, less the square of the mean."""
        square = (self.low.square() + self.low * self.high + self.high.square()) / 3
        return FLOOR / 3 + (1 - FLOOR) * square - self.mean.square()

    def rsample(self, sample_shape: Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws by the inverse of the distribution function, three straight pieces: continuous in `low` and `high`."""
        u = torch.rand(*sample_shape, *self.low.shape, dtype=self.low.dtype, device=self.low.device)
        # The distribution function rises with slopes FLOOR, `height`, FLOOR; a draw lies on the piece whose inverse is
        # inside it.
        inside = self.low + (u - FLOOR * self.low) / self.height
        below, above = u / FLOOR, 1 - (1 - u) / FLOOR
        draws = torch.where(inside < self.low, below, torch.where(inside > self.high, above, inside))
        return draws.clamp(0.0, 1.0)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of one of two heights in [0, 1], else -infinity, in nats."""
        inside = (self.low <= value) & (value <= self.high)
        height = torch.where(inside, self.height, FLOOR)
        return torch.where((value >= 0) & (value <= 1), torch.log(height), -torch.inf)


@register_kl(UniformOverFloor, ClosedUniform)  # type: ignore[no-untyped-call,untyped-decorator]
def _divergence_from_unit(posterior: UniformOverFloor, prior: ClosedUniform) -> Tensor:
    """KL from U(0, 1), the only prior there is: the mean log height over the two parts of [0, 1]."""
    floor = FLOOR * (1 - (posterior.high - posterior.low))
    return floor * math.log(FLOOR) + (1 - floor) * torch.log(posterior.height)


def laplace(location: Tensor, log_scale: Tensor) -> Distribution:
    """Laplace laws, one a coordinate."""
    return independent(Laplace(location, torch.exp(log_scale), validate_args=False))


def logistic(location: Tensor, log_scale: Tensor) -> Distribution:
    """Logistic laws, one a coordinate."""
    return independent(Logistic(location, torch.exp(log_scale)))


def student_t(location: Tensor, log_scale: Tensor) -> Distribution:
    """Student's t laws, one a coordinate."""
    freedom = torch.full_like(location, DEGREES_OF_FREEDOM)
    return independent(StudentT(freedom, location, torch.exp(log_scale), validate_args=False))


def uniform(location: Tensor, log_scale: Tensor) -> Distribution:
    """Uniform laws on intervals within [0, 1] over a low floor, one a coordinate."""
    # The interval is 1 - rest long; the location says how the rest lies on its two sides.
    rest = torch.sigmoid(-log_scale)
    low, high = torch.sigmoid(location) * rest, 1 - torch.sigmoid(-location) * rest
    return independent(UniformOverFloor(low, high))


def gumbel(location: Tensor, log_scale: Tensor) -> Distribution:
    """Gumbel laws, one a coordinate."""
    location_bound, scale_bound = GUMBEL_BOUNDS
    scale = soft_clamp(torch.exp(log_scale), scale_bound)
    return independent(Gumbel(soft_clamp(location, location_bound), scale, validate_args=False))


def gamma(log_mean: Tensor, log_spread: Tensor) -> Distribution:
    """Gamma laws, one a coordinate, with a standard deviation of about exp(log_spread) times the mean."""
    # The variance of a gamma law over its squared mean is 1 / concentration.
    concentration = LEAST_CONCENTRATION + torch.exp(-2 * log_spread)
    rate = concentration * torch.exp(-soft_clamp(log_mean, LOG_CONCENTRATION_BOUND))
    return independent(Gamma(concentration, rate, validate_args=False))


def dirichlet(log_concentration: Tensor) -> Distribution:
    """A Dirichlet law over all coordinates."""
    bounded = soft_clamp(log_concentration + INITIAL_LOG_CONCENTRATION, LOG_CONCENTRATION_BOUND)
    return Dirichlet(LEAST_CONCENTRATION + torch.exp(bounded), validate_args=False)


def independent(law: Distribution) -> Distribution:
    """The law of a vector whose coordinates have these laws."""
    return Independent(law, 1, validate_args=False)


def onto_simplex(y: Tensor) -> Tensor:
    """Negative coordinates raised to 0, then all divided by their sum."""
    positive = onto_positive(y)
    return positive / positive.sum(-1, keepdim=True)


def onto_positive(y: Tensor) -> Tensor:
    """Negative coordinates raised to the least positive number."""
    return y.clamp(min=torch.finfo(y.dtype).tiny)


Head = Callable[[int, int], nn.Module]
LOCATION_AND_SCALE: tuple[Head, ...] = (linear_layer, LogScaleHead)


@dataclass(frozen=True)
class Law:
    """One family of laws on R^latent or a part of it.

    Attributes:
        posterior: the law for given outputs of the heads, `(batch, latent)` each.
        prior: the standard law, from a vector of zeros `(latent,)`.
        analytic: whether KL(posterior || prior) has a closed form in `torch.distributions`; else it is estimated by
            Monte Carlo.
        heads: what reads the posterior's parameters off `(inputs, latent)` features.
        onto_support: the map of any point to one of the support, which moves no point of it.
        constraints: equations that the support satisfies, which its dimension falls short of the latent's by.
    """

    posterior: Callable[..., Distribution]
    prior: Callable[[Tensor], Distribution]
    analytic: bool = True
    heads: tuple[Head, ...] = LOCATION_AND_SCALE
    onto_support: Callable[[Tensor], Tensor] = torch.Tensor.contiguous
    constraints: int = 0


LAWS: dict[str, Law] = {
    "laplace": Law(laplace, lambda zeros: laplace(zeros, zeros)),
    "logistic": Law(logistic, lambda zeros: logistic(zeros, zeros), analytic=False),
    "student_t": Law(student_t, lambda zeros: student_t(zeros, zeros), analytic=False),
    "uniform": Law(
        uniform,
        lambda zeros: independent(ClosedUniform(zeros, zeros + 1, validate_args=False)),
        onto_support=lambda y: y.clamp(0.0, 1.0),
    ),
    "gumbel": Law(gumbel, lambda zeros: independent(Gumbel(zeros, zeros + 1, validate_args=False))),
    "gamma": Law(
        gamma,
        lambda zeros: independent(Gamma(zeros + 1, zeros + 1, validate_args=False)),
        onto_support=onto_positive,
    ),
    "dirichlet": Law(
        dirichlet,
        lambda zeros: Dirichlet(zeros + 1, validate_args=False),
        heads=(linear_layer,),
        onto_support=onto_simplex,
        constraints=1,
    ),
}
