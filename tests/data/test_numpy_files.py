"""Small files that claim to be huge: refused in one line, before memory is asked for."""

import io
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.data import numpy_files
from bench.data.array import array
from bench.data.dataset import Dataset
from bench.data.numpy_files import check_claims
from bench.data.official.recipe import official_array
from bench.errors import BenchError


def claimed(shape: Any, version: tuple[int, int] = (1, 0), dtype: str = "<f4") -> bytes:
    """A .npy file of that header and 80 bytes of numbers."""
    stream = io.BytesIO()
    write = np.lib.format.write_array_header_1_0 if version == (1, 0) else np.lib.format.write_array_header_2_0
    write(stream, {"descr": dtype, "fortran_order": False, "shape": shape})  # type: ignore[no-untyped-call]
    return stream.getvalue() + bytes(80)


def of_a_user(path: Path, resident: bool | None) -> Dataset:
    return array("mine", path=str(path), resident=resident)


SHAPES = [(2**40, 8), (30_000_000, 8), (2**62, 2**62), (21,), (-1, 4), (-5, -4)]


def zipped(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    return path


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["npy", "npz", "streamed", "official"])
def test_a_shape_that_the_file_has_not_is_one_line(form: str, shape: Any, version: Any, tmp_path: Path) -> None:
    path = tmp_path / ("mine.npz" if form == "npz" else "mine.npy")
    zipped(path, claimed(shape, version)) if form == "npz" else path.write_bytes(claimed(shape, version))
    read = official_array if form == "official" else partial(of_a_user, resident=False if form == "streamed" else None)
    tracemalloc.start()
    with pytest.raises(BenchError) as error:
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert peak < 20_000_000


def test_arrays_larger_than_the_memory_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_files, "memory", lambda: 10_000_000)
    stream = io.BytesIO()
    np.save(stream, np.zeros(20_000_000, np.uint8))
    path = zipped(tmp_path / "bomb.npz", stream.getvalue())
    assert path.stat().st_size < 50_000
    with pytest.raises(BenchError, match=r"bomb.npz: cannot be read \(it unpacks to 20,000,128 bytes, and the memory"):
        array("mine", path=str(path))


@pytest.mark.parametrize("content", [np.zeros((0, 3)), np.zeros(()), np.arange(12).reshape(3, 4), np.array(["a"])])
def test_what_is_whole_passes(content: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", content)
    np.savez_compressed(tmp_path / "a.npz", a=content, b=content)
    check_claims(tmp_path / "a.npy")
    check_claims(tmp_path / "a.npz")
