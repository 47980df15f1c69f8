"""The columns of continuous data: those without a density, and those whose units drown the others.

Levels and binary pixels have none of these faults: noise or a probability of its own stands in every coordinate.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.rows import Rows, digests
from bench.data.table.resolution import percent, ties_of
from bench.record.warnings import UNBOUNDED

LOOKED_AT = 4_096
"""Training rows, drawn at random, that columns are held against each other on."""
WIDEST_RANKED = 2_048
"""Columns up to which linear dependence is looked for."""
DEPENDENT = 1e-5
"""Standard deviation of a combination of standardised columns below which they are dependent: float32 has no finer."""
CHANCE = 5.0
"""Times that deviation which chance alone must leave to a combination, or dependence is not looked for."""
WIDE = 100.0
"""Ratio of a column's standard deviation to the median column's from which on its units drown the others."""
NAMED = 4
"""Columns that a line names; it counts the others."""


def column_refusals(dataset: Dataset) -> Iterator[str]:
    """A line for constant columns, for copied ones, and for linearly dependent ones.

    The density of such data is infinite on the plane in which they lie: likelihoods grow without a bound.
    """
    if dataset.spec.kind != "continuous":
        return
    train = dataset.train.flatten(1)
    part = dataset.training(sampled(len(train))).flatten(1)
    perhaps = (part == part[0]).all(0).nonzero()[:, 0].tolist()
    constant = [column for column in perhaps if bool((train[:, column] == part[0, column]).all())]
    if constant:
        value = f" ({float(part[0, constant[0]]):.6g})" if len(constant) == 1 else ""
        yield f"{named(constant)} constant{value} in train, where no density has a bound: leave it out, or add noise"
        return
    twins = copied_columns(train, part)
    if twins:
        also = f", and {len(twins) - 1} more are copies" if len(twins) > 1 else ""
        pair = f"column {twins[0][1]} is a copy of column {twins[0][0]}"
        yield f"{pair}{also}, where no density has a bound: leave it out"
        return
    together = dependent_columns(in_model_space(dataset, sampled(len(train))))
    if together:
        yield f"{named(together)} linearly dependent in train, where no density has a bound: leave one of them out"


def column_warnings(dataset: Dataset, rows: Rows) -> Iterator[str]:
    """A line for columns with ties, as in tables, and one for a column far wider than the others."""
    if dataset.spec.kind != "continuous":
        return
    firsts = torch.from_numpy(rows.firsts())
    x = in_model_space(dataset, firsts[sampled(len(firsts))])
    tied = {
        column: ties
        for column in range(x.shape[1])
        if (ties := ties_of(np.unique(x[:, column].numpy(), return_counts=True)[1])).there
    }
    if tied:
        column, ties = next(iter(tied.items()))
        whole = "whole numbers, " if bool((x[:, column] == x[:, column].round()).all()) else ""
        yield (
            f"{named(list(tied), 'has', 'have')} ties (column {column}: {whole}{percent(ties.share)} of {ties.rows} "
            f"training rows share a value), {UNBOUNDED}: give kind discrete, or add noise"
        )
    spread = dataset.space.to_data(x.float().reshape(-1, *dataset.spec.event_shape)).flatten(1).double().std(0)
    widest, middle = int(spread.argmax()), float(spread.median())
    if float(spread[widest]) > WIDE * middle > 0:
        ratio = float(spread[widest]) / middle
        yield (
            f"column {widest} is {ratio:.0f} times as wide as the median one: distances of samples and reconstruction "
            "errors are its own, so scale the columns"
        )


def sampled(size: int) -> Tensor:
    """Indices of up to `LOOKED_AT` rows of so many, drawn by a fixed seed."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))[:LOOKED_AT]


def in_model_space(dataset: Dataset, rows: Tensor) -> Float[Tensor, "rows dim"]:
    """Training rows as entries see them, laid flat, in float64."""
    return dataset.space.to_model(dataset.training(rows), torch.Generator().manual_seed(0)).flatten(1).double()


def copied_columns(train: Tensor, part: Tensor) -> list[tuple[int, int]]:
    """(column, an equal one behind it), for every column that copies an earlier one; `part` are some of the rows."""
    first: dict[bytes, int] = {}
    twins = []
    for column, digest in enumerate(digests(part.T)):
        earlier = first.setdefault(digest, column)
        if earlier != column and torch.equal(train[:, earlier], train[:, column]):
            twins.append((earlier, column))
    return twins


def dependent_columns(x: Float[Tensor, "rows dim"], least: float = DEPENDENT) -> list[int]:
    """The columns of the first combination of less deviation than `least`; none where there is none, or too few rows.

    Eigenvectors of the correlation matrix are combinations of standardised columns, their eigenvalues the variances.
    Columns far from 0 have less than float32's own precision: a combination counts as constant where its deviation is
    below what that rounding makes of it. A column of one value in these rows is no part of any combination.
    """
    varying = (x != x[:1]).any(0).nonzero()[:, 0]
    x = x[:, varying]
    rows, dim = x.shape
    if dim < 2 or not can_be_ranked(rows, dim, least):
        return []
    spread = x.std(0)
    standard = (x - x.mean(0)) / spread
    variances, combinations = torch.linalg.eigh(standard.T @ standard / (rows - 1))
    rounding = torch.finfo(torch.float32).eps * x.abs().amax(0) / spread
    noise = (combinations.square() * rounding.square().unsqueeze(1)).sum(0).sqrt()
    constant = variances.clamp(min=0).sqrt() < noise.clamp(min=least)
    if not bool(constant.any()):
        return []
    weights = combinations[:, constant][:, 0].abs()
    columns: list[int] = varying[weights > 0.01 * weights.max()].tolist()
    return columns


def can_be_ranked(rows: int, dim: int, least: float = DEPENDENT) -> bool:
    """True where a combination of less deviation than `least` would be no accident of so few rows.

    The least deviation of a combination of independent columns is near 1 - sqrt(dim / rows) (Bai & Yin 1993).
    """
    return rows > dim + 1 and dim <= WIDEST_RANKED and 1 - (dim / (rows - 1)) ** 0.5 > CHANCE * least


def named(columns: Sequence[int], one: str = "is", many: str = "are") -> str:
    """`column 3 is`, `columns 3 and 5 are`, or the first few and how many more; or with another verb."""
    if len(columns) == 1:
        return f"column {columns[0]} {one}"
    shown = ", ".join(map(str, columns[:NAMED]))
    if len(columns) > NAMED:
        return f"columns {shown} and {len(columns) - NAMED} more {many}"
    *others, last = map(str, columns)
    return f"columns {', '.join(others)} and {last} {many}"
