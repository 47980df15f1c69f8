"""Grey pictures in the IDX format of MNIST: four gzipped files, 60,000 examples to train on and 10,000 to test."""

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.sources import data_root, fetch_command
from bench.data.spaces import Binary, DequantisedLogit
from bench.errors import BenchError
from bench.spec import DataSpec

LEVELS = 256
SIDE = 28
TRAIN, VALIDATION, TEST = 50_000, 10_000, 10_000
FITTED_ON = 10_000
LARGEST = 2**26
"""Bytes of an IDX file when it is unpacked, a third more than MNIST's has: a small file can hold a huge one."""


def idx_images(
    name: str,
    *,
    folder: str,
    root: str | None = None,
    alpha: float = 1e-6,
    binary: bool = False,
    labelled: int | None = None,
) -> Dataset:
    """MNIST, or a set in its format, as events `(784,)` of 256 grey levels with labels.

    The first 50,000 examples of the training file are for training, its last 10,000 for validation, the test file's
    10,000 for testing, in an order fixed at random: MNIST's first 5,000 test digits are written more neatly than its
    last 5,000, so that the first so many of the file would not stand for the whole. The dequantised space is
    standardised on the first 10,000 training examples, which halves the time to load. Checksums are the business of
    `bench data verify`.

    Args:
        name: the name of the data set's file in conf/data.
        folder: the folder under the data root, and the set's name in `bench data list`.
        root: the data root; None means $BENCH_DATA or the user's cache.
        alpha: keeps the logit away from 0 and 1, see `DequantisedLogit`; without effect on binary data.
        binary: draws 0/1 pixels anew each time, in place of dequantised levels.
        labelled: training examples whose labels an entry may see, see `with_labels`; null shows none.

    Raises:
        BenchError: a file is missing, corrupt, not in the format or not of the official size, or alpha or the number of
            labels is out of range.
    """
    place = data_root(root) / folder
    images, labels = _pair(place, "train", TRAIN + VALIDATION, root)
    test, test_labels = _pair(place, "t10k", TEST, root)
    shuffled = torch.randperm(TEST, generator=torch.Generator().manual_seed(0))
    test, test_labels = test[shuffled], test_labels[shuffled]
    train = images[:TRAIN]
    space = Binary(LEVELS) if binary else DequantisedLogit.fitted(train[:FITTED_ON], LEVELS, alpha)
    data = Dataset(
        name=name,
        spec=DataSpec((SIDE * SIDE,), "binary") if binary else DataSpec((SIDE * SIDE,), "discrete", LEVELS),
        space=space,
        train=train,
        validation=images[TRAIN:],
        test=test,
        image_shape=(SIDE, SIDE),
        labels=(labels[:TRAIN], labels[TRAIN:], test_labels),
        files=tuple(place / name for part in ("train", "t10k") for name in names_of(part)),
    )
    return with_labels(data, labelled)


def read_idx(path: Path, root: str | None = None) -> UInt8[Tensor, "..."]:
    """A gzipped IDX file of unsigned bytes (LeCun's format: 0, 0, 8, number of axes, big-endian sizes, the bytes).

    Args:
        path: of the file, in the folder that has the data set's name.
        root: the data root that was asked for, if any.

    Raises:
        BenchError: there is no such file, or it is not whole and in the format; the message names it and the command
            that brings it.
    """
    try:
        with gzip.open(path) as stream:
            content = bytearray(stream.read(LARGEST + 1))
    except FileNotFoundError as error:
        raise BenchError(f"no {path.name} in {path.parent}: run `{fetch_command(path.parent.name, root)}`") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _unfit(path, root, f"cannot be read ({error})") from error
    if len(content) > LARGEST:
        raise _unfit(path, root, f"unpacks to more than {LARGEST:,} bytes")
    if content[:3] != b"\x00\x00\x08" or len(content) < 4:
        raise _unfit(path, root, f"does not start like an IDX file of bytes (0x000008.., found 0x{content[:4].hex()})")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise _unfit(path, root, f"ends within its header of {start} bytes")
    sizes = struct.unpack(f">{content[3]}I", content[4:start])
    if prod(sizes) != len(content) - start or len(content) == start:
        shape = "x".join(map(str, sizes))
        raise _unfit(path, root, f"says that it holds {shape} bytes and holds {len(content) - start}")
    return torch.frombuffer(content, dtype=torch.uint8, offset=start).view(sizes)


def names_of(part: str) -> tuple[str, str]:
    """The files of the pictures and of the labels of one part, `train` or `t10k`."""
    return f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"


def _pair(folder: Path, part: str, count: int, root: str | None) -> tuple[UInt8[Tensor, "n 784"], UInt8[Tensor, " n"]]:
    """The pictures, laid flat, and labels of one part of the data set."""
    pictures, classes = (folder / name for name in names_of(part))
    images, labels = read_idx(pictures, root), read_idx(classes, root)
    if images.shape[1:] != (SIDE, SIDE):
        raise _unfit(pictures, root, f"has the shape {tuple(images.shape)}, expected ({count}, {SIDE}, {SIDE})")
    if labels.shape != images.shape[:1]:
        raise _unfit(classes, root, f"has labels of shape {tuple(labels.shape)} for {len(images)} pictures")
    if len(images) != count:
        raise _unfit(pictures, root, f"holds {len(images)} examples, expected {count}")
    return images.flatten(1), labels


def _unfit(path: Path, root: str | None, fault: str) -> BenchError:
    return BenchError(f"{path} {fault}: run `{fetch_command(path.parent.name, root)}` to replace it")
