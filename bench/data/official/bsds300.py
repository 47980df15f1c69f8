"""BSDS300: 8x8 patches of photographs, dequantised, without their mean and their last pixel (Zoran & Weiss 2011)."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.data.dataset import Dataset
from bench.data.official.archive import one
from bench.data.official.recipe import Splits, official, official_file
from bench.errors import BenchError

SHAPES = (1_000_000, 50_000, 250_000, 63)
MEMBER = "data/BSDS300/BSDS300.hdf5"
PARTS = ("train", "validation", "test")


def bsds300(name: str, *, root: str | None = None) -> Dataset:
    """BSDS300 as events `(63,)` in its own coordinates, from the official HDF5 file; needs the extra `hdf5`.

    Args:
        name: the name of the data set's file in conf/data.
        root: the data root; None means $BENCH_DATA or the user's cache.

    Raises:
        BenchError: the file is missing, broken or of another size, or h5py is not installed.
    """
    path = official_file(root, MEMBER)
    return official(name, bsds300_splits(path), SHAPES, path)


def bsds300_splits(path: Path) -> Splits:
    """The three tables of the file, as they stand.

    Raises:
        BenchError: the file cannot be read, or h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise BenchError(f"{path} is read by h5py, which is not installed; pip install -e '.[hdf5]'") from error
    try:
        with h5py.File(path, "r") as file:
            parts = [table(file[part], rows) for part, rows in zip(PARTS, SHAPES, strict=False)]
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise BenchError(f"{path} cannot be read ({one(error)}); delete it, and it is unpacked again") from error
    return Splits(*parts)


def table(stored: Any, most: int) -> np.ndarray:
    """A data set of the file as float32 rows.

    Raises:
        ValueError: it is no table of numbers, or larger than the official one: few bytes can claim many.
    """
    shape = tuple(getattr(stored, "shape", ()))
    if len(shape) == 2 and (shape[0] > most or shape[1] > SHAPES[-1]):
        raise ValueError(f"{shape[0]:,} rows of {shape[1]:,}, where {most:,} of {SHAPES[-1]} are expected")
    rows = np.asarray(stored[...], dtype=np.float32)
    if rows.ndim != 2:
        raise ValueError(f"{rows.ndim} axes, 2 expected")
    return rows
