"""Events of model space as what a user reads and writes: columns of a table, levels of pictures, coordinates."""

from collections.abc import Mapping
from math import prod
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from bench.data.spaces import Binary, Reshaped, Space
from bench.data.stored_space import StoredSpace
from bench.errors import BenchError

Columns = Mapping[str, Any]
"""Name -> values, one a row."""


@runtime_checkable
class Units(Protocol):
    """What is asked of a space with units; see `bench.data.spaces.HasUnits`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        ...

    @property
    def unit_log_det(self) -> float:
        """log |det d report / d units| in nats."""
        ...

    def to_units(self, x: Tensor) -> dict[str, Any]:
        """Events of model space as columns."""
        ...

    def from_units(self, columns: Columns, where: str) -> Tensor:
        """Raw rows of columns."""
        ...


def inner_space(stored: StoredSpace) -> Space:
    """The space of events laid flat."""
    space = the_space(stored)
    return space.inner if isinstance(space, Reshaped) else space


def units_of(stored: StoredSpace) -> Units | None:
    """The space, where it leads to units of the user's; None where the report space is the user's own."""
    space = inner_space(stored)
    return space if isinstance(space, Units) else None


def is_table(stored: StoredSpace) -> bool:
    """True where events are rows of named columns; False for arrays and pictures."""
    space = inner_space(stored)
    return isinstance(space, Units) and not hasattr(space, "event_shape")


def column_names(stored: StoredSpace) -> tuple[str, ...]:
    """Names of an event's columns in a text file: a table's own, `pixel0`, ... of pictures, `x0`, ... of others."""
    units = units_of(stored)
    if units is not None:
        return units.names
    stem = "x" if stored.image_shape is None else "pixel"
    return tuple(f"{stem}{number}" for number in range(stored.spec.dim))


def words_of(stored: StoredSpace) -> dict[str, tuple[str, ...]]:
    """Name of each of an event's columns -> the words that it holds; none of a column of numbers."""
    columns = getattr(inner_space(stored), "columns", ())
    found = dict.fromkeys(column_names(stored), ()) | {column.name: column.words for column in columns}
    return found | {column.name: found[column.same_as] for column in columns if column.same_as}


def user_shape(stored: StoredSpace) -> tuple[int, ...]:
    """The shape of an event in a user's arrays: a picture's own, else the event's."""
    own: tuple[int, ...] | None = getattr(inner_space(stored), "event_shape", None)
    return stored.image_shape or own or stored.spec.event_shape


def to_array(stored: StoredSpace, x: Tensor) -> Any:
    """Events of model space as an array `(n, *shape)` in the user's units.

    Pictures of levels are whole numbers, uint8 where they fit; binary ones are 0 and 1, or probabilities where an
    entry's decoder gives those.
    """
    spec, units = stored.spec, units_of(stored)
    if units is not None:
        columns = units.to_units(x.flatten(1))
        return np.stack([columns[name] for name in units.names], 1).reshape(len(x), *user_shape(stored))
    y = the_space(stored).to_data(x).detach().cpu()
    if spec.kind == "discrete":
        assert spec.levels is not None
        y = (y * spec.levels).floor().clamp(0, spec.levels - 1)
        y = y.to(torch.uint8 if spec.levels <= 256 else torch.int64)
    elif spec.kind == "binary" and bool(((y == 0) | (y == 1)).all()):
        y = y.to(torch.uint8)
    return y.reshape(len(y), *user_shape(stored)).numpy()


def to_columns(stored: StoredSpace, x: Tensor) -> dict[str, Any]:
    """Events of model space as columns in the user's units."""
    units = units_of(stored)
    if units is not None:
        return dict(units.to_units(x.flatten(1)))
    flat = to_array(stored, x).reshape(len(x), -1)
    return {name: flat[:, place] for place, name in enumerate(column_names(stored))}


def from_user(stored: StoredSpace, given: Any, where: str) -> Tensor:
    """Raw examples, as the data set's splits hold them, of a user's rows.

    Args:
        stored: of the run.
        given: columns by name, a pandas frame among them, or an array of events.
        where: what an error calls them, such as the file's name.

    Raises:
        BenchError: they are not of the model's columns, shape or kind; it names row and column.
    """
    units = units_of(stored)
    columns = columns_in(given)
    if units is not None:
        columns = named(stored, np.asarray(given), where) if columns is None else columns
        check_rows(columns, where)
        columns = {name: values for name, values in columns.items() if name in units.names}
        return units.from_units(columns, where).reshape(-1, *stored.spec.event_shape)
    array = np.asarray(given) if columns is None else stacked(stored, columns, where)
    return from_array(stored, array, where)


def named(stored: StoredSpace, array: Any, where: str) -> dict[str, Any]:
    """The columns of an array of events, in the order of the model's.

    Raises:
        BenchError: it is of another shape.
    """
    names, own = column_names(stored), (len(column_names(stored)),)
    shape = own if is_table(stored) else user_shape(stored)
    if array.ndim < 2 or tuple(array.shape[1:]) not in {shape, own}:
        few = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        raise BenchError(f"{where}: shape {tuple(array.shape)}; the model's rows have the shape {shape}, of {few}")
    flat = array.reshape(len(array), -1)
    return {name: flat[:, place] for place, name in enumerate(names)}


def columns_in(given: Any) -> dict[str, Any] | None:
    """The columns of a mapping or of a pandas frame; None for anything else."""
    if isinstance(given, Mapping):
        return {str(name): np.asarray(values) for name, values in given.items()}
    if hasattr(given, "columns") and hasattr(given, "to_numpy"):
        return {str(name): given[name].to_numpy() for name in given.columns}
    return None


def check_rows(columns: Columns, where: str) -> None:
    """Refuses a file without rows.

    Raises:
        BenchError: there is none.
    """
    if not columns or not len(next(iter(columns.values()))):
        raise BenchError(f"{where}: no rows; give at least one")


def stacked(stored: StoredSpace, columns: Columns, where: str) -> Any:
    """Columns of numbers as an array `(n, dim)`, in the model's order.

    Raises:
        BenchError: a column of the model is not there, or holds no numbers.
    """
    names = column_names(stored)
    missing = [name for name in names if name not in columns]
    if missing:
        few = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        raise BenchError(f"{where}: no column {missing[0]}; the model's {len(names)} columns are {few}")
    check_rows(columns, where)
    try:
        return np.stack([np.asarray(columns[name], dtype=np.float64) for name in names], 1)
    except ValueError:
        for name in names:
            for row, value in enumerate(columns[name]):
                check_number(value, f"{where}: row {row + 1}, column {name}")
        raise


def check_number(value: Any, place: str) -> None:
    """Refuses what is no number.

    Raises:
        BenchError: it says where.
    """
    try:
        float(value)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{place} is {str(value)[:40]!r}; give a number") from error


def from_array(stored: StoredSpace, array: Any, where: str) -> Tensor:
    """Raw examples of an array of events, flat or in their own shape.

    Raises:
        BenchError: of another shape, not finite, or no levels.
    """
    spec = stored.spec
    shape, own = tuple(array.shape), user_shape(stored)
    if array.dtype.kind not in "biuf":
        raise BenchError(f"{where}: an array of {array.dtype}; give numbers")
    if len(shape) < 2 or prod(shape[1:]) != spec.dim or shape[1:] not in {own, tuple(spec.event_shape), (spec.dim,)}:
        raise BenchError(f"{where}: shape {shape}; the model's events have the shape {own}: give (rows, ...)")
    if not shape[0]:
        raise BenchError(f"{where}: no rows; give at least one")
    flat = array.reshape(len(array), -1).astype(np.float64)
    names = column_names(stored)
    refuse(~np.isfinite(flat), flat, names, where, "give a finite number")
    levels = spec.levels
    space = inner_space(stored)
    if isinstance(space, Binary):
        levels = space.levels
        if bool(((flat == 0) | (flat == 1)).all()):
            flat = flat * (levels - 1)  # pixels that are drawn already stay what they are
    if levels is not None:
        refuse(
            (flat != np.round(flat)) | (flat < 0) | (flat >= levels),
            flat,
            names,
            where,
            f"levels are 0 to {levels - 1}",
        )
        return torch.from_numpy(flat).to(torch.uint8 if levels <= 256 else torch.int64).reshape(-1, *spec.event_shape)
    return torch.from_numpy(flat).float().reshape(-1, *spec.event_shape)


def refuse(broken: Any, flat: Any, names: tuple[str, ...], where: str, remedy: str) -> None:
    """Refuses the first value that is broken.

    Raises:
        BenchError: it names row and column.
    """
    places = np.argwhere(broken)
    if len(places):
        row, column = (int(place) for place in places[0])
        raise BenchError(f"{where}: row {row + 1}, column {names[column]} is {flat[row, column]:.6g}; {remedy}")


def the_space(stored: StoredSpace) -> Space:
    """The space, which a loaded run has."""
    assert stored.space is not None
    return stored.space
