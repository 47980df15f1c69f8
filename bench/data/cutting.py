"""Named arrays cut into training, validation and test examples, as the rows of a table are, and their classes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.data.classes import as_classes, check_each_in_train
from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.named_arrays import WHOLE, NamedArrays
from bench.data.table.column import as_word
from bench.data.table.frame import Frame
from bench.data.table.splits import FRACTIONS, PARTS, split_rows
from bench.errors import BenchError


@dataclass(frozen=True)
class Cutting:
    """The wishes of a user about rows.

    Attributes:
        split: see `bench.data.table.splits.split_rows`; an array has no columns.
        seed: of a random split.
        labelled: training examples whose labels an entry may see; None shows none.
    """

    split: Any = None
    seed: int = 0
    labelled: int | None = None


@dataclass(frozen=True)
class Parts:
    """Training, validation and test examples.

    Attributes:
        events: of each part, `(n, *event)`.
        labels: classes of each part; None where there are no labels.
        files: that say which rows are for what.
        class_names: the labels that are the classes 0, 1, ...; empty where there are none.
    """

    events: tuple[np.ndarray, ...]
    labels: tuple[Tensor, ...] | None
    files: tuple[Path, ...] = ()
    class_names: tuple[str, ...] = ()


def parts_of(named: NamedArrays, cutting: Cutting, where: str) -> Parts:
    """The parts of arrays, each class among the training rows.

    Arrays that are cut already stay so; where they have no validation part, it is a share of the training rows.

    Raises:
        BenchError: a split of rows that are cut already, or as `split_rows`, `as_classes` and `check_each_in_train`.
    """
    names = tuple(part for part in PARTS if part in named.events)
    if names and cutting.split is not None:
        raise BenchError(f"{where}: has {', '.join(names)} already; leave data.split out, or name one array by data.x=")
    parts = already_cut(named, names, cutting.seed, where) if names else cut(named, cutting, where)
    if parts.labels is not None:
        check_each_in_train(parts.labels, where)
        distinct = np.unique(np.concatenate(list(named.labels.values())))
        parts = replace(parts, class_names=tuple(as_word(label) for label in distinct.tolist()))
    return parts


def cut(named: NamedArrays, cutting: Cutting, where: str) -> Parts:
    """The parts of arrays that are whole; of classes each has its share in every part."""
    events = named.events[WHOLE]
    classes = as_classes(named.labels[WHOLE], where) if named.labels else None
    frame = Frame(Path(where), {}, len(events))
    way = split_rows(frame, cutting.split, cutting.seed, None if classes is None else classes.numpy())
    labels = None if classes is None else tuple(classes[torch.from_numpy(rows)] for rows in way.splits)
    return Parts(tuple(events[rows] for rows in way.splits), labels, way.files)


def already_cut(named: NamedArrays, names: tuple[str, ...], seed: int, where: str) -> Parts:
    """The parts as they came, and validation rows by chance from the training rows where there are none."""
    events = [named.events[name] for name in names]
    labels: list[Tensor] | None = None
    if named.labels:
        together = as_classes(np.concatenate([named.labels[name] for name in names]), where)
        labels = list(torch.split(together, [len(part) for part in events]))
    if len(names) == len(PARTS):
        return Parts(tuple(events), None if labels is None else tuple(labels))
    train, test = events
    held = max(1, round(FRACTIONS[1] / (FRACTIONS[0] + FRACTIONS[1]) * len(train)))
    order = np.random.default_rng(seed).permutation(len(train))
    kept = order[held:], order[:held]
    classes = None if labels is None else (*(labels[0][torch.from_numpy(rows)] for rows in kept), labels[1])
    return Parts((*(train[rows] for rows in kept), test), classes)


def labelled(data: Dataset, cutting: Cutting, where: str) -> Dataset:
    """The data set with as many labels in sight as asked for.

    Raises:
        BenchError: there are no labels, or not so many.
    """
    if cutting.labelled is not None and data.labels is None:
        raise BenchError(f"{where}: has no labels to show; leave data.labelled out")
    return with_labels(data, cutting.labelled)
