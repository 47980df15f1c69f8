"""Increasing maps of single coordinates, by zuko, for spline couplings and autoregressive layers."""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from zuko.transforms import MonotonicAffineTransform, MonotonicRQSTransform

from bench.models.realnvp import LOG_SCALE_BOUND

BINS = 8
"""Pieces of a spline: zuko's default, and that of Durkan et al. for most data."""

SPLINE_BOUND = 5.0
"""A spline maps [-5, 5] to itself and is the identity outside: zuko's default, and nearly all of the model space."""


@runtime_checkable
class Map(Protocol):
    """An increasing map y = f(x) on tensors of one shape, element by element."""

    def call_and_ladj(self, x: Float[Tensor, "*batch"]) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
        """f(x) and log dy/dx."""
        ...

    def inv(self, y: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """The inverse, x with f(x) = y."""
        ...


@runtime_checkable
class Monotone(Protocol):
    """A family of increasing maps, the identity where the parameters are 0."""

    outputs: int
    """Parameters of one coordinate."""

    def __call__(self, parameters: Float[Tensor, "*batch outputs"]) -> Map:
        """The maps with such parameters."""
        ...


class Affine:
    """Affine maps y = x exp(s) + t, with |s| at most 2.5 as in `realnvp`; zuko's own bound is 6.9."""

    outputs = 2

    def __call__(self, parameters: Float[Tensor, "*batch 2"]) -> Map:
        """Maps with shift and log-scale, the latter softly bounded."""
        shift, log_scale = parameters.unbind(-1)
        # zuko bounds the log-scale softly by -log(slope).
        affine: Map = MonotonicAffineTransform(shift, log_scale, slope=math.exp(-LOG_SCALE_BOUND))
        return affine


class Spline:
    """A rational-quadratic spline of `BINS` pieces (Durkan et al. 2019, arXiv:1906.04032, section 3.1).

    Widths and heights of pieces differ by a factor of 1,000 at most, and so do slopes at knots from 1.
    """

    outputs = 3 * BINS - 1

    def __init__(self, bound: float = SPLINE_BOUND) -> None:
        """It maps [-bound, bound] to itself and is the identity outside."""
        self.bound = bound

    def __call__(self, parameters: Float[Tensor, "*batch outputs"]) -> Map:
        """Maps with unconstrained widths, heights and inner slopes."""
        spline: Map = MonotonicRQSTransform(*torch.split(parameters, [BINS, BINS, BINS - 1], -1), bound=self.bound)
        return spline
