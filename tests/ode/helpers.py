"""What tests of fields share."""

import torch
from torch import Tensor

from bench.ode.field import FIELDS, Field
from bench.ode.runge_kutta import Rate
from tests.models.helpers import perturbed

HIDDEN = {1: (9,), 2: (7, 9), 3: (7, 9, 8)}
"""Sizes of hidden layers, all different: a transposed product would not fit."""


def rough(kind: str, layers: int, dim: int, activation: str = "tanh") -> Field:
    """A field in float64 with noise on every parameter, so that no gate, shift or bias is idle."""
    return perturbed(FIELDS[kind](dim, HIDDEN[layers], activation), 0.5).double()


def example(dim: int, n: int = 4) -> tuple[Tensor, Tensor]:
    """A time and n points."""
    return torch.rand((), dtype=torch.double), torch.randn(n, dim, dtype=torch.double)


def jacobians(model: Field, t: Tensor, x: Tensor) -> Tensor:
    """df/dx of each example, by autograd."""
    return torch.func.vmap(torch.func.jacrev(lambda v: model(t, v[None])[0]))(x)


def rate_of(model: Field) -> Rate:
    """The field and its exact divergence, for a solver."""
    dtype = next(model.parameters()).dtype
    return lambda t, x: model.forward_and_divergence(torch.tensor(t, dtype=dtype), x)
