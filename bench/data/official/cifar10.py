"""CIFAR-10: 32x32 colour pictures in the official binary batches (Krizhevsky 2009)."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.official.archive import unpacked
from bench.data.sources import data_root, fetch_command
from bench.data.spaces import DequantisedLogit
from bench.errors import BenchError
from bench.spec import DataSpec

FOLDER, ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"
TRAIN, TEST = tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"
BATCH = 10_000
"""Pictures of each file."""
SHAPE, LEVELS = (3, 32, 32), 256
RECORD = 1 + 3 * 32 * 32
"""Bytes of a picture: its class, then its red, green and blue values, each row by row."""
FITTED_ON = 10_000
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10(name: str, *, root: str | None = None, alpha: float = 0.05, labelled: int | None = None) -> Dataset:
    """CIFAR-10 as events `(3072,)` of 256 levels, channel by channel, with labels; all in the official order.

    The last tenth of the training pictures is for validation. A test file that holds only the first of the official
    10,000 is taken, and rows say so. The dequantised space is standardised on the first 10,000 training pictures.

    Args:
        name: the name of the data set's file in conf/data.
        root: the data root; None means $BENCH_DATA or the user's cache.
        alpha: keeps the logit away from 0 and 1, see `DequantisedLogit`; as Dinh et al. (2017) have it.
        labelled: training examples whose labels an entry may see, see `with_labels`; null shows none.

    Raises:
        BenchError: a file is missing, broken or of another size, or alpha or the number of labels is out of range.
    """
    place = data_root(root) / "cifar10"
    files = [batch_file(place, file, root) for file in (*TRAIN, TEST)]
    parts = [records(path, root, whole=path.name != TEST) for path in files]
    images, classes = (torch.cat(both) for both in zip(*parts[:-1], strict=True))
    test, test_classes = parts[-1]
    train = len(images) - len(images) // 10
    few = f"{TEST} holds the first {len(test):,} of {BATCH:,} test pictures"
    data = Dataset(
        name=name,
        spec=DataSpec((RECORD - 1,), "discrete", LEVELS),
        space=DequantisedLogit.fitted(images[:train][:FITTED_ON], LEVELS, alpha),
        train=images[:train],
        validation=images[train:],
        test=test,
        image_shape=SHAPE,
        labels=(classes[:train], classes[train:], test_classes),
        class_names=CLASSES,
        files=tuple(files),
        warnings=(few,) if len(test) < BATCH else (),
    )
    return with_labels(data, labelled)


def batch_file(place: Path, name: str, root: str | None) -> Path:
    """One of the official files, unpacked from the archive where it is not there yet.

    Raises:
        BenchError: both are missing, or the archive is broken.
    """
    return unpacked(place / ARCHIVE, f"{FOLDER}/{name}", place / FOLDER / name, fetch_command("cifar10", root))


def records(path: Path, root: str | None, whole: bool) -> tuple[UInt8[Tensor, "n 3072"], UInt8[Tensor, " n"]]:
    """The pictures of a file, laid flat, and their classes; with `whole` as many as the official file has.

    Raises:
        BenchError: the file cannot be read, or holds something else.
    """
    mend = f"delete it, and it is unpacked again; or run `{fetch_command('cifar10', root)}`"
    try:
        size = path.stat().st_size
        if size % RECORD or not 0 < size <= BATCH * RECORD or (whole and size < BATCH * RECORD):
            raise BenchError(f"{path} has {size:,} bytes, expected {BATCH:,} records of {RECORD:,}: {mend}")
        rows = torch.from_numpy(np.fromfile(path, np.uint8).reshape(-1, RECORD))
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({error.strerror}): {mend}") from error
    if int(rows[:, 0].max()) >= len(CLASSES):
        raise BenchError(f"{path} holds the class {int(rows[:, 0].max())}, expected 0 to {len(CLASSES) - 1}: {mend}")
    return rows[:, 1:].contiguous(), rows[:, 0].clone()
