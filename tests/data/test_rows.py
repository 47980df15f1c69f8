"""Hashes of rows: what they tell apart, in chunks or at once. What is said of rows: see test_inspection.py."""

import numpy as np
import pytest
import torch

from bench.data import rows
from bench.data.dataset import Dataset
from bench.data.spaces import Identity
from bench.spec import DataSpec


def test_chunks_change_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    split = torch.randn(1_000, 7)
    whole = rows.row_hashes(split)
    monkeypatch.setattr(rows, "HASHED_AT_ONCE", 100)
    assert np.array_equal(rows.row_hashes(split), whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8, torch.int32, torch.bool])
def test_equal_rows_and_no_others_share_a_hash(dtype: torch.dtype) -> None:
    """Small whole numbers: as floats they have few set bits, all of them in the upper half of a word."""
    split = torch.cartesian_prod(*[torch.arange(2 if dtype == torch.bool else 6)] * 5).to(dtype)
    found = rows.row_hashes(torch.cat([split, split.flip(0)]))
    assert len(np.unique(found)) == len(split)
    assert np.array_equal(found[: len(split)], found[len(split) :][::-1])


def test_bits_of_a_hash_are_even() -> None:
    """Of 2^16 rows in a lattice each bit is 1 in half, within five standard deviations."""
    split = torch.cartesian_prod(torch.arange(256.0), torch.arange(256.0))
    bits = np.unpackbits(rows.row_hashes(split).view(np.uint8).reshape(-1, 8), axis=1)
    assert np.abs(bits.mean(0) - 0.5).max() < 5 * 0.5 / 256


def test_what_is_shared_and_what_is_first() -> None:
    x = torch.randn(30, 2)
    train = torch.cat([x[:10], x[:5], x[10:20]])
    found = rows.Rows(Dataset("mine", DataSpec((2,)), Identity(), train, x[18:25], x[25:]))
    assert found.firsts().tolist() == [*range(10), *range(15, 25)]
    assert found.shared("validation", "train").tolist() == [0, 1]
    assert found.shared("test", "train").tolist() == []
    # A third of the training rows, 10 of 25 minus none, are copies of others in both directions: 10 of 25.
    assert found.expected("test", "train") == pytest.approx(5 * 10 / 25)
