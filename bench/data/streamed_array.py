"""A `.npy` file of rows that are larger than memory: each split is written once, as entries see it, and mapped.

The numbers are those of the same file loaded: the same rows, moments of the same pieces, the same float64 operations.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.data.chunks import chunks
from bench.data.content import HASHES, file_hash
from bench.data.cutting import Cutting
from bench.data.dataset import Dataset
from bench.data.from_arrays import FITTED_ON, Values, coordinate
from bench.data.named_arrays import NUMPY, first_bytes
from bench.data.sources import data_root
from bench.data.spaces import Binary, DequantisedLogit, Space
from bench.data.standardised import Standardised
from bench.data.stream import in_order, is_streamed, mapped, stored
from bench.data.table.frame import Frame
from bench.data.table.splits import PARTS, split_rows
from bench.errors import BenchError
from bench.spec import DataSpec, Kind

FOLDER = "streams"
"""In the data root: splits that were written, by the content that they come from; what is not needed can be deleted."""
VERSION = 1
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
    source = mapped(path)
    event_shape = tuple(source.shape[1:]) or (1,)
    flat = source.reshape(len(source), math.prod(event_shape))
    if flat.is_floating_point():
        check(flat, lambda piece: ~piece.isfinite(), str(path), "leave the row out, or fill it in")
    kind = values.kind or KINDS[source.numpy().dtype.kind]
    count = values.levels_of(kind, str(path), lambda: max(int(piece.max()) for _, piece in chunks(flat)))
    way = split_rows(Frame(path, {}, len(flat)), cutting.split, cutting.seed)
    rows = tuple(torch.from_numpy(part) for part in way.splits)
    where, files = str(path), (path, *way.files)
    hashes = [file_hash(file, data_root(root) / HASHES) for file in files]
    key, folder = [VERSION, *hashes, str(cutting.split), cutting.seed, kind], data_root(root) / FOLDER
    if kind == "continuous":
        space = Standardised.of_pieces(lambda: in_order(flat, rows[0]), event_shape)
        check_spread(flat, rows, where)
        splits = written(flat, rows, lambda piece: space.standardised(piece.numpy()), key, folder)
        return Dataset(name, DataSpec((flat.shape[1],)), space, *splits, files=files, streamed=True)
    remedy = f"levels are integers 0 to {count - 1}; correct it or data.levels"
    check(flat, lambda piece: (piece < 0) | (piece >= count) | (piece.double() % 1 != 0), where, remedy)
    dtype = torch.uint8 if count <= 256 else torch.int32
    splits = written(flat, rows, lambda piece: piece.to(dtype), [*key, str(dtype)], folder)
    spec = DataSpec((flat.shape[1],), "discrete", count) if kind == "discrete" else DataSpec((flat.shape[1],), "binary")
    own: Space = Binary(count)
    if kind == "discrete":
        own = DequantisedLogit.fitted(splits[0][:FITTED_ON].clone(), count, values.alpha)
    return Dataset(name, spec, own, *splits, files=files, streamed=True)


def written(
    flat: Tensor, rows: tuple[Tensor, ...], change: Callable[[Tensor], Tensor], key: Sequence[object], folder: Path
) -> Splits:
    """The splits as entries see them, each a mapped file in a folder that is written where it is missing or changed.

    Raises:
        BenchError: one cannot be written.
    """
    digest = hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()[:16]

    def split(part: str, chosen: Tensor) -> Tensor:
        pieces = (change(piece) for piece in in_order(flat, chosen))
        return stored(folder / f"{digest}-{part}.npy", (len(chosen), flat.shape[1]), pieces)

    train, validation, test = (split(part, chosen) for part, chosen in zip(PARTS, rows, strict=True))
    return train, validation, test


def check(flat: Tensor, broken: Callable[[Tensor], Tensor], where: str, remedy: str) -> None:
    """Looks at every value, a piece at a time.

    Raises:
        BenchError: it names the first that is broken, by row and coordinate.
    """
    for start, piece in chunks(flat):
        marks = broken(piece)
        if bool(marks.any()):
            row, column = (int(index) for index in marks.nonzero()[0])
            place = f"row {start + row}, coordinate {column}"
            raise BenchError(f"{where}: {place} is {piece[row, column].item():.6g}; {remedy}")


def check_spread(flat: Tensor, rows: tuple[Tensor, ...], where: str) -> None:
    """Refuses a coordinate that is constant over training rows, where no density has a bound.

    Raises:
        BenchError: it names the first.
    """
    first = flat[rows[0][0]]
    same = torch.ones(len(first), dtype=torch.bool)
    for piece in in_order(flat, rows[0]):
        same &= (piece == first).all(0)
        if not bool(same.any()):
            return
    column = int(same.nonzero()[0])
    value = f"({first[column].item():.6g})"
    raise BenchError(
        f"{where}: coordinate {coordinate(np.asarray([column]))} is constant {value} in train, where no density has a "
        "bound; leave it out"
    )
