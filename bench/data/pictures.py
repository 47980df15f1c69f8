"""A data set of eight-bit pictures: fewer levels where asked for, laid flat, dequantised or drawn as 0/1 pixels."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from bench.data.cutting import Cutting, labelled, parts_of
from bench.data.dataset import Dataset
from bench.data.from_arrays import ALPHA, FITTED_ON, Came, check_no_effect
from bench.data.named_arrays import NamedArrays, called
from bench.data.spaces import Binary, DequantisedLogit
from bench.errors import BenchError
from bench.spec import DataSpec

BYTE = 256
"""Levels of a byte."""


def pictures(
    name: str, named: NamedArrays, came: Came, cutting: Cutting, levels: int, alpha: float, binary: bool
) -> Dataset:
    """Pictures `(n, height, width, channels)` of bytes as flat events, channel by channel.

    Args:
        name: of the file in conf/data.
        named: the pictures and their labels.
        came: where they came from.
        cutting: which pictures are for what.
        levels: 2 to 256: level = byte * levels // 256, the highest bits where levels are a power of two.
        alpha: of their space, see `DequantisedLogit`.
        binary: draws 0/1 pixels anew each time, with probability level / (levels - 1).

    Raises:
        BenchError: levels or alpha out of range or without effect, or as `parts_of`.
    """
    if not 2 <= levels <= BYTE:
        raise BenchError(f"{came.where}: data.levels={levels}: a byte has 2 to {BYTE}; choose among them")
    if binary:
        check_no_effect(came.where, "binary pictures", alpha=(alpha, ALPHA))
    parts = parts_of(named, cutting, came.where)
    train, validation, test = (flat(part, levels) for part in parts.events)
    height, width, channels = parts.events[0].shape[1:]
    data = Dataset(
        name,
        DataSpec((train.shape[1],), "binary") if binary else DataSpec((train.shape[1],), "discrete", levels),
        Binary(levels) if binary else DequantisedLogit.fitted(train[:FITTED_ON], levels, alpha),
        train,
        validation,
        test,
        image_shape=(height, width) if channels == 1 else (channels, height, width),
        labels=parts.labels,
        class_names=parts.class_names,
        files=(*came.files, *parts.files),
        content=came.content,
    )
    return labelled(data, cutting, came.where)


def flat(images: np.ndarray, levels: int) -> UInt8[Tensor, "n dim"]:
    """Pictures `(n, height, width, channels)` as levels, `(n, channels * height * width)`."""
    laid = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).flatten(1)
    return laid if levels == BYTE else (laid.int() * levels // BYTE).to(torch.uint8)


def as_pictures(named: NamedArrays, where: str) -> NamedArrays:
    """Arrays of bytes with axes rows, height, width and channels, the last 1 or 3.

    Accepted are `(n, height, width)`, `(n, height, width, channels)` and `(n, channels, height, width)`.

    Raises:
        BenchError: other numbers or axes, or sides that fit neither order.
    """
    return NamedArrays(
        {split: arranged(array, called(where, split)) for split, array in named.events.items()}, named.labels
    )


def arranged(array: np.ndarray, where: str) -> UInt8[np.ndarray, "n height width channels"]:
    """One array of pictures in the order of axes.

    Raises:
        BenchError: as `as_pictures`.
    """
    if array.dtype != np.uint8:
        raise BenchError(f"{where}: pictures of {array.dtype}; give bytes (uint8) of 0 to 255, or take data=array")
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return array.transpose(0, 2, 3, 1)
    shape = "x".join(map(str, array.shape))
    raise BenchError(f"{where}: pictures of the shape {shape}; give rows, height, width and 1 or 3 channels")
