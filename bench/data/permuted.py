"""Digits whose pixels are in another order: other data with the same grey levels."""

from dataclasses import replace

import torch

from bench.data.dataset import Dataset
from bench.data.digits import LEVELS, digits
from bench.data.spaces import DequantisedLogit


def permuted_digits(
    name: str, *, alpha: float = 0.005, binary: bool = False, fold: int | None = None, seed: int = 0
) -> Dataset:
    """`digits` with the pixels of every picture in one random order: each picture keeps its levels, not its strokes.

    Args:
        name: the name of the data set's file in conf/data.
        alpha: as for digits.
        binary: as for digits.
        fold: as for digits; null takes the run's seed modulo 5.
        seed: of the order.

    Raises:
        BenchError: alpha or the fold is out of range.
    """
    return permuted(digits(name, alpha=alpha, binary=binary, fold=fold), seed, alpha)


def permuted(data: Dataset, seed: int, alpha: float) -> Dataset:
    """A data set of digits with its pixels in the order of a seed, in every fold the same."""
    order = torch.randperm(data.spec.dim, generator=torch.Generator().manual_seed(seed))
    train, by_seed = data.train[:, order], data.by_seed
    return replace(
        data,
        space=data.space if data.spec.kind == "binary" else DequantisedLogit.fitted(train, LEVELS, alpha),
        train=train,
        validation=data.validation[:, order],
        test=data.test[:, order],
        by_seed=None if by_seed is None else lambda run_seed: permuted(by_seed(run_seed), seed, alpha),
    )
