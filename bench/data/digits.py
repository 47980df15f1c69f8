"""The 8x8 digits that come with scikit-learn: real pictures without a download."""

from dataclasses import replace

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.spaces import Binary, DequantisedLogit
from bench.errors import BenchError
from bench.seeds import FOLDS
from bench.spec import DataSpec

LEVELS = 17
TRAIN = 1_077
SPLIT_SEED = 1_797


def digits(
    name: str, *, alpha: float = 0.005, binary: bool = False, labelled: int | None = None, fold: int | None = None
) -> Dataset:
    """UCI's optical digits as events `(64,)` of 17 grey levels (0..16) with labels.

    One fixed permutation is cut into five disjoint test folds of 359 or 360. Of the others 1,077 are for training and
    the rest, 360 or 361, for validation. The order of the file follows its writers: a split without a permutation would
    test on other hands than it trained on.

    Args:
        name: the name of the data set's file in conf/data.
        alpha: keeps the logit away from 0 and 1, see `DequantisedLogit`; without effect on binary data.
        binary: draws 0/1 pixels anew each time, in place of dequantised levels.
        labelled: training examples whose labels an entry may see, see `with_labels`; null shows none.
        fold: 0 to 4, of the test examples; null takes the run's seed modulo 5.

    Raises:
        BenchError: alpha, the number of labels or the fold is out of range.
    """
    if fold is not None and fold not in range(FOLDS):
        raise BenchError(f"data.fold={fold}: there are the folds 0 to {FOLDS - 1}; give one, or null for the seed's")
    pixels, classes = load_digits(return_X_y=True)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(SPLIT_SEED))
    images = torch.from_numpy(pixels).to(torch.uint8)[order]
    labels = torch.from_numpy(classes).to(torch.uint8)[order]

    def of_fold(number: int) -> Dataset:
        train, validation, test = (rows.tolist() for rows in splits(number, len(images)))
        data = Dataset(
            name=name,
            spec=DataSpec((64,), "binary") if binary else DataSpec((64,), "discrete", LEVELS),
            space=Binary(LEVELS) if binary else DequantisedLogit.fitted(images[train], LEVELS, alpha),
            train=images[train],
            validation=images[validation],
            test=images[test],
            image_shape=(8, 8),
            labels=(labels[train], labels[validation], labels[test]),
            version=2,
            fold=number,
        )
        return with_labels(data, labelled)

    if fold is not None:
        return of_fold(fold)

    def of_seed(seed: int) -> Dataset:
        return replace(of_fold(seed % FOLDS), by_seed=of_seed, varies="fold")

    return of_seed(0)


def splits(fold: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Places in the permutation of the training, validation and test examples of a fold.

    The others follow the fold in a circle: its validation examples stand right before it, its training examples right
    behind it, as in the one split of `fold` 0, whose test examples are the last.
    """
    ends = [n * (FOLDS - number) // FOLDS for number in range(FOLDS + 1)]
    around = torch.arange(n).roll(-ends[fold])
    test = ends[fold] - ends[fold + 1]
    return around[:TRAIN], around[TRAIN : n - test], around[n - test :]
