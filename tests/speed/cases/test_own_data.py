import os

import numpy as np
import pytest

from bench.speed.cases.own_data import anonymous_bytes, own_data, tree

pytestmark = pytest.mark.long


def test_a_csv_and_a_streamed_array_are_measured() -> None:
    read, size, streamed = own_data(csv_rows=20_000, streamed_rows=40_000)
    assert read.what == "a CSV of 20,000 x 64 read, diagnosed and split"
    assert read.ours is not None
    assert read.ours > 0
    assert size.met in {"yes", "no"}
    assert streamed.ours is not None
    assert 100 < streamed.ours < 2048  # torch alone needs the first
    assert "6 batches of 4096" in streamed.note


def test_memory_that_no_file_backs_is_seen() -> None:
    assert os.getpid() in tree(os.getpid())
    before = anonymous_bytes(os.getpid())
    held = np.ones(10_000_000)
    assert anonymous_bytes(os.getpid()) - before == pytest.approx(held.nbytes, rel=0.1)
