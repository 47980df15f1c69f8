from pathlib import Path

import numpy as np
import pytest

from bench.data.official import power
from bench.errors import BenchError
from tests.data.official.files import archive, built, npy, parts


def minutes(n: int = 300) -> np.ndarray:
    return np.round(np.random.default_rng(0).gamma(2.0, 3.0, (n, 8)), 2)


def published(rows: np.ndarray) -> list[np.ndarray]:
    """The recipe restated: rows themselves shuffled, columns dropped, noise column by column, tenths, standardised."""
    draws = np.random.RandomState(42)
    rows = rows.copy()
    draws.shuffle(rows)
    n = len(rows)
    kept = rows[:, [0, 2, 4, 5, 6, 7]]
    voltage, power_noise, meters = 0.01 * draws.rand(n, 1), 0.001 * draws.rand(n, 1), draws.rand(n, 3)
    kept = kept + np.hstack((power_noise, voltage, meters, np.zeros((n, 1))))
    test, seen = kept[-int(0.1 * n) :], kept[: -int(0.1 * n)]
    validation, train = seen[-int(0.1 * len(seen)) :], seen[: -int(0.1 * len(seen))]
    return [((part - seen.mean(0)) / seen.std(0)).astype(np.float32) for part in (train, validation, test)]


def test_the_splits_are_those_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = minutes()
    archive(tmp_path, {power.MEMBER: npy(rows)})
    monkeypatch.setattr(power, "SHAPES", (243, 27, 30, 6))
    data = built("power", tmp_path)
    for found, expected in zip(parts(data), published(rows), strict=True):
        # The same float64 operations in the same order but for where the noise is added.
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert data.spec.kind == "continuous"
    assert data.spec.event_shape == (6,)
    assert data.files == (tmp_path / "maf" / power.MEMBER,)
    both = np.concatenate(parts(data)[:2])
    np.testing.assert_allclose(both.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(both.std(0), 1, atol=1e-5)


def test_a_tenth_of_the_official_rows_gives_the_published_counts() -> None:
    train, validation, test, _ = power.SHAPES
    n = train + validation + test
    assert (test, validation) == (int(0.1 * n), int(0.1 * (n - test)))


def test_files_of_another_size_are_refused(tmp_path: Path) -> None:
    archive(tmp_path, {power.MEMBER: npy(minutes())})
    with pytest.raises(BenchError, match=r"gives 243 / 27 / 30 rows of 6, the official files 1,659,917 / 184,435 /"):
        built("power", tmp_path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (npy(minutes()[:, :7]), "has 7 columns, the official file 8"),
        (npy(minutes()[:, 0]), "holds no table of numbers"),
        (b"no", "cannot be read"),
        (npy(minutes())[:-50], "cannot be read"),
    ],
)
def test_a_broken_file_is_named(content: bytes, fault: str, tmp_path: Path) -> None:
    archive(tmp_path, {power.MEMBER: content})
    with pytest.raises(BenchError, match=f"{power.MEMBER} {fault}") as error:
        built("power", tmp_path)
    assert "\n" not in str(error.value)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    import io

    stream = io.BytesIO()
    np.save(stream, np.array([[Evil()]], dtype=object), allow_pickle=True)
    archive(tmp_path, {power.MEMBER: stream.getvalue()})
    with pytest.raises(BenchError, match="cannot be read"):
        built("power", tmp_path)
    assert not (tmp_path / "ran").exists()


def test_without_the_archive_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=f"bench data fetch maf --data-root {tmp_path}"):
        built("power", tmp_path)
