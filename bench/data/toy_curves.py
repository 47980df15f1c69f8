"""Toys that are a curve plus noise: the log-density is a Gauss-Legendre quadrature over the curve's parameter.

The integrand is smooth on the scale of the noise and the nodes lie closer together than one standard deviation of it:
against 1200 nodes the error is below 1e-10 nats at draws of the density and below 1e-6 nats anywhere in [-4, 4]^2.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.toy_densities import Nats, Points, Toy, choice, mixture_of_normals, normal, polar, uniform


def gauss_legendre(low: float, high: float, nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Nodes in [low, high] and their weights, which sum to 1: the mean of a function over the interval."""
    t, weights = np.polynomial.legendre.leggauss(nodes)
    return torch.from_numpy(low + (high - low) * (t + 1) / 2), torch.from_numpy(weights / 2)


class Moons(Toy):
    """Two interleaved half circles of radius 2, with noise of standard deviation 0.2."""

    scale = 0.2
    nodes = 96

    def __init__(self) -> None:
        angle, weights = gauss_legendre(0, math.pi, self.nodes)
        outer, inner = torch.zeros_like(angle).long(), torch.ones_like(angle).long()
        self.centres = torch.cat((self._curve(angle, outer), self._curve(angle, inner)))
        self.log_weights = (weights / 2).log().repeat(2)

    @staticmethod
    def _curve(angle: Float[Tensor, " n"], moon: Tensor) -> Float[Tensor, "n 2"]:
        """The point at `angle` in [0, pi] of the outer (0) or the inner (1) moon."""
        arc = polar(torch.full_like(angle, 2.0), angle)
        shift = torch.tensor([[-1.0, -0.2], [1.0, 0.8]]).to(arc)
        return arc * (1 - 2 * moon)[:, None] + shift[moon]

    def _log_prob(self, x: Points) -> Nats:
        return mixture_of_normals(x, self.centres, self.log_weights, self.scale)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """An angle, a moon and noise."""
        curve = self._curve(math.pi * uniform(n, generator), choice(n, 2, generator))
        return curve + self.scale * normal(n, generator)


class SwissRoll(Toy):
    """The spiral of radius t / 5 at angle t, t uniform on [1.5 pi, 4.5 pi], with noise of standard deviation 0.2."""

    scale = 0.2
    nodes = 256

    def __init__(self) -> None:
        t, weights = gauss_legendre(1.5 * math.pi, 4.5 * math.pi, self.nodes)
        self.centres, self.log_weights = polar(t / 5, t), weights.log()

    def _log_prob(self, x: Points) -> Nats:
        return mixture_of_normals(x, self.centres, self.log_weights, self.scale)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """A place on the spiral and noise."""
        t = 1.5 * math.pi * (1 + 2 * uniform(n, generator))
        return polar(t / 5, t) + self.scale * normal(n, generator)


class TwoSpirals(Toy):
    """Two arms, each the other's mirror image in the origin, with uniform and normal noise in each coordinate.

    One arm is (-t cos t, t sin t) / 3 with t = 3 pi sqrt(u), u uniform on [0, 1); uniform noise on [0, 1/6) is added,
    half of the points change sign, and normal noise of standard deviation 0.1 comes last.
    """

    span = 3 * math.pi
    width = 1 / 6
    scale = 0.1
    nodes = 400

    def __init__(self) -> None:
        t, weights = gauss_legendre(0, self.span, self.nodes)
        self.centres = self._arm(t) + self.width / 2
        self.log_weights = (weights * 2 * t / self.span).log()

    @staticmethod
    def _arm(t: Float[Tensor, " n"]) -> Float[Tensor, "n 2"]:
        """The arm that ends on the right, before any noise."""
        return polar(t / 3, math.pi - t)

    def _log_prob(self, x: Points) -> Nats:
        return torch.logaddexp(self._one_arm(x), self._one_arm(-x)) - math.log(2)

    def _one_arm(self, x: Points) -> Nats:
        """Log-density of the arm that keeps its sign.

        A uniform of half-width h plus a standard normal has, at distance c from its centre, the density
        (Phi(c + h) - Phi(c - h)) / 2h = exp(-(c - h)^2 / 2) [erfcx(a) - exp(-2 c h) erfcx(b)] / 4h with
        a = (c - h) / sqrt 2 and b = (c + h) / sqrt 2, which neither cancels nor underflows for any c >= 0.
        """
        half = self.width / (2 * self.scale)
        centres, log_weights = self.centres.to(x), self.log_weights.to(x)
        log_terms, brackets = log_weights.expand(len(x), -1), torch.ones_like(log_weights)
        for axis in range(2):
            c = (x[:, axis, None] - centres[:, axis]).abs() / self.scale
            log_terms = log_terms - (c - half).square() / 2
            lower, upper = (
                torch.special.erfcx((c - half) / math.sqrt(2)),
                torch.special.erfcx((c + half) / math.sqrt(2)),
            )
            brackets = brackets * (lower - (-2 * half * c).exp() * upper)
        return torch.logsumexp(log_terms + brackets.log(), 1) - 2 * math.log(2 * self.width)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """A place on one arm, uniform noise, a sign and normal noise."""
        arm = self._arm(self.span * uniform(n, generator).sqrt())
        noisy = arm + self.width * uniform(2 * n, generator).reshape(n, 2)
        sign = 1 - 2 * choice(n, 2, generator)
        return noisy * sign[:, None] + self.scale * normal(n, generator)
