"""A table's space and raw rows, fitted on its training rows alone, column by column to hold little at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.data.columns import sampled
from bench.data.dequantisation import uniform
from bench.data.spaces import REACH
from bench.data.table.column import Column, drop
from bench.data.table.frame import Frame, Words
from bench.data.table.kinds import Found
from bench.data.table.resolution import Ties, carried, decimals_of, step_of, ties_of
from bench.data.table.space import ALPHA, TableSpace
from bench.data.table.splits import Splits
from bench.errors import BenchError

FINEST = 1e-5
"""Width of a cell in standard deviations below which float32 draws no noise that spreads a tie."""
HEAVY = 30.0
"""Excess kurtosis of training rows from which on tails are called heavy."""
SMALLEST = 1e-100
"""Deviation of a column that is refused, and one over the largest."""
QUARTILES = 1.349
"""Distance of a normal law's quartiles in standard deviations."""


class Seen(NamedTuple):
    """What the training rows of a modelled column show.

    Attributes:
        distinct: different values.
        ties: among the values; None of a category.
        step: of the grid on which the values lie, where there are ties; 0 elsewhere, and where they lie on none.
        kurtosis: excess kurtosis; 0 of a category.
        strange: rows of validation and test, ascending, whose value no training row prepares for; see `strangers`.
        merged: ties that float32 makes of values which the file has apart; see `merged`.
        farthest: the training row that is farthest from the mean, where there are such ties.
    """

    distinct: int
    ties: Ties | None = None
    step: float = 0.0
    kurtosis: float = 0.0
    strange: Sequence[int] = ()
    merged: Ties | None = None
    farthest: int = 0


class Fitted(NamedTuple):
    """A table's space, its raw rows, and what its columns show.

    Attributes:
        space: fitted on the training rows.
        splits: raw rows of each split, float32 `(rows, dim)`.
        seen: name of a modelled column -> what its training rows show.
    """

    space: TableSpace
    splits: tuple[Tensor, Tensor, Tensor]
    seen: dict[str, Seen]


def fitted(frame: Frame, found: Sequence[Found], splits: Splits, dequantise: bool) -> Fitted:
    """The space of a table and its raw rows; the frame's columns are used up.

    Args:
        frame: whose columns are `found`, in that order.
        found: the kinds of the columns.
        splits: the rows of each split.
        dequantise: adds noise to real columns with ties, as wide as their own resolution.

    Raises:
        BenchError: a column has one value in all training rows, or numbers whose squares float64 does not hold.
    """
    dim = sum(one.kind not in ("constant", "duplicate") for one in found)
    raw = tuple(torch.empty(len(rows), dim) for rows in splits)
    columns: list[Column] = []
    seen: dict[str, Seen] = {}
    place = 0
    for one in found:
        values = frame.columns.pop(one.name)
        if one.kind in ("constant", "duplicate"):
            columns.append(put_back(one, values))
            continue
        numbers = one.codes if one.kind == "category" else values
        train = numbers[splits.train]
        if bool((train == train[0]).all()):
            raise BenchError(
                f"{frame.place(int(splits.train[0]), one.name)} has the value of all {len(train)} training rows, where "
                f"no density has a bound; leave the column out by {drop(one.name)}, or give another data.split"
            )
        if one.kind != "category":
            check_spread(frame, one.name, train, splits.train)
        column, seen[one.name] = fitted_column(one, numbers, train, place, dequantise)
        seen[one.name] = seen[one.name]._replace(strange=strangers(column, numbers, splits))
        columns.append(column)
        for part, rows in zip(raw, splits, strict=True):
            part[:, place] = torch.from_numpy(column.raw(numbers[rows])).float()
        if one.kind != "category":
            ties = merged(train, raw[0][:, place])
            if ties is not None:
                farthest = int(splits.train[np.abs(train - train.mean()).argmax()])
                seen[one.name] = seen[one.name]._replace(merged=ties, farthest=farthest)
        place += 1
    return Fitted(space_of(columns, raw[0]), (raw[0], raw[1], raw[2]), seen)


def merged(train: Any, raw: Tensor) -> Ties | None:
    """Ties of raw training rows whose values have none in the file; None where there are no such ties.

    Entries see float32. One value far from all others leaves it too few numbers for these.
    """
    rows = sampled(len(train)).numpy()
    ties = ties_of(np.unique(raw.numpy()[rows], return_counts=True)[1])
    return ties if ties.there and not ties_of(np.unique(train[rows], return_counts=True)[1]).there else None


def check_spread(frame: Frame, name: str, train: Any, rows: Any) -> None:
    """Refuses numbers whose squares float64 does not hold.

    Raises:
        BenchError: it names the one that is farthest out.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        deviation = float(train.std())
    if not SMALLEST < deviation < 1 / SMALLEST:
        row = int(np.abs(train).argmax())
        raise BenchError(
            f"{frame.place(int(rows[row]), name)} is {train[row]:.10g}: the deviation of the column is beyond numbers "
            f"whose squares can be kept; give it in another unit, or leave it out by {drop(name)}"
        )


def put_back(one: Found, values: Any) -> Column:
    """A column that is not modelled."""
    if one.kind == "duplicate":
        return Column(one.name, "duplicate", same_as=one.same_as)
    value = 0.0 if isinstance(values, Words) else float(values[0])
    return Column(one.name, "constant", low=value, high=value, words=one.words)


def fitted_column(one: Found, numbers: Any, train: Any, place: int, dequantise: bool) -> tuple[Column, Seen]:
    """A modelled column and what its training rows show.

    Args:
        one: its kind.
        numbers: values of all rows; places among the words for a category.
        train: those of the training rows.
        place: of its coordinate.
        dequantise: as `fitted`.
    """
    if one.kind == "category":
        return Column(one.name, one.kind, place, step=1.0, words=one.words), Seen(len(np.unique(train)))
    distinct, counts = np.unique(train, return_counts=True)
    ties = ties_of(counts)
    low, high, mean, deviation = float(distinct[0]), float(distinct[-1]), float(train.mean()), float(train.std())
    squares = np.square((train - mean) / deviation)
    kurtosis = float(np.square(squares).mean()) - 3
    grid = one.kind == "integer" or ties.there
    # The step of integers is a kind's, of the whole file; that of ties is fitted, and sees training rows alone.
    step = step_of(np.unique(numbers) if one.kind == "integer" else distinct) if grid else 0.0
    cell = step if one.kind == "integer" or (dequantise and step >= FINEST * deviation) else 0.0
    unit = float(np.hypot(deviation, cell / np.sqrt(12)))
    centre = float(np.median(train)) if one.kind == "heavy" else mean
    origin = float(train[0])
    # A heavy column's unit is that of its tails; its middle half is written as finely as its own spread asks for.
    middle = spread_of(train) if one.kind == "heavy" else unit
    decimals = decimals_of(train, carried(middle)) if cell == 0 else None
    column = Column(one.name, one.kind, place, centre, unit, cell, origin, low, high, decimals=decimals)
    return column, Seen(len(distinct), ties, step, kurtosis)


def strangers(column: Column, numbers: Any, splits: Splits) -> list[int]:
    """Rows of validation and test, ascending, whose value training rows do not prepare for.

    Of a category, a word that none of them has; of an integer, a value beyond their range; of another number with
    noise, one off their grid.
    """
    rows = np.sort(np.concatenate([splits.validation, splits.test]))
    values = numbers[rows]
    if column.kind == "category":
        known = np.bincount(numbers[splits.train], minlength=len(column.words)) > 0
        strange = ~known[values]
    elif column.kind == "integer":
        strange = (values < column.low) | (values > column.high)
    else:
        strange = column.off_grid(values)
    found: list[int] = rows[strange].tolist()
    return found


def space_of(columns: Sequence[Column], train: Tensor) -> TableSpace:
    """The space of fitted columns; its maps are standardised on raw training rows, with noise of a fixed seed."""
    modelled = [column for column in columns if column.place >= 0]
    zeros, ones = torch.zeros(len(modelled)), torch.ones(len(modelled))
    plain = TableSpace(
        columns=tuple(columns),
        width=torch.tensor([column.step / column.unit for column in modelled]),
        levels=torch.tensor([float(len(column.words)) for column in modelled]),
        slope=torch.tensor([slope_of(column, train[:, column.place]) for column in modelled]),
        shift=zeros,
        scale=ones,
        code_mean=zeros,
        code_spread=ones,
    )
    mapped = ((plain.levels > 0) | (plain.slope > 0)).nonzero()[:, 0].tolist()
    if not mapped:
        return plain
    tensors = {name: getattr(plain, name).clone() for name in ("shift", "scale", "code_mean", "code_spread")}
    generator = torch.Generator().manual_seed(0)
    smallest = 2 * float(np.log((1 - ALPHA) / ALPHA)) / REACH
    for place in mapped:
        y = train[:, place]
        if plain.width[place] > 0:
            y = y + plain.width[place] * uniform(y.shape, generator)
        if plain.levels[place] > 0:
            x = (ALPHA + (1 - 2 * ALPHA) / plain.levels[place] * y).logit(eps=1e-7)
            tensors["code_mean"][place], tensors["code_spread"][place] = y.mean(), y.std()
            tensors["scale"][place] = x.std().clamp(min=smallest)
        else:
            x = (plain.slope[place] * y).arcsinh()
            tensors["scale"][place] = x.std()
        tensors["shift"][place] = x.mean()
    return replace(plain, **tensors)


def slope_of(column: Column, raw: Tensor) -> float:
    """The slope of a heavy column's arcsinh: it bends where the distance of the quartiles says that the middle ends."""
    if column.kind != "heavy":
        return 0.0
    return 1.0 / spread_of(raw.double().numpy())


def spread_of(values: Any) -> float:
    """The deviation that the quartiles of a normal law would have at this distance.

    Where half of the rows have one value, the mean distance from the median takes its place.
    """
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low) / QUARTILES or float(np.abs(values - np.median(values)).mean())
