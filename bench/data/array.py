"""Arrays of one's own, .npy or .npz, with events of any shape: bench run data=array data.path=mine.npz"""

from pathlib import Path
from typing import Any

from bench.data.cutting import Cutting
from bench.data.dataset import Dataset
from bench.data.from_arrays import ALPHA, Came, Values, dataset_of
from bench.data.named_arrays import read, sorted_by_name
from bench.data.streamed_array import streamed_array, to_stream
from bench.errors import BenchError
from bench.spec import Kind


def array(
    name: str,
    *,
    path: str,
    x: str | None = None,
    label: str | None = None,
    kind: Kind | None = None,
    levels: int | None = None,
    alpha: float = ALPHA,
    split: Any = None,
    seed: int = 0,
    labelled: int | None = None,
    resident: bool | None = None,
    root: str | None = None,
) -> Dataset:
    """The arrays of a .npy or .npz file, one row an example, whole or cut by the names of the arrays.

    Real numbers are standardised by the training rows, and reports are made in these coordinates and in the file's own.

    Args:
        name: the name of the data set's file in conf/data.
        path: of the file.
        x: the examples' array in the file; null takes the lone one, or goes by names such as train and test.
        label: the labels' array; null goes by names such as y and train_labels.
        kind: continuous, discrete or binary; null takes floats, integers and truth values as these.
        levels: of discrete data: values are 0 to levels - 1.
        alpha: of discrete data, see `DequantisedLogit`.
        split: null for 70, 15 and 15 % at random, three shares, time for rows in order, or a file of row numbers.
        seed: of the random split; a run's own seed does not touch it.
        labelled: training examples whose labels an entry may see, see `with_labels`; null shows none.
        resident: true loads the rows, false leaves them in mapped files, for a .npy file; null does so where they are
            more than a quarter of the memory. No number changes by it.
        root: the data root, where mapped files are written; None means $BENCH_DATA or the user's cache.

    Raises:
        BenchError: the file is missing, broken or pickled, or its values, names, labels or rows are of no use.
    """
    place, cutting, values = Path(path).expanduser(), Cutting(split, seed, labelled), Values(kind, levels, alpha)
    if to_stream(place, resident):
        if x is not None:
            raise BenchError(f"{place}: data.x={x} names an array of a .npz file, and this is a .npy; leave it out")
        return streamed_array(name, place, cutting, values, label, root)
    named = sorted_by_name(read(place), str(place), x, label)
    return dataset_of(name, named, Came(str(place), (place,)), cutting, values)
