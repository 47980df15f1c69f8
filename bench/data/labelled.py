"""Labels that an entry may see: those of a stratified few of the training examples."""

from dataclasses import replace

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import BenchError

SEED = 0


def with_labels(data: Dataset, labelled: int | None) -> Dataset:
    """The data set with the labels of `labelled` training examples in sight; the data set itself for None.

    The choice depends on the number alone, not on a run's seed: every run with that number sees the same labels, and a
    larger number sees those of every smaller one too.

    Args:
        data: a data set with labels 0, 1, ..., classes - 1.
        labelled: how many labels an entry may see.

    Raises:
        BenchError: more labelled examples than there are for training, or fewer than classes.
    """
    if labelled is None:
        return data
    assert data.labels is not None
    classes = int(data.labels[0].max()) + 1
    if labelled > len(data.train):
        raise BenchError(f"data.labelled={labelled}: {data.name} has {len(data.train)} training examples; ask for less")
    if labelled < classes:
        raise BenchError(f"data.labelled={labelled}: {data.name} has {classes} classes; ask for at least {classes}")
    return replace(
        data,
        spec=replace(data.spec, context_size=classes, classes=classes),
        labelled=stratified(data.labels[0], labelled),
    )


def stratified(labels: Shaped[Tensor, " n"], size: int) -> Int[Tensor, " size"]:
    """`size` indices, ascending, in which the classes are as even as possible, at random within each class.

    Every class gives its first example of a random order, then every class its second one, and so on; in the last round
    the classes that give one are random too.
    """
    generator = torch.Generator().manual_seed(SEED)
    order = torch.randperm(len(labels), generator=generator)
    shuffled = labels.long()[order]
    counts = shuffled.bincount()
    # An example's round is its rank among those of its class, in the random order.
    by_class = torch.argsort(shuffled, stable=True)
    starts = counts.cumsum(0) - counts
    round_of = torch.empty_like(order)
    round_of[by_class] = torch.arange(len(order)) - starts.repeat_interleave(counts)
    return order[torch.argsort(round_of, stable=True)[:size]].sort().values
