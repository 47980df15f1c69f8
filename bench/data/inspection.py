"""What is wrong with a data set, looked for once, before anything is trained on it.

A refusal says that no number of a run would mean what its column says; a warning, that some would have to be read with
care. Each is one line that names split, row and column. Rows and columns count from 0; pictures count laid flat.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import get_args

import torch
from torch import Tensor

from bench.config import FEWEST
from bench.data.chunks import chunks
from bench.data.columns import LOOKED_AT, can_be_ranked, column_refusals, column_warnings
from bench.data.dataset import Dataset
from bench.data.jacobian import space_refusal
from bench.data.rows import Rows, row_refusals, row_warnings
from bench.data.spaces import Binary, DequantisedLogit, Reshaped
from bench.spec import Kind

SPLITS = ("train", "validation", "test")
AT_ONCE = 10_000
"""Rows that are mapped to model space at once."""


@dataclass(frozen=True)
class Inspection:
    """A data set as it was looked through.

    Attributes:
        dataset: with float32 in place of other floating-point numbers, and of integers where the kind is continuous.
        refusals: why no run can use it, a line each; empty for a sound one.
        warnings: what its rows say beside their numbers, a line each.
    """

    dataset: Dataset
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def inspect(dataset: Dataset) -> Inspection:
    """Looks through a data set: form, values, rows, columns and space, in that order.

    A fault of form hides those of values, and so on: what comes later would only say the same again.
    """
    refusals = tuple(form_refusals(dataset))
    if refusals:
        return Inspection(dataset, refusals)
    dataset, converted = as_float32(dataset)
    refusals = tuple(value_refusals(dataset)) or tuple(model_space_refusals(dataset))
    if refusals:
        return Inspection(dataset, refusals, converted)
    rows = Rows(dataset)
    refusals = (*row_refusals(rows), *column_refusals(dataset), *space_refusal(dataset))
    warnings = (*dataset.warnings, *converted, *few_examples(dataset), *row_warnings(rows))
    if not refusals and not dataset.notes:  # what is said of its columns was found where it was read
        warnings = (*warnings, *column_warnings(dataset, rows))
    return Inspection(replace(dataset, warnings=warnings), refusals, warnings)


def form_refusals(dataset: Dataset) -> Iterator[str]:
    """Faults of types, shapes and sizes."""
    spec = dataset.spec
    if spec.kind not in get_args(Kind):
        yield f"kind '{spec.kind}' is none; give {', '.join(get_args(Kind))}"
    elif spec.kind == "discrete" and not (isinstance(spec.levels, int) and spec.levels > 1):
        yield f"discrete with levels={spec.levels}; give DataSpec the number of levels, 2 or more"
    space = dataset.space.inner if isinstance(dataset.space, Reshaped) else dataset.space
    if spec.kind == "discrete" and isinstance(space, DequantisedLogit) and space.levels != spec.levels:
        yield f"DataSpec has levels={spec.levels} and its space levels={space.levels}; give both the same"
    if dataset.image_shape is not None and prod(dataset.image_shape) != spec.dim:
        yield f"image_shape {tuple(dataset.image_shape)} has not the {spec.dim} coordinates of an event; mend one"
    for name in SPLITS:
        split = getattr(dataset, name)
        if not isinstance(split, Tensor) or split.layout is not torch.strided or split.is_complex():
            kind = f"{split.dtype}, {split.layout}" if isinstance(split, Tensor) else type(split).__name__
            yield f"{name} is a {kind}; give a dense tensor of real numbers"
        elif split.ndim == 0 or tuple(split.shape[1:]) != tuple(spec.event_shape):
            yield f"{name} has the shape {tuple(split.shape)}; DataSpec asks for rows of {tuple(spec.event_shape)}"
    for name, fewest in zip(SPLITS, (FEWEST, 1, FEWEST), strict=True):
        rows = len(getattr(dataset, name))
        if rows < fewest:
            yield f"{name} has too few rows ({rows}); metrics of a run need at least {fewest}"
    yield from label_refusals(dataset)


def label_refusals(dataset: Dataset) -> Iterator[str]:
    """Faults of labels and of the indices of labelled examples."""
    for name, labels in zip(SPLITS, dataset.labels or (), strict=False):
        rows = len(getattr(dataset, name))
        if tuple(labels.shape) != (rows,):
            yield f"labels of {name} have the shape {tuple(labels.shape)}; give one label to each of its {rows} rows"
        elif labels.is_floating_point() or int(labels.long().min()) < 0:
            yield f"labels of {name} are no classes; give integers 0, 1, ..."
    indices = dataset.labelled
    if indices is not None and (
        len(indices) == 0 or not 0 <= int(indices.min()) <= int(indices.max()) < len(dataset.train)
    ):
        yield f"labelled names rows beyond the {len(dataset.train)} of train"


def as_float32(dataset: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """The data set with float32 where entries would meet other numbers, and what that changed."""
    splits = {name: getattr(dataset, name).detach() for name in SPLITS}
    continuous = dataset.spec.kind == "continuous"
    converted = {
        name: split.float() if split.is_floating_point() or continuous or split.dtype == torch.bool else split
        for name, split in splits.items()
    }
    wide = [name for name in SPLITS if splits[name].dtype == torch.float64]
    if not wide or not continuous:
        return replace(dataset, **converted), ()
    gaps = [(splits[name] - converted[name].double()).flatten(1).abs().amax(0) for name in wide]
    gap = torch.stack(gaps).amax(0)
    column = int(gap.argmax())
    said = f"float64 is converted to float32, which moves values by at most {float(gap[column]):.2g} (column {column})"
    return replace(dataset, **converted), (said,)


def value_refusals(dataset: Dataset) -> Iterator[str]:
    """The first value of each split that its kind does not have."""
    spec, space = dataset.spec, dataset.space
    space = space.inner if isinstance(space, Reshaped) else space
    levels = spec.levels if spec.kind == "discrete" else space.levels if isinstance(space, Binary) else None
    for name in SPLITS:
        yield from first_fault(getattr(dataset, name), name, levels, spec.kind == "binary")


def first_fault(split: Tensor, name: str, levels: int | None, binary: bool) -> Iterator[str]:
    """A line about the first value of a split that its kind does not have, looked for in pieces."""
    checks: list[tuple[Callable[[Tensor], Tensor | None], str]] = []
    if split.is_floating_point():
        checks.append((not_finite, "leave the row out, or fill it in"))
    if levels is not None:
        range_ = f"are the integers 0 to {levels - 1}"
        if split.is_floating_point():
            checks.append((fractions, f"levels {range_}; multiply fractions, or round"))
        checks.append((partial(beyond, levels=levels), f"levels={levels} {range_}"))
    elif binary:
        checks.append((lambda rows: (rows != 0) & (rows != 1), "binary data are 0 or 1; give another kind"))
    for check, remedy in checks:
        for start, rows in chunks(split):
            broken = check(rows)
            if broken is not None and bool(broken.any()):
                yield place(broken, rows, name, start, remedy)
                return


def not_finite(rows: Tensor) -> Tensor | None:
    """Marks NaN and infinities; None where the sum, which is one of them otherwise, is finite: ten times as fast."""
    return None if bool(rows.sum().isfinite()) else ~rows.isfinite()


def fractions(rows: Tensor) -> Tensor:
    """Marks values that are no integers."""
    return rows != rows.round()


def beyond(rows: Tensor, levels: int) -> Tensor | None:
    """Marks values below 0 and from `levels` on; None where there are none, which is faster to find out."""
    if rows.numel() == 0:
        return None
    low, high = rows.aminmax()
    return None if int(low) >= 0 and int(high) < levels else (rows < 0) | (rows >= levels)


def place(broken: Tensor, rows: Tensor, name: str, start: int, remedy: str) -> str:
    """The line about the first broken value of some flat rows, of which the first is row `start` of its split."""
    row = int(broken.any(1).nonzero()[0])
    column = int(broken[row].nonzero()[0])
    return f"{name} row {start + row}, column {column} is {rows[row, column].item():.6g}: {remedy}"


def model_space_refusals(dataset: Dataset) -> Iterator[str]:
    """Faults of what the space makes of the rows: shape, type, and values that are not finite.

    The project's own spaces make numbers of every row whose values are in order; of them the first rows are enough.
    """
    space = dataset.space
    own = not type(space).__module__.startswith("bench.")
    for name in SPLITS:
        split = getattr(dataset, name)
        for start in range(0, len(split) if own else 1, AT_ONCE):
            raw = split[start : start + (AT_ONCE if own else FEWEST)]
            fault = model_space_fault(dataset, raw, name, start)
            if fault:
                yield fault
                break


def model_space_fault(dataset: Dataset, raw: Tensor, name: str, start: int) -> str | None:
    """The fault of some rows in model space, the first of them row `start` of their split; None where there is none."""
    space, before = type(dataset.space).__name__, raw.clone()
    try:
        x = dataset.space.to_model(raw, torch.Generator().manual_seed(0))
    except Exception as error:  # a user's space may raise anything: whatever it raises is the fault
        return (
            f"{space}.to_model fails on {name} ({type(error).__name__}: {' '.join(str(error).split())[:200]}); mend it"
        )
    if not torch.equal(raw, before):
        return f"{space}.to_model changes the rows that it is given; let it work on a copy"
    if x.dtype != torch.float32:
        return f"{space}.to_model gives {x.dtype}; let it return float32, its constants in float32 as well"
    if x.shape != raw.shape:
        return f"{space}.to_model gives the shape {tuple(x.shape)} for rows of {tuple(raw.shape)}; keep the shape"
    flat = x.flatten(1)
    if not bool(flat.isfinite().all()):
        row, column = (int(index) for index in (~flat.isfinite()).nonzero()[0])
        value = raw.flatten(1)[row, column].item()
        return f"{name} row {start + row}, column {column} is {value:.6g}, which {space}.to_model makes infinite or NaN"
    if dataset.spec.kind == "binary" and bool(((flat != 0) & (flat != 1)).any()):
        return f"{space}.to_model makes values other than 0 and 1 of {name}; binary data are 0 or 1 to an entry"
    return None


def few_examples(dataset: Dataset) -> Iterator[str]:
    """A line where there are fewer training examples than coordinates, or too few to tell dependent columns."""
    examples, dim = len(dataset.train), dataset.spec.dim
    unseen = dataset.spec.kind == "continuous" and dim > 1 and not can_be_ranked(min(examples, LOOKED_AT), dim)
    said = ["a covariance of fewer rows than columns is singular"] if examples < dim else []
    said += ["linearly dependent columns are not looked for"] if unseen else []
    if said:
        yield f"{examples} training examples of {dim} columns: {', and '.join(said)}"
