"""Members of a zip whose directory lies about their size: never more of them is unpacked than it says."""

import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from bench.data.zip_members import BROKEN, content_of

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]


def packed(path: Path, content: bytes, method: int, said: int | None = None) -> Path:
    """A zip of one member, of `said` bytes by its directory."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a", content)
    if said is not None:
        whole = bytearray(path.read_bytes())
        start = whole.index(b"PK\x01\x02") + 24
        whole[start : start + 4] = struct.pack("<I", said)
        path.write_bytes(whole)
    return path


@pytest.mark.parametrize("method", METHODS)
def test_a_member_comes_whole(method: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    with zipfile.ZipFile(packed(tmp_path / "a.zip", content, method)) as archive:
        assert content_of(archive, archive.getinfo("a")) == content


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("said", [1_000, 400_000_000])
def test_a_member_of_another_size_is_an_error(method: int, said: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", bytes(3_000), method, said)
    with zipfile.ZipFile(path) as archive, pytest.raises(BROKEN):
        content_of(archive, archive.getinfo("a"))


def test_a_member_packed_by_bzip2_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """Two kilobytes of it may be gigabytes, and zipfile unpacks all that it reads."""
    path = packed(tmp_path / "a.zip", bytes(60_000_000), zipfile.ZIP_BZIP2)
    assert path.stat().st_size < 1_000
    tracemalloc.start()
    with zipfile.ZipFile(path) as archive, pytest.raises(BROKEN, match="packed by bzip2"):
        content_of(archive, archive.getinfo("a"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_no_more_is_unpacked_than_the_directory_says(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", bytes(60_000_000), zipfile.ZIP_DEFLATED, 1_000)
    tracemalloc.start()
    with zipfile.ZipFile(path) as archive, pytest.raises(BROKEN):
        content_of(archive, archive.getinfo("a"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
