"""The modified Bessel function I_v as directional statistics need it: orders v ≥ 0, arguments from 0 to 1e6.

A uniform asymptotic expansion gives I and I' at a high order (Abramowitz & Stegun 9.7.7 and 9.7.9); the recurrence
between orders, run downwards, where it damps errors (Gautschi 1967), leads to the order that was asked for. All is
computed in float64, whatever comes in, and nothing overflows.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

HIGH_ORDER = 16.0
"""Least order at which the expansion is used: what 12 terms omit is then below 1e-14."""

TERMS = 12

Polynomial = list[Fraction]


def debye_polynomials(terms: int) -> tuple[list[Polynomial], list[Polynomial]]:
    """Coefficients, by rising powers of p, of u_k and of s_k = p u_k / 2 + p² u_k', for k < `terms`.

    u_{k+1} = p² (1 - p²) u_k' / 2 + ∫₀ᵖ (1 - 5 t²) u_k(t) dt / 8 is that of Abramowitz & Stegun 9.3.10; their v_{k+1}
    (9.3.14) is u_{k+1} - (1 - p²) s_k.
    """
    u: list[Polynomial] = [[Fraction(1)]]
    s: list[Polynomial] = []
    for _ in range(terms):
        following = [Fraction(0)] * (len(u[-1]) + 3)
        slope = [Fraction(0)] * (len(u[-1]) + 1)
        for power, c in enumerate(u[-1]):
            following[power + 1] += c * (Fraction(power, 2) + Fraction(1, 8 * (power + 1)))
            following[power + 3] -= c * (Fraction(power, 2) + Fraction(5, 8 * (power + 3)))
            slope[power + 1] += c * (Fraction(1, 2) + power)
        u.append(following)
        s.append(slope)
    return u[:terms], s


U, S = debye_polynomials(TERMS)


def coefficients(polynomials: list[Polynomial], order: float) -> list[float]:
    """Σ_k u_k(p) / order^k as one polynomial in p, by rising powers."""
    total = [0.0] * (3 * TERMS)
    for k, polynomial in enumerate(polynomials):
        for power, fraction in enumerate(polynomial):
            total[power] += float(fraction) / order**k
    return total


@lru_cache(maxsize=256)
def expansion(order: float, device: torch.device) -> Float[Tensor, "2 powers"]:
    """The coefficients of both sums at an order, in float64, copied to the device once: a step must not wait."""
    with torch.inference_mode(False):  # they outlive the call, and may be part of a gradient in another
        both = [coefficients(U, order), coefficients(S, order)]
        return torch.tensor(both, dtype=torch.float64, device=device)


def at_order(order: float, x: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """log Γ(v + 1) (2 / x)^v I_v(x) and I_{v+1}(x) / (x I_v(x)) for v = `order`, in float64; no gradient."""
    steps = max(0, math.ceil(HIGH_ORDER - order))
    top = order + steps
    x = x.detach().double()
    root = torch.sqrt(1 + (x / top).square())
    both = expansion(top, x.device)
    # p = 1 / √(1 + (x / v)²) is the argument of both series.
    powers = (1 / root).unsqueeze(-1) ** torch.arange(3 * TERMS, device=x.device)
    u, s = (powers @ both.T).unbind(-1)
    # I_{v+1} / (x I_v) = (I_v' / I_v - v / x) / x; root - 1 = (x / v)² / (1 + root) takes out what would cancel for
    # small x.
    quotient = (1 / (1 + root) - s / (u * root * top)) / top
    # The expansion has Stirling's form where the definition has Γ(v + 1): their quotient.
    stirling = math.lgamma(top + 1) - top * math.log(top) + top - 0.5 * math.log(2 * math.pi * top)
    rise = x.square() / (top * (1 + root))  # top (root - 1) without cancellation
    log_series = rise - top * torch.log1p(rise / (2 * top)) + torch.log(u / root.sqrt()) + stirling
    # I_{v-1} = (2 v / x) I_v + I_{v+1}: scaled by Γ(v + 1) (2 / x)^v, an order is the one above it times 1 + excess.
    squared, growth = x.square(), torch.ones_like(x)
    for above in (top - k for k in range(steps)):
        excess = squared * quotient / (2 * above)
        growth = growth + growth * excess
        quotient = 1 / (2 * above * (1 + excess))
    return log_series + torch.log(growth), quotient


class _Bessel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, order: float) -> tuple[Tensor, Tensor]:
        log_series, quotient = at_order(order, x)
        ratio = x.double() * quotient
        ctx.order = order
        ctx.save_for_backward(x, quotient, ratio)
        return log_series, ratio

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, for_series: Tensor, for_ratio: Tensor) -> tuple[Tensor, None]:
        x, quotient, ratio = ctx.saved_tensors
        slope = (1 - ratio) * (1 + ratio) - (2 * ctx.order + 1) * quotient
        return (for_series * ratio + for_ratio * slope).to(x.dtype), None


def bessel(order: float, x: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """g = log Γ(v + 1) (2 / x)^v I_v(x), which is I_v without its leading power, and r = I_{v+1}(x) / I_v(x).

    g = log ₀F₁(; v + 1; x² / 4) is 0 at x = 0 and near x for large x; r rises from 0 to 1. Both are float64 and once
    differentiable: g' = r and r' = 1 - r² - (2 v + 1) r / x.

    Args:
        order: v, at least 0.
        x: arguments from 0 to 1e6.
    """
    log_series, ratio = _Bessel.apply(x, order)  # type: ignore[no-untyped-call]
    return log_series, ratio
