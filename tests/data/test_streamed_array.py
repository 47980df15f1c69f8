"""Arrays that stay on disk: the same data set as the same file loaded, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.data import chunks, shuffled, standardised, stream
from bench.data.array import array
from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.setup import build
from bench.setup.cell import resolve
from bench.setup.compose import compose
from tests.helpers import TINY_BUDGET

DRAWS = np.random.default_rng(0)
ROWS = DRAWS.gamma(3.0, 2.0, (400, 3))
CASES: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "float32": (ROWS.astype(np.float32), {}),
    "float64": (ROWS, {"split": "time"}),
    "one axis": (ROWS[:, 0], {}),
    "events": (ROWS.reshape(200, 2, 3), {"split": [0.5, 0.25, 0.25], "seed": 3}),
    "levels": (DRAWS.integers(0, 5, (400, 4)), {"levels": 5}),
    "many levels": (DRAWS.integers(0, 1_000, (400, 4)), {"levels": 1_000}),
    "bits": (DRAWS.random((400, 4)) < 0.5, {}),
    "integers as numbers": (DRAWS.integers(0, 90, (400, 4)), {"kind": "continuous"}),
}


@pytest.fixture(autouse=True)
def small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a few rows, and a data root of the test's own."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "root"))
    for module in (chunks, shuffled, standardised):
        monkeypatch.setattr(module, "AT_ONCE", 64)
    monkeypatch.setattr(shuffled, "WINDOW", 1024)


def saved(folder: Path, rows: np.ndarray) -> str:
    np.save(folder / "mine.npy", rows)
    return str(folder / "mine.npy")


def parts(data: Dataset) -> list[torch.Tensor]:
    return [data.train, data.validation, data.test]


@pytest.mark.parametrize("case", CASES)
def test_the_data_set_is_that_of_the_file_loaded(case: str, tmp_path: Path) -> None:
    rows, options = CASES[case]
    path = saved(tmp_path, rows)
    loaded, streamed = (array("mine", path=path, resident=resident, **options) for resident in (True, False))
    assert (loaded.streamed, streamed.streamed) == (False, True)
    assert loaded.spec == streamed.spec
    assert loaded.files == streamed.files
    for one, other in zip(parts(loaded), parts(streamed), strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    x, other = (data.fixed(data.test, 7) for data in (loaded, streamed))
    assert torch.equal(x, other)
    assert torch.equal(loaded.space.log_det(x), streamed.space.log_det(x))


def test_files_that_are_written_are_taken_again_and_not_those_of_other_content(tmp_path: Path) -> None:
    path = saved(tmp_path, ROWS)
    array("mine", path=path, resident=False)
    written = {each: each.stat().st_mtime_ns for each in (tmp_path / "root" / "streams").glob("*.npy")}
    assert sorted(each.name.split("-")[1] for each in written) == [
        "moments.npy",
        "test.npy",
        "train.npy",
        "validation.npy",
    ]
    array("mine", path=path, resident=False)
    assert {each: each.stat().st_mtime_ns for each in (tmp_path / "root" / "streams").glob("*.npy")} == written
    assert torch.equal(
        array("mine", path=saved(tmp_path, ROWS + 1.0), resident=False).train,
        array("mine", path=path, resident=True).train,
    )
    assert len(list((tmp_path / "root" / "streams").glob("*.npy"))) == 8


def test_the_id_does_not_say_where_the_rows_lie(tmp_path: Path) -> None:
    words = [
        "data=array",
        f"data.path={saved(tmp_path, ROWS)}",
        "model=realnvp",
        *TINY_BUDGET,
        "budget.parameters=null",
    ]
    ids = {resolve(compose([*words, f"data.resident={resident}"])).run_id for resident in ("true", "false", "null")}
    assert len(ids) == 1


def test_size_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, ROWS)
    for memory, expected in ((10**9, False), (20_000, True)):
        monkeypatch.setattr(stream, "memory", lambda memory=memory: memory)
        assert array("mine", path=path).streamed is expected


def broken(row: int, column: int, value: float) -> np.ndarray:
    rows = ROWS.copy()
    rows[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "options", "fault"),
    [
        (broken(377, 2, np.nan), {}, "row 377, coordinate 2 is nan; leave the row out"),
        (broken(41, 0, np.inf), {}, "row 41, coordinate 0 is inf"),
        (np.hstack((ROWS, np.ones((400, 1)))), {}, r"coordinate 3 is constant \(1\) in train"),
        (CASES["levels"][0], {}, "discrete values up to 4; set data.levels=5"),
        (CASES["levels"][0], {"levels": 4}, "levels are integers 0 to 3"),
        (CASES["levels"][0] - 1, {"levels": 5}, r"is -1; levels are integers 0 to 4"),
        (ROWS, {"label": "y"}, "has no labels"),
        (ROWS, {"levels": 9}, "data.levels=9 has no effect on continuous data; leave it out"),
        (CASES["bits"][0], {"alpha": 0.1}, "data.alpha=0.1 has no effect on binary data"),
        (CASES["levels"][0], {"levels": 1}, "data.levels=1: give 2 or more"),
        (broken(41, 0, np.nan), {"kind": "discrete"}, "row 41, coordinate 0 is nan"),
        (ROWS[:3], {}, "train gets 2, where at least 10 are needed"),
        (np.asfortranarray(ROWS), {}, "cannot be streamed"),
    ],
)
def test_bad_input_is_one_line(rows: np.ndarray, options: dict[str, Any], fault: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=fault) as error:
        array("mine", path=saved(tmp_path, rows), resident=False, **options)
    assert "\n" not in str(error.value)


def test_an_archive_cannot_be_mapped(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=ROWS)
    with pytest.raises(BenchError, match=r"data.resident=false maps a .npy file of one array"):
        array("mine", path=str(tmp_path / "mine.npz"), resident=False)


def test_splits_lie_in_the_data_root_that_is_named_and_are_written_anew_where_they_changed(tmp_path: Path) -> None:
    root = f"data_root={tmp_path / 'mine'}"
    words = ["data=array", f"data.path={saved(tmp_path, ROWS)}", "data.resident=false", root]
    train = build.dataset(compose(words)).train.clone()
    files = list((tmp_path / "mine" / "streams").glob("*.npy"))
    assert len(files) == 4
    assert not (tmp_path / "root" / "streams").exists()
    for file in files:
        np.save(file, np.load(file) + 1)
    assert torch.equal(build.dataset(compose(words)).train, train)


def test_written_splits_do_not_hide_wrong_levels(tmp_path: Path) -> None:
    """Values are checked when splits are written: other levels are other splits."""
    path = saved(tmp_path, CASES["levels"][0])
    assert array("mine", path=path, resident=False, levels=5).spec.levels == 5
    with pytest.raises(BenchError, match="levels are integers 0 to 3"):
        array("mine", path=path, resident=False, levels=4)
