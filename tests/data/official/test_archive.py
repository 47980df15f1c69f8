import io
import os
import tarfile
from pathlib import Path

import pytest

from bench.data.official import archive as archive_module
from bench.data.official.archive import unpacked
from bench.errors import BenchError
from tests.data.official.files import archive
from tests.data.test_tar_members import header

MEMBER, CONTENT = "data/power/data.npy", bytes(range(256)) * 999


def test_a_member_goes_to_the_path_that_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path, {"./data/Power/DATA.npy": CONTENT, "data/gas/other": b"no"})
    target = tmp_path / "out" / "rows.npy"
    assert unpacked(path, MEMBER, target, "bench data fetch maf") == target
    assert target.read_bytes() == CONTENT
    assert [each.name for each in target.parent.iterdir()] == ["rows.npy"]


def test_what_is_there_is_not_unpacked_again(tmp_path: Path) -> None:
    target = tmp_path / "rows.npy"
    target.write_bytes(b"here")
    assert unpacked(tmp_path / "none.tar.gz", MEMBER, target, "x").read_bytes() == b"here"


def test_members_that_escape_write_nothing_elsewhere(tmp_path: Path) -> None:
    evil = {"../evil": b"no", "/" + str(tmp_path / "root-evil"): b"no", "data/../../evil": b"no", MEMBER: CONTENT}
    path = archive(tmp_path / "data", evil)
    unpacked(path, MEMBER, tmp_path / "data" / "maf" / MEMBER, "x")
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert sorted(files) == [tmp_path / "data" / "maf" / MEMBER, path]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_link_is_refused(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "data.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo(MEMBER)
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(BenchError, match=f"{MEMBER} is a link or no plain file") as error:
        unpacked(path, MEMBER, tmp_path / "rows.npy", "x")
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == ["data.tar.gz"]


def test_a_missing_archive_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"rows.npy is missing, and so is .*run `bench data fetch maf`"):
        unpacked(tmp_path / "data.tar.gz", MEMBER, tmp_path / "rows.npy", "bench data fetch maf")


def test_an_archive_without_the_file_names_the_command(tmp_path: Path) -> None:
    path = archive(tmp_path, {"data/gas/other": b"no"})
    with pytest.raises(BenchError, match=f"holds no {MEMBER}; run `bench data fetch maf`"):
        unpacked(path, MEMBER, tmp_path / "rows.npy", "bench data fetch maf")


@pytest.mark.parametrize("kept", [0, 5, 100, -100])
def test_a_broken_archive_leaves_nothing(kept: int, tmp_path: Path) -> None:
    path = archive(tmp_path, {MEMBER: os.urandom(50_000)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BenchError, match=r"cannot be read.*run `bench data fetch maf`") as error:
        unpacked(path, MEMBER, tmp_path / "out" / "rows.npy", "bench data fetch maf")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").glob("*"))


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.tar.gz"
    path.write_text("<html>")
    with pytest.raises(BenchError, match="cannot be read"):
        unpacked(path, MEMBER, tmp_path / "rows.npy", "x")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path, {MEMBER: CONTENT})
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=f"cannot unpack {MEMBER}"):
        unpacked(path, MEMBER, tmp_path / "file" / "rows.npy", "x")


def test_an_uncompressed_archive_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo(MEMBER)
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    assert unpacked(path, MEMBER, tmp_path / "rows.npy", "x").read_bytes() == b"abc"


@pytest.mark.parametrize("large", [MEMBER, "data/before"])
def test_a_member_larger_than_any_official_file_is_not_unpacked(
    large: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "LARGEST", 1_000)
    path = archive(tmp_path, {large: bytes(1_001), "data/last": b"abc"})
    with pytest.raises(BenchError, match=f"{large} unpacks to 1,001 bytes.*run `bench data fetch maf`"):
        unpacked(path, MEMBER, tmp_path / "out" / "rows.npy", "bench data fetch maf")
    assert not (tmp_path / "out").exists()


def test_a_size_that_is_no_size_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.tar"
    path.write_bytes(header(MEMBER, -512) + bytes(1024))
    with pytest.raises(BenchError, match=r"cannot be read .*a member of -512 bytes"):
        unpacked(path, MEMBER, tmp_path / "out" / "rows.npy", "x")
    path.write_bytes(header(MEMBER, 10**9) + bytes(1024))
    with pytest.raises(BenchError, match="unexpected end of data"):
        unpacked(path, MEMBER, tmp_path / "out" / "rows.npy", "x")
    assert not list((tmp_path / "out").glob("*"))
