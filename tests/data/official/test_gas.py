import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.data.official import gas
from bench.errors import BenchError
from tests.data.official.files import archive, built, npy, parts


def sensors(n: int = 400) -> pd.DataFrame:
    """Sixteen sensors of which the second half follows the first, each a little differently."""
    rng = np.random.default_rng(0)
    own = rng.normal(size=(n, 8)) * np.arange(1, 9) + 5
    return pd.DataFrame(np.hstack((own, 2 * own + 0.01 * rng.normal(size=(n, 8)))))


def published(table: pd.DataFrame) -> list[np.ndarray]:
    """The recipe restated with pandas: the first sensor that follows another is dropped, all correlations anew."""
    while True:
        partners = (table.corr() > 0.98).to_numpy().sum(1)
        if not (partners > 1).any():
            break
        table = table.drop(columns=table.columns[np.where(partners > 1)[0][0]])
    rows = ((table - table.mean()) / table.std()).to_numpy()
    seen, test = rows[: -int(0.1 * len(rows))], rows[-int(0.1 * len(rows)) :]
    return [part.astype(np.float32) for part in (seen[: -int(0.1 * len(seen))], seen[-int(0.1 * len(seen)) :], test)]


def test_the_splits_are_those_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = sensors()
    path = tmp_path / "maf" / gas.CONVERTED
    path.parent.mkdir(parents=True)
    path.write_bytes(npy(table.to_numpy()))
    monkeypatch.setattr(gas, "SHAPES", (324, 36, 40, 8))
    data = built("gas", tmp_path)
    for found, expected in zip(parts(data), published(table), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert data.files == (path,)


def test_three_that_follow_one_another_leave_the_last() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 200))
    rows = np.stack((one, other, one + 0.01 * other, one - 0.01 * other), 1)
    assert gas.independent(rows).tolist() == [1, 3]


def test_the_pickle_is_never_read_and_the_conversion_is_named(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    archive(tmp_path, {gas.MEMBER: pickle.dumps(Evil())})
    with pytest.raises(BenchError, match=r"is a pickle.*convert it once: python -c") as error:
        built("gas", tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_the_conversion_that_is_named_makes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = sensors().rename(columns=str)
    official = table.assign(Meth=0.0, Eth=0.0, Time=0.0)
    official.to_pickle(tmp_path / "pickle")
    archive(tmp_path, {gas.MEMBER: (tmp_path / "pickle").read_bytes()})
    with pytest.raises(BenchError) as error:
        built("gas", tmp_path)
    script = str(error.value).partition('python -c "')[2].rstrip('"')
    exec(script, {})
    monkeypatch.setattr(gas, "SHAPES", (324, 36, 40, 8))
    assert len(built("gas", tmp_path).train) == 324


def test_tenths_give_the_published_counts() -> None:
    train, validation, test, _ = gas.SHAPES
    n = train + validation + test
    assert (test, validation) == (int(0.1 * n), int(0.1 * (n - test)))
