"""The space of a table: raw columns, dequantised, some by a monotone map of their own, and the way to a user's units.

Per column, with y the report coordinate and x the model's:

    real       y = raw,                       x = y
    heavy      y = raw,                       x = (arcsinh(slope y) - shift) / scale
    integer    y = raw + width u,             x = y
    category   y = raw + u in [0, K),         x = (logit(alpha + (1 - 2 alpha) y / K) - shift) / scale

with u ~ U[0, 1). The report space is y: standardised coordinates, and for a category its places, where the density of
a unit cell bounds the probability (Theis et al. 2016). Integers are as wide as `width` in standardised coordinates.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.dequantisation import uniform
from bench.data.table.column import ABSENT, Column, differing, place_of
from bench.errors import BenchError

ALPHA = 1e-6
"""Keeps the logit of a category away from 0 and 1; 2e-6 nats of each category's probability."""
HALF_STEP = 2.0**-17
FARTHEST = 40.0
"""Largest |arcsinh| that is mapped back: the values of float32 reach no further than 88."""


@dataclass(frozen=True)
class TableSpace:
    """The way from rows of a table to events `(dim,)` and back.

    Attributes:
        columns: of the user's table, in its order; those that are not modelled among them.
        width: `(dim,)`, of the noise in raw coordinates; 0 where there is none.
        levels: `(dim,)`, words of a category; 0 elsewhere.
        slope: `(dim,)`, of the arcsinh of a heavy column; 0 elsewhere.
        shift, scale: `(dim,)`, that standardise the mapped values of training rows; 0 and 1 without a map.
        code_mean, code_spread: `(dim,)`, that standardise a category's places; 0 and 1 elsewhere.
    """

    columns: tuple[Column, ...]
    width: Float[Tensor, " dim"]
    levels: Float[Tensor, " dim"]
    slope: Float[Tensor, " dim"]
    shift: Float[Tensor, " dim"]
    scale: Float[Tensor, " dim"]
    code_mean: Float[Tensor, " dim"]
    code_spread: Float[Tensor, " dim"]

    @property
    def noisy(self) -> bool:
        """True where noise is drawn: there is an integer, a category or a dequantised tie."""
        return len(self.cells) > 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in the order of the user's table."""
        return tuple(column.name for column in self.columns)

    @property
    def modelled(self) -> tuple[Column, ...]:
        """The columns that are coordinates of an event, in their order."""
        return tuple(column for column in self.columns if column.place != ABSENT)

    @property
    def unit_log_det(self) -> float:
        """log |det dy/dv| in nats, y in the report space, v in the columns' own units; a constant.

        The NLL in the columns' units is that of the report space less this.
        """
        return -math.fsum(math.log(column.unit) for column in self.modelled)

    @property
    def log_cell(self) -> float | None:
        """The logarithm of a cell's size in the columns' own units; None where a column has no noise.

        The expected log-density of a row's cell, in those units, and this bound the row's log-probability from below.
        """
        if len(self.cells) < len(self.modelled):
            return None
        return math.fsum(math.log(column.step) for column in self.modelled if column.kind != "category")

    @cached_property
    def cells(self) -> Tensor:
        """Places of the columns with noise."""
        return self.width.nonzero()[:, 0]

    @cached_property
    def categories(self) -> Tensor:
        """Places of the categories."""
        return self.levels.nonzero()[:, 0]

    @cached_property
    def heavies(self) -> Tensor:
        """Places of the heavy columns."""
        return self.slope.nonzero()[:, 0]

    def to_model(self, raw: Float[Tensor, "batch dim"], generator: torch.Generator) -> Float[Tensor, "batch dim"]:
        """Rows in model space; columns without noise draw none."""
        return self.mapped(self.dequantised(raw, generator))

    def dequantised(self, raw: Float[Tensor, "batch dim"], generator: torch.Generator) -> Float[Tensor, "batch dim"]:
        """Rows in report coordinates, with the noise of the columns that have one."""
        y = raw.to(self.scale.dtype)
        if self.noisy:
            # Half a step of the draws keeps them from the ends of a cell, where rounding would find its neighbour.
            u = uniform(torch.Size((len(raw), len(self.cells))), generator).to(y) + HALF_STEP
            y = y.index_add(1, self.cells, u * self.width[self.cells])
        return y

    def mapped(self, y: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Report coordinates in model space."""
        x = y
        if len(self.categories):
            at = self.categories
            s = ALPHA + (1 - 2 * ALPHA) / self.levels[at] * y[:, at]
            x = x.index_copy(1, at, (s.logit(eps=1e-7) - self.shift[at]) / self.scale[at])
        if len(self.heavies):
            at = self.heavies
            x = x.index_copy(1, at, ((self.slope[at] * y[:, at]).arcsinh() - self.shift[at]) / self.scale[at])
        return x

    def log_det(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """log |det dx/dy| in nats, y in the report space; 0 where no column has a map of its own."""
        total = x.new_zeros(len(x))
        if len(self.categories):
            at = self.categories
            v = x[:, at] * self.scale[at] + self.shift[at]
            # -log(s (1 - s)) with s = sigmoid(v): the sum is exact where s rounds to 0 or 1.
            log_slope = torch.nn.functional.softplus(v) + torch.nn.functional.softplus(-v)
            constant = math.log1p(-2 * ALPHA) - self.levels[at].log() - self.scale[at].log()
            total = total + (log_slope + constant).sum(1)
        if len(self.heavies):
            at = self.heavies
            t = (x[:, at] * self.scale[at] + self.shift[at]).abs()
            # d arcsinh(a y) / dy = a / cosh t; log cosh t without an overflow.
            log_cosh = t + torch.log1p(torch.exp(-2 * t)) - math.log(2)
            total = total + (self.slope[at].log() - self.scale[at].log() - log_cosh).sum(1)
        return total

    def unmapped(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Model space to report coordinates; places that no category has are clipped."""
        y = x
        if len(self.categories):
            at = self.categories
            s = torch.sigmoid(x[:, at] * self.scale[at] + self.shift[at])
            places = ((s - ALPHA) / (1 - 2 * ALPHA)).clamp(0, 1) * self.levels[at]
            y = y.index_copy(1, at, places)
        if len(self.heavies):
            at = self.heavies
            t = (x[:, at] * self.scale[at] + self.shift[at]).clamp(-FARTHEST, FARTHEST)
            y = y.index_copy(1, at, t.sinh() / self.slope[at])
        return y

    def to_data(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Standardised coordinates, in which samples are compared: a category's places standardised too."""
        y = self.unmapped(x)
        return (y - self.code_mean) / self.code_spread if len(self.categories) else y

    def to_units(self, x: Float[Tensor, "batch dim"]) -> dict[str, Any]:
        """Events as the user's columns: float64, int64 or words, constants and duplicates put back."""
        y = self.unmapped(x).detach().cpu().numpy()
        found: dict[str, Any] = {}
        for column in self.modelled:
            found[column.name] = column.values(y[:, column.place])
        for column in self.columns:
            if column.kind == "constant":
                found[column.name] = column.repeated(len(x))
            elif column.kind == "duplicate":
                found[column.name] = found[column.same_as]
        return {name: found[name] for name in self.names}

    def from_units(self, columns: Mapping[str, Any], where: str) -> Float[Tensor, "rows dim"]:
        """Raw rows of a user's columns, as `Dataset.train` holds them.

        A constant or a duplicate may be left out; columns that the table does not have are not looked at.

        Args:
            columns: name -> numbers or text, one a row.
            where: the file's name, which an error gives.

        Raises:
            BenchError: a column is missing, columns differ in length, or a value is not the column's.
        """
        missing = [column.name for column in self.modelled if column.name not in columns]
        if missing:
            raise BenchError(f"{where}: no column {missing[0]}; the model's columns are {', '.join(self.names)}")
        rows = {len(columns[column.name]) for column in self.columns if column.name in columns}
        if len(rows) > 1:
            raise BenchError(f"{where}: columns of {min(rows)} and of {max(rows)} rows; give each as many")
        for column in self.columns:
            if column.name in columns:
                check_put_back(column, columns, where)
        raw = np.stack([column.read(columns[column.name], where) for column in self.modelled], 1)
        return torch.from_numpy(raw).float()

    def to(self, device: torch.device) -> "TableSpace":
        """The same space with its constants on `device`."""
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in own.items() if isinstance(value, Tensor)}
        return replace(self, **moved)


def check_put_back(column: Column, columns: Mapping[str, Any], where: str) -> None:
    """Refuses a constant with another value and a duplicate that is none.

    Raises:
        BenchError: it names the first row.
    """
    if column.kind == "constant":
        column.check_constant(columns[column.name], where)
    elif column.kind == "duplicate" and column.same_as in columns:
        broken = differing(columns[column.same_as], columns[column.name])
        if len(broken):
            row = int(broken[0])
            raise BenchError(
                f"{place_of(where, row, column.name)} differs from column {column.same_as}; in the model's data they "
                "are the same"
            )
