"""Batches of data that stay in their files are those of resident data, bit for bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.spaces import DequantisedLogit
from bench.data.stream import mapped
from bench.spec import DataSpec
from bench.training.batches import Batches
from bench.training.row_stream import RowStream

LEVELS, DIM = 5, 3
TRAIN = 101


def pair(folder: Path) -> tuple[Dataset, Dataset]:
    """A data set in memory, and the same one in mapped files; with noise, so that its draws are compared too."""
    levels = torch.randint(LEVELS, (TRAIN + 40, DIM), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    splits = dict(zip(("train", "validation", "test"), levels.split([TRAIN, 20, 20]), strict=True))
    space = DequantisedLogit.fitted(splits["train"], LEVELS, 0.01)
    labels = tuple((split[:, 0] % 2).long() for split in splits.values())
    resident = Dataset("mine", DataSpec((DIM,), "discrete", LEVELS), space, **splits, labels=labels)
    for name, split in splits.items():
        np.save(folder / f"{name}.npy", split.numpy())
    files = {name: mapped(folder / f"{name}.npy") for name in splits}
    return resident, replace(resident, **files, streamed=True)


@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("labelled", [None, 10])
def test_the_batches_are_those_of_resident_data(labelled: int | None, together: int, tmp_path: Path) -> None:
    streams = []
    for dataset in pair(tmp_path):
        batches = Batches(with_labels(dataset, labelled), 10, seed=4, steps=together)
        streams.append([(batches.next(), batches.context) for _ in range(35)])  # three epochs and a half
    for (x, context), (streamed, other) in zip(*streams, strict=True):
        assert torch.equal(x, streamed)
        assert (context is None and other is None) or torch.equal(context, other)


def test_a_stream_goes_on_from_another_ones_position(tmp_path: Path) -> None:
    resident, streamed = pair(tmp_path)
    first, expected = Batches(streamed, 10, seed=4, steps=3), Batches(resident, 10, seed=4, steps=3)
    for _ in range(7):
        first.next()
        expected.next()
    later = Batches(streamed, 10, seed=4, steps=3)
    later.next()
    later.load_state_dict(first.state_dict())
    for _ in range(20):
        assert torch.equal(later.next(), expected.next())


def test_rows_are_gathered_ahead_and_taken_once(tmp_path: Path) -> None:
    _, streamed = pair(tmp_path)
    rows = RowStream(streamed.train, torch.device("cpu"))
    chosen = torch.tensor([3, 1, 100])
    rows.prepare(8, chosen)
    assert rows.expected(7) is None
    assert rows.expected(8) is chosen
    assert torch.equal(rows.take(8, chosen), streamed.train[chosen])
    assert rows.expected(8) is None
    assert torch.equal(rows.take(2, chosen.flip(0)), streamed.train[chosen.flip(0)])


def test_a_fault_of_the_thread_reaches_the_loop(tmp_path: Path) -> None:
    _, streamed = pair(tmp_path)
    rows = RowStream(streamed.train, torch.device("cpu"))
    with pytest.raises(IndexError):
        rows.take(0, torch.tensor([TRAIN]))


def test_streamed_splits_stay_where_they_are(tmp_path: Path) -> None:
    resident, streamed = pair(tmp_path)
    moved = streamed.to(torch.device("meta"))
    assert moved.device.type == "meta"
    assert moved.train.device.type == "cpu"
    assert moved.train is streamed.train
    assert resident.to(torch.device("meta")).train.device.type == "meta"
    assert torch.equal(streamed.training(torch.tensor([2, 5])), resident.train[[2, 5]])
    assert torch.equal(streamed.fixed(streamed.test[:7], 3), resident.fixed(resident.test[:7], 3))
