"""A value far from all others: what float32 makes of the rest of its column, and what is said of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.inspection import inspect
from bench.data.table.table import table
from bench.record.warnings import UNBOUNDED

N = 600


def written(folder: Path, far: float) -> Path:
    random = np.random.default_rng(0)
    columns = random.normal(size=(N, 2))
    columns[5, 0] = far
    path = folder / "far.csv"
    path.write_text("x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in columns.tolist()))
    return path


def warned(path: Path, **options) -> list[str]:
    return [line for line in inspect(table("table", path=str(path), **options)).warnings if UNBOUNDED in line]


@pytest.mark.parametrize("far", [1e9, -1e12])
def test_values_that_float32_merges_are_warned_of_as_ties_are(tmp_path, far) -> None:
    path = written(tmp_path, far)
    assert len(table("table", path=str(path)).train[:, 0].unique()) < 50
    (line,) = warned(path)
    assert line.startswith("x: beside a far value float32 does not keep the others apart (x: ")
    assert "far from far.csv: row 6 (line 7), column x)" in line
    assert "or give 'data.kinds={x: heavy}'" in line


def test_a_map_of_heavy_tails_keeps_them_apart(tmp_path) -> None:
    path = written(tmp_path, 1e9)
    assert not warned(path, kinds={"x": "heavy"})
    train = table("table", path=str(path), kinds={"x": "heavy"})
    x = train.space.to_model(train.train, torch.Generator().manual_seed(0))
    assert len(x[:, 0].unique()) > 0.95 * len(x)


def test_a_far_value_that_leaves_room_is_not_spoken_of(tmp_path) -> None:
    assert not warned(written(tmp_path, 1e3))


def test_integers_that_float64_rounds_are_warned_of(tmp_path) -> None:
    path = tmp_path / "ids.csv"
    random = np.random.default_rng(0)
    start = 2**53 + 1
    rows = [f"{start + 3 * n},{random.normal()!r}\n" for n in random.permutation(N)]
    path.write_text("id,y\n" + "".join(rows))
    lines = table("table", path=str(path)).warnings
    assert any(line.startswith("id: integers beyond 2^53, which float64 rounds to others") for line in lines)
