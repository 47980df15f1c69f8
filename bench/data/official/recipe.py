"""What the recipes of Papamakarios et al. (2017) share: tenths for validation and test, standardised columns.

Rows are float64 until they are standardised, as in the recipe, then float32. Likelihoods are nats of these standardised
coordinates, the field's convention.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from bench.data.dataset import Dataset
from bench.data.numpy_files import FAULTS, check_claims
from bench.data.official.archive import one, unpacked
from bench.data.sources import data_root, fetch_command
from bench.data.spaces import Identity
from bench.errors import BenchError
from bench.spec import DataSpec

SOURCE, ARCHIVE = "maf", "data.tar.gz"


@dataclass(frozen=True)
class Splits:
    """Rows to train on, to validate on and to test on, each `(n, D)`."""

    train: Float[np.ndarray, "train dim"]
    validation: Float[np.ndarray, "validation dim"]
    test: Float[np.ndarray, "test dim"]

    def map(self, shift: Float[np.ndarray, " dim"], scale: Float[np.ndarray, " dim"]) -> "Splits":
        """Every row less `shift`, divided by `scale`."""
        return Splits(*((part - shift) / scale for part in (self.train, self.validation, self.test)))

    def columns(self, kept: Bool[np.ndarray, " dim"]) -> "Splits":
        """The columns that are marked."""
        return Splits(*(part[:, kept] for part in (self.train, self.validation, self.test)))


def tenths(rows: Float[np.ndarray, "n dim"]) -> Splits:
    """The last tenth for testing, the last tenth of the others for validation, both rounded down."""
    others, test = last_tenth(rows)
    return Splits(*last_tenth(others), test)


def last_tenth(rows: Float[np.ndarray, "n dim"]) -> tuple[np.ndarray, np.ndarray]:
    """All rows but the last tenth, and the last tenth."""
    cut = len(rows) - int(0.1 * len(rows))
    return rows[:cut], rows[cut:]


def standardised(splits: Splits) -> Splits:
    """The splits in units of the mean and standard deviation (over n) of training and validation rows together."""
    seen = np.concatenate((splits.train, splits.validation))
    return splits.map(seen.mean(0), seen.std(0))


def official_file(root: str | None, member: str) -> Path:
    """A file of the official archive, unpacked beside it where it is not there yet.

    Args:
        root: the data root; None means $BENCH_DATA or the user's cache.
        member: its name in the archive.

    Raises:
        BenchError: neither the file nor the archive is there, or the archive is broken.
    """
    folder = data_root(root) / SOURCE
    return unpacked(folder / ARCHIVE, member, folder / member, fetch_command(SOURCE, root))


def official_array(path: Path) -> Float[np.ndarray, "n dim"]:
    """The numbers of a `.npy` file of rows, float64.

    Raises:
        BenchError: it cannot be read, holds objects, or no table of numbers.
    """
    try:
        check_claims(path)
        rows = np.load(path, allow_pickle=False)
    except FAULTS as error:
        raise BenchError(f"{path} cannot be read ({one(error)}); delete it, and it is unpacked again") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise BenchError(f"{path} holds no table of numbers; delete it, and it is unpacked again")
    return rows.astype(np.float64, copy=False)


def official(name: str, splits: Splits, shapes: tuple[int, int, int, int], *files: Path) -> Dataset:
    """The data set of standardised splits.

    Args:
        name: the name of the data set's file in conf/data.
        splits: in report space.
        shapes: rows of training, validation and test split and their columns, of the official files.
        files: that the rows were read from.

    Raises:
        BenchError: the splits have other sizes.
    """
    parts = (splits.train, splits.validation, splits.test)
    found = (*map(len, parts), splits.train.shape[1])
    if found != shapes:
        raise BenchError(
            f"data={name}: {files[0]} gives {sizes(found)}, the official files {sizes(shapes)}; put those there"
        )
    train, validation, test = (torch.from_numpy(part.astype(np.float32)) for part in parts)
    return Dataset(name, DataSpec((shapes[-1],), "continuous"), Identity(), train, validation, test, files=files)


def sizes(shapes: tuple[int, ...]) -> str:
    """`9 / 1 / 2 rows of 6`."""
    return f"{shapes[0]:,} / {shapes[1]:,} / {shapes[2]:,} rows of {shapes[3]}"
