"""Rows of a file in another order, by windows of a few rows."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data import chunks, shuffled
from bench.data.shuffled import Shuffled

ROWS = np.arange(1_500).reshape(500, 3)
ORDER = torch.from_numpy(np.random.default_rng(0).permutation(500))


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 10 rows, windows of 40."""
    for module in (chunks, shuffled):
        monkeypatch.setattr(module, "AT_ONCE", 30)
    monkeypatch.setattr(shuffled, "WINDOW", 1_000)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "bool", "int64"])
def test_each_split_comes_in_its_order_and_again(dtype: str, tmp_path: Path) -> None:
    source = torch.from_numpy((ROWS // 7 % 2 if dtype == "bool" else ROWS).astype(dtype))
    splits = ORDER[:333], ORDER[333:334], ORDER[:0], ORDER[400:]
    rows = Shuffled(source, splits, tmp_path, lambda start, piece: None)
    assert len(rows.windows[0]) > 1
    for _ in range(2):
        for number, split in enumerate(splits):
            assert torch.equal(torch.cat([source[:0], *rows.pieces(number)]), source[split])
    assert [len(piece) for piece in rows.pieces(0)] == [10] * 33 + [3]
    assert list(tmp_path.iterdir()) == []
    rows.close()


def test_values_are_shown_in_the_files_order_and_may_be_refused(tmp_path: Path) -> None:
    source, starts = torch.from_numpy(ROWS), []

    def check(start: int, piece: torch.Tensor) -> None:
        assert torch.equal(piece, source[start : start + 10])
        starts.append(start)
        if start == 200:
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        Shuffled(source, (ORDER,), tmp_path, check)
    assert starts == list(range(0, 210, 10))


def test_windows_of_a_large_file_are_larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffled, "MOST", 4)
    rows = Shuffled(torch.from_numpy(ROWS), (ORDER,), tmp_path, lambda start, piece: None)
    assert len(rows.files) <= 5
    assert torch.equal(torch.cat(list(rows.pieces(0))), torch.from_numpy(ROWS)[ORDER])
    rows.close()
