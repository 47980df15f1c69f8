"""MINIBOONE: electron neutrinos against muon neutrinos, the signal alone (UCI, MiniBooNE particle identification)."""

from bench.data.dataset import Dataset
from bench.data.official.recipe import official, official_array, official_file, standardised, tenths

SHAPES = (29_556, 3_284, 3_648, 43)
MEMBER = "data/miniboone/data.npy"


def miniboone(name: str, *, root: str | None = None) -> Dataset:
    """MINIBOONE as events `(43,)`, standardised, by the recipe of Papamakarios et al. (2017, appendix D).

    The official file is already without outliers and discrete columns; its rows are split in their order.

    Args:
        name: the name of the data set's file in conf/data.
        root: the data root; None means $BENCH_DATA or the user's cache.

    Raises:
        BenchError: the file is missing, broken or of another size.
    """
    path = official_file(root, MEMBER)
    return official(name, standardised(tenths(official_array(path))), SHAPES, path)
