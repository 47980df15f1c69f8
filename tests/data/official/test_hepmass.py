from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.data.official import hepmass
from bench.errors import BenchError
from tests.data.official.files import archive, built, parts


def collisions(n: int, seed: int, mass: bool) -> pd.DataFrame:
    """A label, three real features, one discrete between them, and in the test file the mass."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(3.0, 2.0, (n, 4)), columns=["f0", "f1", "f2", "f3"])
    table["f2"] = rng.integers(0, 3, n)
    table.insert(0, "# label", rng.integers(0, 2, n).astype(float))
    if mass:
        table["mass"] = 1000.0
    return table


def published(train: pd.DataFrame, test: pd.DataFrame) -> list[np.ndarray]:
    """The recipe restated for these tables, of which f2 is the discrete feature."""
    names = ["f0", "f1", "f3"]
    seen, other = (table[table["# label"] == 1][names] for table in (train, test))
    seen, other = (seen - seen.mean()) / seen.std(), (other - seen.mean()) / seen.std()
    n = int(0.1 * len(seen))
    return [part.to_numpy().astype(np.float32) for part in (seen[:-n], seen[-n:], other)]


def csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def test_the_splits_are_those_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = collisions(500, 0, mass=False), collisions(200, 1, mass=True)
    archive(tmp_path, {hepmass.TRAIN: csv(train), hepmass.TEST: csv(test)})
    expected = published(train, test)
    monkeypatch.setattr(hepmass, "SHAPES", (*map(len, expected), 3))
    data = built("hepmass", tmp_path)
    for found, wanted in zip(parts(data), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert len(data.files) == 2


def test_files_of_other_columns_are_refused(tmp_path: Path) -> None:
    archive(tmp_path, {hepmass.TRAIN: csv(collisions(99, 0, True)), hepmass.TEST: csv(collisions(99, 1, True))})
    with pytest.raises(BenchError, match="5 features to train on and 4 to test on"):
        built("hepmass", tmp_path)


@pytest.mark.parametrize("content", [b"", b"# label,f0\n1,x\n", b"# label,f0\n1,2,3,4\n1\n1,2,3,4,5\n", b"\xff\xfe"])
def test_a_broken_file_is_named(content: bytes, tmp_path: Path) -> None:
    archive(tmp_path, {hepmass.TRAIN: content, hepmass.TEST: csv(collisions(99, 1, True))})
    with pytest.raises(BenchError, match=r"1000_train.csv is no CSV of numbers") as error:
        built("hepmass", tmp_path)
    assert "\n" not in str(error.value)


def test_a_tenth_gives_the_published_validation_count() -> None:
    train, validation, _, _ = hepmass.SHAPES
    assert validation == int(0.1 * (train + validation))
