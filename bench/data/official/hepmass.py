"""HEPMASS: simulated particle collisions with a resonance of mass 1000 (UCI, HEPMASS)."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.data.dataset import Dataset
from bench.data.official.archive import one
from bench.data.official.recipe import Splits, last_tenth, official, official_file
from bench.errors import BenchError

SHAPES = (315_123, 35_013, 174_987, 21)
TRAIN, TEST = "data/hepmass/1000_train.csv", "data/hepmass/1000_test.csv"
SIGNAL = 1
REPEATED = 5
"""A column whose smallest value stands more often than this is discrete, and left out."""


def hepmass(name: str, *, root: str | None = None) -> Dataset:
    """HEPMASS as events `(21,)`, standardised, by the recipe of Papamakarios et al. (2017, appendix D).

    Args:
        name: the name of the data set's file in conf/data.
        root: the data root; None means $BENCH_DATA or the user's cache.

    Raises:
        BenchError: a file is missing, broken or of another size.
    """
    train, test = official_file(root, TRAIN), official_file(root, TEST)
    return official(name, hepmass_splits(signal(train), signal(test)[:, :-1], name), SHAPES, train, test)


def signal(path: Path) -> Float[np.ndarray, "n features"]:
    """The features of the collisions with a resonance: rows whose first column is 1, the other columns.

    Raises:
        BenchError: the file is no CSV of numbers.
    """
    try:
        table = pd.read_csv(path, index_col=False).to_numpy(np.float64)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise BenchError(f"{path} is no CSV of numbers ({one(error)}); delete it, and it is unpacked again") from error
    return table[table[:, 0] == SIGNAL, 1:]


def hepmass_splits(train: Float[np.ndarray, "n dim"], test: Float[np.ndarray, "m dim"], name: str) -> Splits:
    """Both files standardised by the training file, without discrete columns, its last tenth for validation.

    The deviation is over n - 1. The test file has one column more, the mass, which the caller leaves out.

    Raises:
        BenchError: the files have not the same columns.
    """
    if train.shape[1] != test.shape[1]:
        raise BenchError(
            f"data={name}: {train.shape[1]} features to train on and {test.shape[1]} to test on; put the official "
            f"{TRAIN} and {TEST} there"
        )
    shift, scale = train.mean(0), train.std(0, ddof=1)
    continuous = (train == train.min(0)).sum(0) <= REPEATED
    return Splits(*last_tenth(train), test).map(shift, scale).columns(continuous)
