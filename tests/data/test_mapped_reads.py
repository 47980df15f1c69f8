"""Advice about mapped memory changes no number; that it reaches the system is seen in the flags of the mapping."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.data.mapped_reads import advise, at_random, picked
from bench.data.stream import mapped


@pytest.fixture
def split(tmp_path: Path) -> Tensor:
    np.save(tmp_path / "rows.npy", np.arange(30_000, dtype=np.float32).reshape(10_000, 3))
    return mapped(tmp_path / "rows.npy")


def flags(split: Tensor) -> list[str]:
    """Those of the mapping in which a tensor lies; `rr` is random reading."""
    blocks = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE)
    for block in blocks[1:]:
        start, end = (int(part, 16) for part in block.split(" ", 1)[0].split("-"))
        if start <= split.data_ptr() < end:
            return block.partition("VmFlags:")[2].splitlines()[0].split()
    raise AssertionError


@pytest.mark.skipif(sys.platform != "linux", reason="flags of a mapping are Linux's")
def test_the_system_is_told_within_and_not_after(split: Tensor) -> None:
    with at_random(split):
        assert "rr" in flags(split)
    assert "rr" not in flags(split)


def test_rows_are_picked_as_they_are(split: Tensor) -> None:
    rows = torch.tensor([9_999, 0, 5, 5])
    assert torch.equal(picked(split, rows), split[rows])


def test_memory_that_is_not_mapped_is_left_alone() -> None:
    for tensor in (torch.arange(10.0), torch.empty(0)):
        before = tensor.clone()
        advise(tensor, None)
        with at_random(tensor):
            assert torch.equal(tensor, before)
