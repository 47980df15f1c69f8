"""A space's way back, held against its way to model space: what an entry draws must be readable as data."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.data.chunks import deviation
from bench.data.dataset import Dataset
from bench.data.spaces import HasUnits, Reshaped

ROWS = 64
SLACK = 1e-3
"""Difference that rounding of float32 may make: in standard deviations of a column, or in levels."""


def inverse(dataset: Dataset) -> Iterator[str]:
    """A line where the way to model space and back ends elsewhere.

    Continuous data come back as they were, levels as a fraction within their own level, bits as they were. A space that
    knows its user's units is held to these: raw rows to units and back.
    """
    chosen = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(0))[:ROWS]
    raw = dataset.training(chosen)
    x = dataset.space.to_model(raw.clone(), torch.Generator().manual_seed(0))
    space = dataset.space.inner if isinstance(dataset.space, Reshaped) else dataset.space
    name, before = type(space).__name__, x.clone()
    if isinstance(space, HasUnits):
        inner = x.reshape(len(x), *dataset.space.inner_shape) if isinstance(dataset.space, Reshaped) else x
        back, way = (
            space.from_units(space.to_units(inner), "its own rows").reshape(raw.shape),
            "from_units(to_units(x))",
        )
    else:
        back, way = dataset.space.to_data(x), "to_data(x)"
    if not torch.equal(x, before):
        yield f"{name}.{way} changes x; let it work on a copy"
        return
    if back.shape != raw.shape:
        yield f"{name}.{way} has the shape {tuple(back.shape)} for rows of {tuple(raw.shape)}; keep the shape"
        return
    gap = gaps(dataset, back.flatten(1).double(), raw.flatten(1).double(), x.flatten(1).double(), way)
    if not bool((gap <= SLACK).all()):
        row, column = divmod(int(gap.nan_to_num(torch.inf).argmax()), gap.shape[1])
        was, now = raw.flatten(1)[row, column].item(), back.flatten(1)[row, column].item()
        levels = f" of {dataset.spec.levels} levels" if dataset.spec.kind == "discrete" else ""
        yield (
            f"{name}.{way} makes {now:.6g} of training row {int(chosen[row])}, column {column}, which is {was:.6g}"
            f"{levels}: let it undo to_model"
        )


def gaps(dataset: Dataset, back: Tensor, raw: Tensor, x: Tensor, way: str) -> Tensor:
    """By how much each value has moved beyond what it may: in deviations of its column, in levels, or in bits."""
    if way != "to_data(x)" or dataset.spec.kind == "continuous":
        spread = deviation(dataset.train).to(raw.device)
        size = torch.finfo(torch.float32).eps * raw.abs().amax(0) / SLACK  # float32 far from 0 has less than its spread
        return (back - raw).abs() / torch.maximum(spread, size).clamp(min=torch.finfo(torch.float64).tiny)
    if dataset.spec.kind == "binary":
        return (back - x).abs()
    levels = dataset.spec.levels or 1
    return torch.maximum(raw - levels * back, levels * back - raw - 1).clamp(min=0)
