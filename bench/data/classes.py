"""Labels of a user's data, numbers or words, as classes 0, 1, ..."""

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError


def as_classes(labels: np.ndarray, where: str) -> Tensor:
    """Each example's class, `(n,)` int64: places in the sorted list of distinct labels.

    Raises:
        BenchError: a label stands once, or all are the same.
    """
    distinct, first, classes, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    if len(distinct) == 1:
        raise BenchError(f"{where}: all labels are {distinct[0]}; give two classes or more, or no labels")
    alone = np.flatnonzero(counts == 1)
    if len(alone):
        others = f", and {len(alone) - 1} more do" if len(alone) > 1 else ""
        row = first[alone[0]]
        raise BenchError(
            f"{where}: label {distinct[alone[0]]} stands once (row {row}){others}; join it to another, or leave it out"
        )
    return torch.from_numpy(classes.reshape(-1).astype(np.int64))


def check_each_in_train(parts: tuple[Tensor, ...], where: str) -> None:
    """Refuses a split in which a class has no training example.

    Raises:
        BenchError: there is such a class.
    """
    known = set(parts[0].tolist())
    for name, part in zip(("validation", "test"), parts[1:], strict=True):
        new = sorted(set(part.tolist()) - known)
        if new:
            raise BenchError(f"{where}: class {new[0]} of {name} stands in no training row; give another data.seed")
