"""POWER: minutes of one household's electricity (UCI, individual household electric power consumption)."""

import numpy as np
from jaxtyping import Float

from bench.data.dataset import Dataset
from bench.data.official.recipe import Splits, official, official_array, official_file, standardised, tenths
from bench.errors import BenchError

SHAPES = (1_659_917, 184_435, 204_928, 6)
MEMBER = "data/power/data.npy"
COLUMNS = 8
SEED = 42
LEFT_OUT = (1, 3)
"""Reactive power, which is mostly 0, and current, which is power over voltage."""


def power(name: str, *, root: str | None = None) -> Dataset:
    """POWER as events `(6,)`, standardised, by the recipe of Papamakarios et al. (2017, appendix D).

    Args:
        name: the name of the data set's file in conf/data.
        root: the data root; None means $BENCH_DATA or the user's cache.

    Raises:
        BenchError: the file is missing, broken or of another size.
    """
    path = official_file(root, MEMBER)
    rows = official_array(path)
    if rows.shape[1] != COLUMNS:
        raise BenchError(f"data={name}: {path} has {rows.shape[1]} columns, the official file {COLUMNS}")
    return official(name, power_splits(rows), SHAPES, path)


def power_splits(rows: Float[np.ndarray, "n 8"]) -> Splits:
    """Rows in the recipe's random order, dequantised by its own noise, split and standardised.

    The file has power, reactive power, voltage, current, three meters and the minute. The noise is part of the recipe:
    drawn once, by its seed, of the width of each column's last digit.
    """
    draws = np.random.RandomState(SEED)
    order = np.arange(len(rows))
    draws.shuffle(order)
    kept = np.delete(rows[order], LEFT_OUT, axis=1)
    voltage = 0.01 * draws.rand(len(rows))
    kept[:, 0] += 0.001 * draws.rand(len(rows))
    kept[:, 1] += voltage
    kept[:, 2:5] += draws.rand(len(rows), 3)
    return standardised(tenths(kept))
