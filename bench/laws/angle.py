"""The angle θ between a von Mises-Fisher draw and its mean direction: an exact sampler with exact gradients.

On the unit sphere of R^dim its density is f(θ) ∝ exp(κ cos θ) sin^{dim-2} θ on [0, π]. A uniform number is sent through
the inverse of the distribution function F, tabulated for each κ. There is no rejection: every draw takes as much
randomness as any other, and the gradient needs no correction (that of Davidson et al. 2018, arXiv:1804.00891). It is
dθ/dκ = -(∂F/∂κ) / f by implicit differentiation (Figurnov et al. 2018, arXiv:1805.08498), the integral by
Gauss-Legendre quadrature from the end of [0, π] that lies behind θ, where nothing cancels.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

CELLS = 192
"""Cells of the table: F is then right to 2e-6."""

REACH = 10.0
"""Half-width of the table in standard deviations: what lies beyond has a probability of some 1e-11."""

QUADRATURE_NODES = 32
"""Nodes of the quadrature in a gradient: its errors are below 1e-6 of it."""


@lru_cache(maxsize=16)
def quadrature(dtype: torch.dtype, device: torch.device) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Nodes on [-1, 1] and weights of Gauss-Legendre quadrature, copied to the device once: a step must not wait."""
    with torch.inference_mode(False):  # they outlive the call, and may be part of a gradient in another
        nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(QUADRATURE_NODES))
        return nodes.to(device, dtype), weights.to(device, dtype)


class Window:
    """The interval that holds the mass of f for each κ, `(batch, 1)` each.

    Attributes:
        mode: the most probable angle.
        low, high: ends of the table.
    """

    def __init__(self, concentration: Float[Tensor, "batch 1"], dim: int) -> None:
        self.concentration, self.power = concentration, float(dim - 2)
        # d log f/dθ = 0 is κ sin²θ = (dim - 2) cos θ, a quadratic in cos θ; this form of its root does not cancel for
        # small κ.
        root = torch.sqrt(self.power**2 + 4 * concentration.square())
        cosine = 2 * concentration / (self.power + root)
        # Near 0 the arc cosine would lose half of the digits; with sin²θ = (dim - 2) cos θ / κ the tangent has them
        # all.
        self.mode = torch.atan2(torch.sqrt(self.power * cosine / concentration), cosine)
        # The curvature of -log f there is κ cos θ + (dim - 2) / sin²θ, and the second term is κ / cos θ.
        width = REACH / torch.sqrt(concentration * cosine + (self.power + root) / 2)
        # At a radian and more from the mode, cos θ falls less than its parabola.
        width = width * (1 + width / 4)
        self.low = (self.mode - width).clamp(min=0.0)
        self.high = (self.mode + width).clamp(max=math.pi)

    def log_density(self, angle: Tensor) -> Tensor:
        """log f without its constant."""
        # κ (cos θ - 1) by the half angle: the difference would cancel at the small angles of a large κ.
        half = torch.sin(angle / 2).square()
        exponent = -2 * self.concentration * half
        # sin² θ = 4 h (1 - h) with h = sin²(θ/2)
        return exponent + self.power / 2 * torch.log(4 * half * (1 - half)) if self.power else exponent


def inverse_distribution(window: Window, uniform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch samples"]:
    """θ with F(θ) = `uniform`, from a table of F whose cells are cubic with the right density at both ends."""
    share = torch.linspace(0, 1, CELLS + 1, dtype=uniform.dtype, device=uniform.device)
    log_density = window.log_density(torch.lerp(window.low, window.high, share))
    density = torch.exp(log_density - log_density.amax(-1, keepdim=True))
    # At 0 and π the density goes on as its mirror image, with the sign of sin^{dim-2}; at other ends it is 0.
    sign = (-1.0) ** window.power
    padded = torch.cat([sign * density[:, 1:2], density, sign * density[:, -2:-1]], 1)
    # The integral, over a cell, of the cubic through its ends and their neighbours. Where f falls by factors from point
    # to point it may dip below 0.
    mass = (13 * (padded[:, 1:-2] + padded[:, 2:-1]) - padded[:, :-3] - padded[:, 3:]) / 24
    mass = mass.clamp(min=0.0)
    below = torch.nn.functional.pad(mass.cumsum(-1), (1, 0))
    target = uniform * below[:, -1:]
    cell = torch.searchsorted(below[:, 1:].contiguous(), target.contiguous(), right=True).clamp(max=CELLS - 1)
    first, last = density.gather(1, cell), density.gather(1, cell + 1)
    inside = within_cell(target - below.gather(1, cell), mass.gather(1, cell), first, last)
    return torch.lerp(window.low, window.high, (cell + inside) / CELLS)


def within_cell(target: Tensor, mass: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """s in [0, 1] where the cubic from 0 to `mass` with slopes `first` and `last` at its ends reaches `target`."""
    # A linear density is inverted in closed form; two steps of Newton's method do the rest.
    linear = first.square() + 2 * (last - first) * target
    tiny = torch.finfo(target.dtype).tiny
    s = (2 * target / (first + torch.sqrt(linear.clamp(min=0.0)) + tiny)).clamp(0.0, 1.0)
    for _ in range(2):
        # Hermite's cubic: 0 and `mass` at the ends, `first` and `last` its slopes there.
        value = ((first + last - 2 * mass) * s + 3 * mass - 2 * first - last) * s.square() + first * s
        slope = (3 * (first + last - 2 * mass) * s + 2 * (3 * mass - 2 * first - last)) * s + first
        s = (s - (value - target) / slope.clamp(min=tiny)).clamp(0.0, 1.0)
    return s


def slope_by_concentration(
    window: Window, angle: Float[Tensor, "batch samples"], mean_cosine: Float[Tensor, "batch 1"]
) -> Float[Tensor, "batch samples"]:
    """dθ/dκ at a fixed value of F: ∫ (cos t - E cos) f(t) / f(θ) dt from θ to the end behind it."""
    # Over the whole window the integral is 0, so that either end gives the same. Towards this one f only falls: no term
    # exceeds that at θ.
    end = torch.where(angle > window.mode, window.high, window.low)
    nodes, weights = quadrature(angle.dtype, angle.device)
    grid = len(angle), len(nodes), angle.shape[1]
    t = torch.lerp(angle.unsqueeze(1), end.unsqueeze(1), (1 + nodes.unsqueeze(-1)) / 2).flatten(1)
    relative = torch.exp(window.log_density(t).view(grid) - window.log_density(angle).unsqueeze(1))
    deviation = (torch.cos(t) - mean_cosine).view(grid)
    return torch.einsum("bns,n->bs", deviation * relative, weights) * (end - angle) / 2


class _Angle(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor, mean_cosine: Tensor, uniform: Tensor, dim: int) -> Tensor:
        window = Window(concentration.unsqueeze(-1), dim)
        angle = inverse_distribution(window, uniform.T)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(slope_by_concentration(window, angle, mean_cosine.unsqueeze(-1)))
        return angle.T

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return (gradient * slope.T).sum(0), None, None, None


def draw_angle(
    concentration: Float[Tensor, " batch"], mean_cosine: Float[Tensor, " batch"], dim: int, samples: int
) -> Float[Tensor, "samples batch"]:
    """Angles θ ~ f in float64, once differentiable in the concentration.

    Args:
        concentration: κ > 0, float64.
        mean_cosine: E cos θ, through which no gradient flows.
        dim: of the space around the sphere, at least 2.
        samples: draws of each.
    """
    shape = samples, len(concentration)
    # 0 would be the window's own end, where θ may be 0 and log f -infinity; the clamp is half of the least number
    # drawn.
    uniform = torch.rand(shape, dtype=torch.float64, device=concentration.device).clamp(min=2.0**-54)
    angle: Tensor = _Angle.apply(concentration, mean_cosine.detach(), uniform, dim)  # type: ignore[no-untyped-call]
    return angle
