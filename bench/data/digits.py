"""The 8x8 digits that come with scikit-learn: real pictures without a download."""

import torch
from sklearn.datasets import load_digits

from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.spaces import Binary, DequantisedLogit
from bench.spec import DataSpec

LEVELS = 17
TRAIN, VALIDATION = 1_077, 360
SPLIT_SEED = 1_797


def digits(name: str, *, alpha: float = 0.005, binary: bool = False, labelled: int | None = None) -> Dataset:
    """UCI's optical digits as events `(64,)` of 17 grey levels (0..16) with labels.

    1,077 examples for training, 360 for validation and 360 for testing, by one fixed permutation: the order of the
    file follows its writers, so that a split without one would test on other hands than it trained on.

    Args:
        name: the name of the data set's file in conf/data.
        alpha: keeps the logit away from 0 and 1, see `DequantisedLogit`; without effect on binary data.
        binary: draws 0/1 pixels anew each time, in place of dequantised levels.
        labelled: training examples whose labels an entry may see, see `with_labels`; null shows none.

    Raises:
        BenchError: alpha or the number of labels is out of range.
    """
    pixels, classes = load_digits(return_X_y=True)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(SPLIT_SEED))
    images = torch.from_numpy(pixels).to(torch.uint8)[order]
    labels = torch.from_numpy(classes).to(torch.uint8)[order]
    held_out = TRAIN + VALIDATION
    train = images[:TRAIN]
    data = Dataset(
        name=name,
        spec=DataSpec((64,), "binary") if binary else DataSpec((64,), "discrete", LEVELS),
        space=Binary(LEVELS) if binary else DequantisedLogit.fitted(train, LEVELS, alpha),
        train=train,
        validation=images[TRAIN:held_out],
        test=images[held_out:],
        image_shape=(8, 8),
        labels=(labels[:TRAIN], labels[TRAIN:held_out], labels[held_out:]),
    )
    return with_labels(data, labelled)
