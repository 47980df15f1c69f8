"""Arrays of a user's: any event shape, three kinds, cut by seed, order or names; a faulty one is a line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.array import array
from bench.data.dataset import Dataset
from bench.data.inspection import inspect
from bench.data.spaces import Binary, DequantisedLogit
from bench.errors import BenchError


def normal(n: int = 100, shape: tuple[int, ...] = (3,), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(5.0, 2.0, (n, *shape))


def saved(folder, content) -> str:
    """The path of a .npy of one array, or a .npz of several."""
    path = folder / ("mine.npz" if isinstance(content, dict) else "mine.npy")
    if isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)
    return str(path)


def read(folder, content, **options) -> Dataset:
    return array("array", path=saved(folder, content), **options)


def refused(folder, content, **options) -> str:
    path = content if isinstance(content, str) else saved(folder, content)
    with pytest.raises(BenchError) as refusal:
        array("array", path=path, **options)
    line = str(refusal.value)
    assert Path(path).name in line
    assert "\n" not in line
    assert len(line) < 300
    return line.removeprefix(path)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_real_numbers_are_standardised_by_the_training_rows(tmp_path, shape, dtype) -> None:
    rows = normal(shape=shape).astype(dtype)
    data = read(tmp_path, rows)
    assert (data.spec.event_shape, data.space.event_shape) == ((int(np.prod(shape)),), shape or (1,))
    assert [len(data.train), len(data.validation), len(data.test)] == [70, 15, 15]
    assert data.train.dtype == torch.float32
    # float32 rounds a mean of 70 standardised values to about 1e-7.
    assert float(data.train.mean(0).abs().max()) < 1e-5
    assert float((data.train.std(0, correction=0) - 1).abs().max()) < 1e-5
    together = torch.cat([data.train, data.validation, data.test])
    units = np.stack(list(data.space.to_units(together).values()), 1)
    first, second = (np.sort(each, 0) for each in (units, rows.astype(float).reshape(100, -1)))
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert inspect(data).refusals == ()


def test_rows_are_cut_by_seed_and_the_runs_seed_does_not_count(tmp_path) -> None:
    rows = np.arange(100.0)
    first, again, other = (read(tmp_path, rows, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.train, again.train)
    assert not torch.equal(first.train, other.train)
    assert first.by_seed is None
    together = torch.cat([first.train, first.validation, first.test])[:, 0]
    units = together.double() * first.space.scale + first.space.shift
    assert sorted(units.round().int().tolist()) == list(range(100))


def test_shares_and_order_are_as_asked(tmp_path) -> None:
    rows = np.arange(100)[:, None].repeat(2, 1) % 7
    data = read(tmp_path, rows, levels=7, split=[0.5, 0.25, 0.25])
    assert [len(data.train), len(data.validation), len(data.test)] == [50, 25, 25]
    ordered = read(tmp_path, np.arange(100)[:, None].repeat(2, 1), levels=100, split="time")
    assert sorted(ordered.train[:, 0].tolist()) == list(range(70))
    assert sorted(ordered.test[:, 1].tolist()) == list(range(85, 100))


def test_a_file_of_row_numbers_is_the_split_and_counts(tmp_path) -> None:
    numbers = {"train": np.arange(0, 60, 2), "validation": np.arange(1, 60, 2), "test": np.arange(60, 80)}
    np.savez(tmp_path / "rows.npz", **numbers)
    data = read(tmp_path, np.arange(100)[:, None].repeat(2, 1), levels=100, split=str(tmp_path / "rows.npz"))
    for part, rows in zip((data.train, data.validation, data.test), numbers.values(), strict=True):
        assert sorted(part[:, 0].tolist()) == rows.tolist()
    assert data.files == (tmp_path / "mine.npy", tmp_path / "rows.npz")


def test_levels_and_bits_are_their_own_kinds(tmp_path) -> None:
    levels = read(tmp_path, np.arange(400).reshape(100, 4) % 9, levels=9)
    assert (levels.spec.kind, levels.spec.levels, levels.train.dtype) == ("discrete", 9, torch.uint8)
    assert isinstance(levels.space, DequantisedLogit)
    many = read(tmp_path, np.arange(400).reshape(100, 4), levels=400)
    assert int(many.train.max()) > 255
    bits = read(tmp_path, np.arange(400).reshape(100, 4) % 3 == 0)
    assert (bits.spec.kind, bits.space) == ("binary", Binary(2))
    x = bits.fixed(bits.train, seed=0)
    assert torch.equal(x, bits.train.float())
    floats = read(tmp_path, (np.arange(400.0).reshape(100, 4) % 3 == 0).astype(float), kind="binary")
    assert torch.equal(floats.train, bits.train)
    whole = read(tmp_path, np.arange(400).reshape(100, 4) % 9, kind="continuous")
    assert whole.spec.kind == "continuous"


NAMES = [
    ("train", "validation", "test"),
    ("x_train", "x_val", "x_test"),
    ("train_images", "val_images", "test_images"),
    ("X_train", "X_valid", "X_test"),
]


@pytest.mark.parametrize("names", NAMES)
def test_arrays_that_are_cut_stay_so(tmp_path, names) -> None:
    parts = [normal(n, seed=n) for n in (50, 20, 30)]
    data = read(tmp_path, dict(zip(names, parts, strict=True)))
    for mine, part in zip((data.train, data.validation, data.test), parts, strict=True):
        assert torch.equal(mine, data.space.standardised(part))
    np.testing.assert_allclose(data.space.shift, parts[0].mean(0))


def test_validation_is_a_share_of_training_rows_where_there_is_none(tmp_path) -> None:
    parts = {
        "x_train": normal(85),
        "x_test": normal(30, seed=1),
        "y_train": np.arange(85) % 2,
        "y_test": np.arange(30) % 2,
    }
    data = read(tmp_path, parts)
    assert [len(data.train), len(data.validation), len(data.test)] == [70, 15, 30]
    assert torch.equal(data.labels[2], torch.arange(30) % 2)
    rows = {
        tuple(row): label
        for row, label in zip(data.space.standardised(parts["x_train"]).tolist(), range(85), strict=True)
    }
    shifted = [rows.get(tuple(row)) for row in torch.cat([data.train, data.validation]).tolist()]
    assert [row % 2 for row in shifted] == torch.cat(data.labels[:2]).tolist()
    assert sorted(shifted) == list(range(85))


def test_labels_are_numbers_or_words(tmp_path) -> None:
    rows = np.arange(300.0).reshape(100, 3)
    for labels, names in (
        (np.arange(100) % 3 + 7, ("7", "8", "9")),
        (np.array(["a", "b", "c"])[np.arange(100) % 3], ("a", "b", "c")),
        ((np.arange(100.0) % 3)[:, None], ("0", "1", "2")),
    ):
        data = read(tmp_path, {"x": rows, "y": labels}, labelled=12)
        units = data.space.to_units(data.train)["x0"].round().astype(int) // 3
        assert data.labels[0].tolist() == (units % 3).tolist()
        assert (len(data.labelled), data.spec.classes) == (12, 3)
        assert data.class_names == names
    chosen = read(tmp_path, {"a": rows, "b": -rows, "c": np.arange(100) % 2}, x="b", label="c")
    assert float(chosen.space.shift[0]) < 0
    assert chosen.labels is not None


def hole(value: float) -> np.ndarray:
    rows = normal(shape=(2, 3)).astype(np.float32)
    rows[7, 1, 2] = value
    return rows


class Opener:
    """An object that would do something when it is unpickled."""

    def __reduce__(self) -> tuple:
        return print, ("unpickled",)


def pickled() -> np.ndarray:
    objects = np.empty(3, dtype=object)
    objects[:] = [Opener()] * 3
    return objects


LABELLED = {"x": normal(20), "y": np.array([0, 1] * 9 + [0, 5])}
FAULTY = [
    (hole(np.nan), {}, ": row 7, coordinate (1, 2) is nan; leave the row out, or fill it in"),
    (hole(np.inf), {}, ": row 7, coordinate (1, 2) is inf"),
    ({"train": normal(20), "validation": normal(20), "test": hole(-np.inf)[:, 1]}, {}, "test: row 7, coordinate 2 is"),
    (pickled(), {}, ": holds pickled objects, which are never loaded; save arrays of numbers"),
    ({"x": pickled()}, {}, ": holds pickled objects"),
    (np.array(["a"] * 30), {}, ": holds <U1 values; give real numbers, integers or truth values"),
    (np.zeros(30, dtype=complex), {}, ": holds complex128 values"),
    (np.zeros(30, dtype="datetime64[s]"), {}, ": holds datetime64[s] values"),
    (np.zeros((0, 3)), {}, ": has the shape (0, 3); give one row an example"),
    (np.float64(3), {}, ": has the shape ()"),
    (normal(1), {}, "mine.npy: of 1 row, split at random, seed 0, "),
    (np.ones((100, 2)), {}, ": coordinate 0 is constant (1), and 1 more in train"),
    (np.arange(100), {}, ": discrete values up to 99; set data.levels=100"),
    (np.arange(100), {"levels": 29}, ": row 29, coordinate 0 is 29, where levels are integers 0 to 28"),
    (np.arange(100) - 3, {"levels": 100}, ": row 0, coordinate 0 is -3"),
    (np.arange(100) / 2, {"kind": "discrete", "levels": 100}, ": row 1, coordinate 0 is 0.5"),
    (np.arange(100), {"kind": "binary"}, ": row 2, coordinate 0 is 2, where levels are 0 and 1"),
    (np.arange(100), {"levels": 1}, ": data.levels=1: give 2 or more"),
    (normal(), {"split": "random"}, "unknown split 'random' in data.split of mine.npy"),
    (normal(), {"split": [0.9, 0.1]}, "data.split=[0.9, 0.1] of mine.npy: give three"),
    (normal(), {"split": [0.9, 0.2, -0.1]}, "data.split=[0.9, 0.2, -0.1] of mine.npy"),
    (normal(), {"labelled": 10}, ": has no labels to show; leave data.labelled out"),
    (LABELLED, {}, ": label 5 stands once (row 19)"),
    ({"x": normal(20), "y": np.arange(19)}, {}, ": 19 labels for 20 examples"),
    ({"x": normal(20), "y": np.zeros(20)}, {}, ": all labels are 0.0"),
    ({"x": normal(20), "y": np.arange(20) / 3}, {}, ": labels of float64 are no classes"),
    ({"x": normal(20), "y": normal(20)}, {}, ": labels have the shape (20, 3)"),
    ({"x": normal(20), "z": normal(20)}, {}, ": the name z of x, z says not what it is; name the examples by data.x="),
    ({"x": normal(20), "data": normal(20)}, {}, ": data is a second array of events"),
    ({"x": normal(20), "test": normal(20)}, {}, ": give one array of examples, or train, validation and test"),
    ({"train": normal(20), "validation": normal(20)}, {}, ": has train and validation without test"),
    ({"train": normal(20), "test": normal(20, (4,))}, {}, ": the splits have events of the shapes"),
    ({"train": normal(20), "test": normal(20)}, {"split": [0.7, 0.2, 0.1]}, ": has train, test already"),
    ({"train": normal(20), "test": np.arange(60).reshape(20, 3)}, {}, ": the splits are continuous and discrete"),
    ({"y_train": np.arange(20), "y_test": np.arange(20)}, {}, ": give one array of examples"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "options", "said"), FAULTY)
def test_a_faulty_file_is_a_line(tmp_path, capsys, content, options, said) -> None:
    assert said in refused(tmp_path, content, **options)
    assert "unpickled" not in capsys.readouterr().out


def test_a_name_that_is_not_there_gets_the_nearest(tmp_path) -> None:
    path = saved(tmp_path, {"pictures": normal(), "y": np.arange(100) % 2})
    with pytest.raises(BenchError, match=r"unknown array data\.x 'picture' in .*mine\.npz; did you mean pictures\?"):
        array("array", path=path, x="picture")


HUGE = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 3), }"
HUGE = HUGE.ljust(127) + b"\n"
"""The head of a file of 240 terabytes."""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ": starts like no .npy and no .npz file"),
        (b"1,2,3\n", ": starts like no .npy and no .npz file"),
        (b"\x93NUMPY\x01\x00", ": cannot be read"),
        (b"PK\x03\x04 and nothing", ": cannot be read"),
        (HUGE, ": cannot be read"),
    ],
)  # fmt: skip
def test_a_broken_file_is_a_line(tmp_path, content, said) -> None:
    path = tmp_path / "mine.npy"
    path.write_bytes(content)
    assert said in refused(tmp_path, str(path))


def test_half_a_file_is_a_line(tmp_path) -> None:
    for content in (normal(), {"x": normal()}):
        path = saved(tmp_path, content)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])
        assert ": cannot be read" in refused(tmp_path, path)
    assert ": no such file; correct data.path" in refused(tmp_path, str(tmp_path / "none.npy"))
    assert ": cannot be read" in refused(tmp_path, str(tmp_path))


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (normal(), {"levels": 5}, ": data.levels=5 has no effect on continuous data; leave it out"),
        (normal(), {"alpha": 0.1}, ": data.alpha=0.1 has no effect on continuous data; leave it out"),
        (normal() > 5, {"levels": 2}, ": data.levels=2 has no effect on binary data; leave it out"),
        (normal() > 5, {"alpha": 0.1}, ": data.alpha=0.1 has no effect on binary data; leave it out"),
    ],
)
def test_options_without_effect_are_refused(tmp_path, rows, options, said) -> None:
    assert refused(tmp_path, rows, **options) == said
