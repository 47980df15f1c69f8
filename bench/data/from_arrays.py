"""A data set of a user's named arrays: cut where they are not, of their kind, in a space that fits it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.data.cutting import Cutting, labelled, parts_of
from bench.data.dataset import Dataset
from bench.data.named_arrays import NamedArrays, called
from bench.data.spaces import Binary, DequantisedLogit
from bench.data.standardised import Standardised
from bench.errors import BenchError
from bench.spec import DataSpec, Kind

ALPHA = 0.005
"""Of the space of levels, unless a user chooses another."""
FITTED_ON = 10_000
"""Training examples that the space of levels is standardised on; more of them take time and change little."""


@dataclass(frozen=True)
class Came:
    """The origin of arrays: what messages call it, and what of it counts in a run's key.

    Attributes:
        where: the file, folder or function.
        files: whose bytes count.
        content: a hash of what came in, where no whole file holds it.
    """

    where: str
    files: tuple[Path, ...] = ()
    content: str = ""


@dataclass(frozen=True)
class Values:
    """The wishes of a user about values.

    Attributes:
        kind: None takes floating-point numbers as continuous, truth values as binary and integers as discrete.
        levels: of discrete data.
        alpha: of their space, see `DequantisedLogit`.
    """

    kind: Kind | None = None
    levels: int | None = None
    alpha: float = ALPHA

    def levels_of(self, kind: Kind, where: str, largest: Callable[[], int]) -> int:
        """Levels of data of a kind: 2 of binary ones, 0 of real numbers.

        Args:
            kind: of the data.
            where: they come from, which an error begins with.
            largest: their largest value, for the message.

        Raises:
            BenchError: levels are missing or fewer than 2, or an option has no effect on this kind.
        """
        if kind == "discrete":
            if self.levels is None:
                least = max(2, largest() + 1)
                raise BenchError(f"{where}: discrete values up to {least - 1}; set data.levels={least}, or more")
            if self.levels < 2:
                raise BenchError(f"{where}: data.levels={self.levels}: give 2 or more")
            return self.levels
        check_no_effect(where, f"{kind} data", levels=(self.levels, None), alpha=(self.alpha, ALPHA))
        return 2 if kind == "binary" else 0


def check_no_effect(where: str, data: str, **options: tuple[object, object]) -> None:
    """Refuses options that are set where they change nothing.

    Args:
        where: the data come from, which an error begins with.
        data: of what kind they are, in words.
        options: by name the value and the default.

    Raises:
        BenchError: it names the first.
    """
    for name, (value, default) in options.items():
        if value != default:
            raise BenchError(f"{where}: data.{name}={value} has no effect on {data}; leave it out")


def dataset_of(name: str, named: NamedArrays, came: Came, cutting: Cutting, values: Values) -> Dataset:
    """The data set of arrays of real numbers, levels or bits, events laid flat.

    Args:
        name: of the file in conf/data.
        named: the arrays.
        came: where they came from.
        cutting: which rows are for what.
        values: what they are.

    Raises:
        BenchError: values that the kind does not have, options without effect, labels of no use, or a split that leaves
            a part empty.
    """
    where = came.where
    for split, array in named.events.items():
        check_finite(array, called(where, split))
    kind = values.kind or kind_of(named, where)
    count = values.levels_of(kind, where, lambda: int(max(array.max() for array in named.events.values())))
    parts = parts_of(named, cutting, where)
    events, labels = parts.events, parts.labels
    files, content = (*came.files, *parts.files), came.content
    if kind == "continuous":
        space = Standardised.fitted(events[0])
        check_spread(events[0], where)
        train, validation, test = (space.standardised(part) for part in events)
        data = Dataset(
            name,
            DataSpec((train.shape[1],)),
            space,
            train,
            validation,
            test,
            labels=labels,
            class_names=parts.class_names,
            files=files,
            content=content,
        )
        return labelled(data, cutting, where)
    for split, array in named.events.items():
        check_levels(array, count, called(where, split))
    dtype = np.uint8 if count <= 256 else np.int32
    train, validation, test = (torch.from_numpy(part.astype(dtype)).flatten(1) for part in events)
    shape = (train.shape[1],)
    spec = DataSpec(shape, "discrete", count) if kind == "discrete" else DataSpec(shape, "binary")
    levelled = DequantisedLogit.fitted(train[:FITTED_ON], count, values.alpha) if kind == "discrete" else Binary(count)
    data = Dataset(
        name,
        spec,
        levelled,
        train,
        validation,
        test,
        labels=labels,
        class_names=parts.class_names,
        files=files,
        content=content,
    )
    return labelled(data, cutting, where)


def kind_of(named: NamedArrays, where: str) -> Kind:
    """The kind that a type of numbers stands for.

    Raises:
        BenchError: the splits are of two kinds.
    """
    kinds: dict[str, Kind] = {"f": "continuous", "b": "binary", "i": "discrete", "u": "discrete"}
    found = {kinds[array.dtype.kind] for array in named.events.values()}
    if len(found) > 1:
        raise BenchError(
            f"{where}: the splits are {' and '.join(sorted(found))}; give them one type, or set data.kind="
        )
    return found.pop()


def check_finite(array: np.ndarray, where: str) -> None:
    """Refuses NaN and infinity, with row and coordinate.

    Raises:
        BenchError: there is such a value.
    """
    if array.dtype.kind != "f" or np.isfinite(array.sum(dtype=np.float64)):
        return
    broken = np.argwhere(~np.isfinite(array))
    if len(broken):
        place = broken[0]
        value = array[tuple(place)]
        raise BenchError(f"{where}: {position(place)} is {value}; leave the row out, or fill it in")


def check_spread(train: np.ndarray, where: str) -> None:
    """Refuses a coordinate that is constant over training examples, where no density has a bound.

    Raises:
        BenchError: it names the first.
    """
    constant = np.argwhere((train == train[0]).all(0))
    if len(constant):
        value = train[0][tuple(constant[0])]
        more = f", and {len(constant) - 1} more" if len(constant) > 1 else ""
        raise BenchError(
            f"{where}: coordinate {coordinate(constant[0])} is constant ({value:.6g}){more} in train, where no density "
            "has a bound; leave it out"
        )


def check_levels(array: np.ndarray, levels: int, where: str) -> None:
    """Refuses values other than 0, 1, ..., levels - 1.

    Raises:
        BenchError: it names the first.
    """
    broken = (array < 0) | (array >= levels) if array.dtype.kind != "b" else np.zeros(0, dtype=bool)
    if array.dtype.kind == "f":
        broken |= array != np.round(array)
    places = np.argwhere(broken)
    if len(places):
        value = array[tuple(places[0])]
        kind = f"integers 0 to {levels - 1}" if levels > 2 else "0 and 1"
        raise BenchError(
            f"{where}: {position(places[0])} is {value}, where levels are {kind}; correct it or data.levels"
        )


def position(place: np.ndarray) -> str:
    """Row and coordinate of a value."""
    return f"row {place[0]}, coordinate {coordinate(place[1:])}"


def coordinate(place: np.ndarray) -> str:
    """`3`, or `(0, 3)` where events have axes."""
    return str(int(place[0])) if len(place) == 1 else str(tuple(int(index) for index in place))
