"""A `.npy` file of rows that are larger than memory: each split is written once, as entries see it, and mapped.

The numbers are those of the same file loaded: the same rows, moments of the same pieces, the same float64 operations.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from bench.data.chunks import chunks
from bench.data.content import HASHES, file_hash
from bench.data.cutting import Cutting
from bench.data.dataset import Dataset
from bench.data.from_arrays import FITTED_ON, Values, coordinate
from bench.data.named_arrays import NUMPY, first_bytes
from bench.data.shuffled import Shuffled
from bench.data.sources import data_root
from bench.data.spaces import Binary, DequantisedLogit, Space
from bench.data.standardised import Standardised
from bench.data.stream import is_streamed, mapped, stored
from bench.data.table.frame import Frame
from bench.data.table.splits import PARTS, split_rows
from bench.errors import BenchError
from bench.spec import DataSpec, Kind

FOLDER = "streams"
"""In the data root: splits that were written, by the content that they come from; what is not needed can be deleted."""
VERSION = 2
"""Raised when the same file and options are written otherwise."""
Splits = tuple[Tensor, Tensor, Tensor]
KINDS: dict[str, Kind] = {"f": "continuous", "b": "binary", "i": "discrete", "u": "discrete"}


def to_stream(path: Path, resident: bool | None) -> bool:
    """True where a file's rows are to stay on disk; see `is_streamed`.

    Raises:
        BenchError: that is asked for, and the file is no `.npy`.
    """
    if resident or not path.is_file():
        return False
    alone = first_bytes(path).startswith(NUMPY)
    if resident is False and not alone:
        raise BenchError(f"{path}: data.resident=false maps a .npy file of one array; write it by numpy.save")
    return alone and is_streamed(resident, path.stat().st_size)


def streamed_array(
    name: str,
    path: Path,
    cutting: Cutting,
    values: Values,
    label: str | None = None,
    root: str | None = None,
) -> Dataset:
    """The rows of a `.npy` file, mapped; the arguments are those of `bench.data.array.array`.

    Raises:
        BenchError: the file is broken, its values are not what its kind has, or the splits cannot be written.
    """
    if label is not None or cutting.labelled is not None:
        raise BenchError(f"{path}: a .npy file has no labels; leave data.label and data.labelled out")
    source, where = mapped(path), str(path)
    event_shape = tuple(source.shape[1:]) or (1,)
    flat = source.reshape(len(source), math.prod(event_shape))
    kind = values.kind or KINDS[source.numpy().dtype.kind]
    count = values.levels_of(kind, where, lambda: largest(flat, where))
    way = split_rows(Frame(path, {}, len(flat)), cutting.split, cutting.seed)
    files = (path, *way.files)
    hashes = [file_hash(file, data_root(root) / HASHES) for file in files]
    levels = None if kind == "continuous" else count
    key = [VERSION, *hashes, str(cutting.split), cutting.seed, kind, levels]
    rows = tuple(torch.from_numpy(part) for part in way.splits)
    with closing(
        Files(flat, rows, data_root(root) / FOLDER, key, partial(check, where=where, levels=levels))
    ) as written:
        if kind == "continuous":
            space = written.space(event_shape, where)
            splits = written.splits(lambda piece: space.standardised(piece.numpy()))
            return Dataset(name, DataSpec((flat.shape[1],)), space, *splits, files=files, streamed=True)
        dtype = torch.uint8 if count <= 256 else torch.int32
        splits = written.splits(lambda piece: piece.to(dtype), str(dtype))
    spec = DataSpec((flat.shape[1],), "discrete", count) if kind == "discrete" else DataSpec((flat.shape[1],), "binary")
    own: Space = Binary(count)
    if kind == "discrete":
        own = DequantisedLogit.fitted(splits[0][:FITTED_ON].clone(), count, values.alpha)
    return Dataset(name, spec, own, *splits, files=files, streamed=True)


class Files:
    """What is written of one array: its splits and their moments, each where it is missing or changed.

    The array's values are checked, and its rows shuffled, when the first is written: what stands was checked then.
    """

    def __init__(
        self,
        flat: Shaped[Tensor, "n dim"],
        rows: tuple[Tensor, ...],
        folder: Path,
        key: Sequence[object],
        check: Callable[[int, Tensor], None],
    ) -> None:
        """Names the files.

        Args:
            flat: the mapped array.
            rows: of each split, in its order.
            folder: of the files.
            key: what decides their content.
            check: of values, see `Shuffled`.
        """
        self.flat, self.rows, self.folder, self.key, self.check = flat, rows, folder, key, check

    @cached_property
    def shuffled(self) -> Shuffled:
        """The rows of each split in its order."""
        return Shuffled(self.flat, self.rows, self.folder, self.check)

    def close(self) -> None:
        """Gives the disk back that shuffling took."""
        if "shuffled" in self.__dict__:
            self.shuffled.close()

    def space(self, event_shape: tuple[int, ...], where: str) -> Standardised:
        """The space of real numbers, standardised by the training rows.

        Raises:
            BenchError: a coordinate is constant, or the file of moments cannot be written.
        """

        def constants() -> Iterator[Tensor]:
            train = partial(self.shuffled.pieces, 0)
            check_spread(train, where)
            space = Standardised.of_pieces(train, event_shape)
            yield torch.stack((space.shift, space.scale))

        shift, scale = stored(self.path("moments", self.key), (2, self.flat.shape[1]), constants()).clone()
        return Standardised(shift, scale, event_shape)

    def splits(self, change: Callable[[Tensor], Tensor], *options: object) -> Splits:
        """The splits as entries see them, mapped.

        Args:
            change: makes of raw rows what entries see.
            options: of it, which decide the content as the key does.

        Raises:
            BenchError: one cannot be written.
        """
        key = [*self.key, *options]

        def changed(number: int) -> Iterator[Tensor]:
            yield from map(change, self.shuffled.pieces(number))

        def split(number: int) -> Tensor:
            shape = (len(self.rows[number]), self.flat.shape[1])
            return stored(self.path(PARTS[number], key), shape, changed(number))

        return split(0), split(1), split(2)

    def path(self, name: str, key: Sequence[object]) -> Path:
        """The file of that name, of what a key decides."""
        return self.folder / f"{hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()[:16]}-{name}.npy"


def largest(flat: Tensor, where: str) -> int:
    """The largest value of all.

    Raises:
        BenchError: one is not finite.
    """
    for start, piece in chunks(flat):
        check(start, piece, where)
    return max(int(piece.max()) for _, piece in chunks(flat))


def check(start: int, piece: Tensor, where: str, levels: int | None = None) -> None:
    """Looks at the values of a piece, of which the first row is row `start` of the array.

    Raises:
        BenchError: it names the first that is not finite, or not a level where there are some.
    """
    if piece.is_floating_point():
        refuse(~piece.isfinite(), start, piece, where, "leave the row out, or fill it in")
    if levels is not None:
        broken = (piece < 0) | (piece >= levels) | (piece.double() % 1 != 0)
        refuse(broken, start, piece, where, f"levels are integers 0 to {levels - 1}; correct it or data.levels")


def refuse(broken: Tensor, start: int, piece: Tensor, where: str, remedy: str) -> None:
    """Refuses a piece with marked values.

    Raises:
        BenchError: it names the first by row and coordinate.
    """
    if bool(broken.any()):
        row, column = (int(index) for index in broken.nonzero()[0])
        place = f"row {start + row}, coordinate {column}"
        raise BenchError(f"{where}: {place} is {piece[row, column].item():.6g}; {remedy}")


def check_spread(pieces: Callable[[], Iterator[Tensor]], where: str) -> None:
    """Refuses a coordinate that is constant over training rows, where no density has a bound.

    Raises:
        BenchError: it names the first.
    """
    first = next(iter(pieces()))[0]
    same = torch.ones(len(first), dtype=torch.bool)
    for piece in pieces():
        same &= (piece == first).all(0)
        if not bool(same.any()):
            return
    column = int(same.nonzero()[0])
    value = f"({first[column].item():.6g})"
    raise BenchError(
        f"{where}: coordinate {coordinate(np.asarray([column]))} is constant {value} in train, where no density has a "
        "bound; leave it out"
    )
