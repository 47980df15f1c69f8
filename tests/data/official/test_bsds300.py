import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bench.data.official import bsds300
from bench.errors import BenchError
from tests.data.official.files import archive, built, parts

TABLES = {
    name: np.random.default_rng(seed).normal(size=(n, 63))
    for seed, (name, n) in enumerate({"train": 200, "validation": 20, "test": 50}.items())
}


class File(dict[str, Any]):
    """What h5py gives for a file of these tables; a file that does not begin as HDF5 does is refused as by it."""

    def __init__(self, path: Path, mode: str) -> None:
        assert mode == "r"
        if not Path(path).read_bytes().startswith(b"\x89HDF"):
            raise OSError("Unable to open file (file signature not found)")
        super().__init__(TABLES)

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        return


@pytest.fixture
def h5py(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("h5py")
    module.File = File  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "h5py", module)


def test_the_splits_are_the_tables_of_the_file(h5py: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(tmp_path, {bsds300.MEMBER: b"\x89HDF"})
    monkeypatch.setattr(bsds300, "SHAPES", (200, 20, 50, 63))
    for found, expected in zip(parts(built("bsds300", tmp_path)), TABLES.values(), strict=True):
        assert np.array_equal(found, expected.astype(np.float32))


def test_a_file_without_a_table_is_named(h5py: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(tmp_path, {bsds300.MEMBER: b"\x89HDF"})
    monkeypatch.delitem(TABLES, "validation")
    with pytest.raises(BenchError, match=r"BSDS300.hdf5 cannot be read"):
        built("bsds300", tmp_path)


def test_a_broken_file_is_named(h5py: None, tmp_path: Path) -> None:
    archive(tmp_path, {bsds300.MEMBER: b"<html>"})
    with pytest.raises(BenchError, match=r"BSDS300.hdf5 cannot be read \(Unable to open file"):
        built("bsds300", tmp_path)


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(tmp_path, {bsds300.MEMBER: b"\x89HDF"})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BenchError, match=r"is read by h5py, which is not installed; pip install -e '\.\[hdf5\]'"):
        built("bsds300", tmp_path)
