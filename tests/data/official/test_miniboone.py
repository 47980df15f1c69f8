from pathlib import Path

import numpy as np
import pytest

from bench.data.official import miniboone
from bench.errors import BenchError
from tests.data.official.files import archive, built, npy, parts


def test_the_splits_are_those_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(4.0, 3.0, (999, 5))
    archive(tmp_path, {miniboone.MEMBER: npy(rows)})
    monkeypatch.setattr(miniboone, "SHAPES", (810, 90, 99, 5))
    seen, expected = rows[:900], (rows[:810], rows[810:900], rows[900:])
    for found, wanted in zip(parts(built("miniboone", tmp_path)), expected, strict=True):
        standard = (wanted - seen.mean(0)) / seen.std(0)
        np.testing.assert_allclose(found, standard.astype(np.float32), rtol=1e-6, atol=1e-6)


def test_files_of_another_size_are_refused(tmp_path: Path) -> None:
    archive(tmp_path, {miniboone.MEMBER: npy(np.random.default_rng(0).normal(size=(100, 43)))})
    with pytest.raises(BenchError, match=r"gives 81 / 9 / 10 rows of 43, the official files 29,556 / 3,284 / 3,648 "):
        built("miniboone", tmp_path)


def test_tenths_give_the_published_counts() -> None:
    train, validation, test, _ = miniboone.SHAPES
    n = train + validation + test
    assert (test, validation) == (int(0.1 * n), int(0.1 * (n - test)))
