"""A space's log-determinant held against the Jacobian of its own map, on a few training rows.

A wrong sign or a missing factor there moves every likelihood of the data set alike, and nothing else shows it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.chunks import deviation
from bench.data.dataset import Dataset

ROWS = 8
LARGEST = 1_024
"""Coordinates up to which the Jacobian of a map that mixes them is computed; beyond, only of one that does not."""
STEP = 1e-2
"""Step of finite differences, in standard deviations of a column, or in levels."""


@dataclass(frozen=True)
class Slopes:
    """First derivatives of a map at some rows, in coordinates u with y = scale u.

    Attributes:
        along: directions `(rows, dim)` -> the Jacobian, or its transpose, of each row times its direction.
        scale: `(dim,)`, of u.
        tolerance: nats a coordinate by which a log-determinant from these slopes may be off.
    """

    along: Callable[[Tensor], Tensor]
    scale: Float[Tensor, " dim"]
    tolerance: float


def space_refusal(dataset: Dataset) -> Iterator[str]:
    """A line where `log_det` is not log |det dx/dy| of `to_model`, or not 0 for binary data.

    The tolerance is 0.01 nats and 0.0001 a coordinate, as float32 near the ends of a logit is no finer; with finite
    differences ten times that.
    """
    chosen = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(0))[:ROWS]
    raw, space = dataset.training(chosen), dataset.space
    with torch.no_grad():
        claimed = space.log_det(space.to_model(raw, noise()))
    name = f"{type(space).__name__}.log_det"
    if claimed.shape != (len(raw),) or not bool(claimed.isfinite().all()):
        yield f"{name} gives {tuple(claimed.shape)} numbers, not all finite; give one of each of {len(raw)} rows"
        return
    slopes = by_autograd(dataset, raw) or by_differences(dataset, raw)
    binary = dataset.spec.kind == "binary"
    computed = claimed.double() * 0 if binary else log_determinant(slopes, dataset.spec.dim, len(raw))
    if dataset.spec.kind == "discrete" and bool((computed == -torch.inf).all()):
        return  # a space that rounds levels has no slopes
    gap = (claimed.double() - computed).abs()
    worst = int(gap.nan_to_num(-1.0, posinf=torch.inf).argmax())
    if float(gap[worst]) > 100 * slopes.tolerance + slopes.tolerance * dataset.spec.dim:
        yield (
            f"{name} is {float(claimed[worst]):.4g} at training row {int(chosen[worst])}, its map's is "
            f"{float(computed[worst]):.4g}: let it return log |det dx/dy|, y the data, x what to_model makes of them"
        )


def log_determinant(slopes: Slopes, dim: int, rows: int) -> Float[Tensor, " rows"]:
    """log |det dx/dy| of each row; NaN where the map mixes more coordinates than `LARGEST`."""
    ones = torch.ones(rows, dim, dtype=torch.float64)
    direction = 0.5 + torch.rand(ones.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    diagonal, mixed = slopes.along(ones), slopes.along(direction)
    if bool(((mixed - diagonal * direction).abs() <= 1e-3 * diagonal.abs()).all()):
        volumes = diagonal.abs().log().sum(1)
    elif dim > LARGEST:
        return torch.full((rows,), torch.nan, dtype=torch.float64)
    else:
        units = torch.eye(dim, dtype=torch.float64)
        volumes = torch.linalg.slogdet(torch.stack([slopes.along(unit.expand_as(ones)) for unit in units], 1)).logabsdet
    return volumes - slopes.scale.log().sum()


def by_autograd(dataset: Dataset, raw: Tensor) -> Slopes | None:
    """Slopes by gradients, of the transposed Jacobian; None for a map that leaves torch."""
    leaf = raw.float().clone().requires_grad_()
    with torch.enable_grad():
        try:
            x = dataset.space.to_model(leaf.clone(), noise())
        except RuntimeError:  # numpy takes no tensor that needs a gradient
            return None
    if not x.requires_grad:
        return None

    def along(direction: Tensor) -> Tensor:
        weighted = (x * direction.to(x.dtype).reshape(x.shape)).sum()
        (gradient,) = torch.autograd.grad(weighted, leaf, retain_graph=True)
        return gradient.flatten(1).double()

    return Slopes(along, torch.ones(dataset.spec.dim, dtype=torch.float64), 1e-4)


def by_differences(dataset: Dataset, raw: Tensor) -> Slopes:
    """Slopes by central differences, both sides with the same noise, in units of each column's own spread."""
    scale = torch.ones(dataset.spec.dim, dtype=torch.float64)
    if dataset.spec.kind == "continuous":
        scale = deviation(dataset.train)

    def moved(step: Tensor) -> Tensor:
        y = (raw.double() + step.reshape(raw.shape)).float()
        return dataset.space.to_model(y, noise()).flatten(1).double()

    def along(direction: Tensor) -> Tensor:
        step = STEP * scale * direction
        return (moved(step) - moved(-step)) / (2 * STEP)

    return Slopes(along, scale, 1e-3)


def noise() -> torch.Generator:
    """The noise that every call of a space meets here."""
    return torch.Generator().manual_seed(0)
