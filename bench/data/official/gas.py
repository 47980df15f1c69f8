"""GAS: sixteen chemical sensors in mixtures of ethylene and CO (UCI, gas sensor array under dynamic gas mixtures)."""

import numpy as np
from jaxtyping import Float, Int

from bench.data.dataset import Dataset
from bench.data.official.recipe import SOURCE, Splits, official, official_array, official_file, tenths
from bench.data.sources import data_root
from bench.errors import BenchError

SHAPES = (852_174, 94_685, 105_206, 8)
MEMBER = "data/gas/ethylene_CO.pickle"
CONVERTED = "data/gas/ethylene_CO.npy"
CORRELATED = 0.98
LEFT_OUT = "['Meth','Eth','Time']"


def gas(name: str, *, root: str | None = None) -> Dataset:
    """GAS as events `(8,)`, standardised, by the recipe of Papamakarios et al. (2017, appendix D).

    The official file is a pickle, which can run code when it is read, so that it is never read here. Whoever trusts it
    converts it once to `ethylene_CO.npy` beside it, by the command that the error names.

    Args:
        name: the name of the data set's file in conf/data.
        root: the data root; None means $BENCH_DATA or the user's cache.

    Raises:
        BenchError: the converted file is missing, broken or of another size.
    """
    path = data_root(root) / SOURCE / CONVERTED
    if not path.is_file():
        pickle = official_file(root, MEMBER)
        convert = f"numpy.save('{path}', pandas.read_pickle('{pickle}').drop(columns={LEFT_OUT}).to_numpy())"
        raise BenchError(
            f"data={name}: {pickle} is a pickle, which can run code when it is read, so bench never reads it; if you "
            f'trust it, convert it once: python -c "import numpy, pandas; {convert}"'
        )
    return official(name, gas_splits(official_array(path)), SHAPES, path)


def gas_splits(rows: Float[np.ndarray, "n sensors"]) -> Splits:
    """Sensors that follow no other, standardised by all rows, as the recipe does it, then split in their order.

    The deviation is over n - 1.
    """
    kept = rows[:, independent(rows)]
    return tenths((kept - kept.mean(0)) / kept.std(0, ddof=1))


def independent(rows: Float[np.ndarray, "n dim"]) -> Int[np.ndarray, " kept"]:
    """The columns that are left when the first that correlates above 0.98 with another is dropped, over and over."""
    correlated = np.corrcoef(rows, rowvar=False) > CORRELATED
    kept = np.arange(rows.shape[1])
    while True:
        partners = correlated[np.ix_(kept, kept)].sum(1)
        if not (partners > 1).any():
            return kept
        kept = np.delete(kept, int((partners > 1).argmax()))
