import hashlib
import zipfile
from pathlib import Path

import pytest

from bench.data.official import shuttle
from bench.errors import BenchError
from tests.data.official.test_lzw import compressed

TRAIN, TEST = b"50 21 77 0 28 0 27 48 22 2\n" * 40, b"55 0 92 0 0 26 36 92 56 4\n" * 30


def archive(folder: Path, members: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / shuttle.ARCHIVE
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in members.items():
            content.writestr(name, data)
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"shuttle.trn": TRAIN, "shuttle.tst": TEST}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(shuttle, "FILES", digests)


def test_both_files_are_unpacked_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "uci"
    archive(place, {"../evil": b"no", "shuttle.trn.Z": compressed(TRAIN), "shuttle.tst": TEST, "shuttle.doc": b"no"})
    files = shuttle.unpacked_shuttle(place, "x")
    assert [path.read_bytes() for path in files] == [TRAIN, TEST]
    assert {path.name for path in place.iterdir()} == {*shuttle.FILES, shuttle.ARCHIVE}
    assert [path.name for path in tmp_path.iterdir()] == ["uci"]
    (place / shuttle.ARCHIVE).unlink()
    assert shuttle.unpacked_shuttle(place, "x") == files


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"shuttle.tst": TEST}, "shuttle.trn"),
        ({"shuttle.trn.Z": compressed(TRAIN)[:-5], "shuttle.tst": TEST}, "shuttle.trn is not the official file"),
        ({"shuttle.trn.Z": b"no", "shuttle.tst": TEST}, "does not start like a .Z file"),
        ({"shuttle.trn": TRAIN, "shuttle.tst": TEST + b"1"}, "shuttle.tst is not the official file"),
        ({"shuttle.trn": bytes(5_000_000), "shuttle.tst": TEST}, "has 5000000 bytes"),
    ],
)
def test_another_archive_is_refused(members: dict[str, bytes], fault: str, tmp_path: Path) -> None:
    archive(tmp_path, members)
    with pytest.raises(BenchError, match=rf"cannot be read \(.*{fault}.*run `bench data fetch shuttle`") as error:
        shuttle.unpacked_shuttle(tmp_path, "bench data fetch shuttle")
    assert "\n" not in str(error.value)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / shuttle.ARCHIVE).write_bytes(b"<html>")
    with pytest.raises(BenchError, match="cannot be read"):
        shuttle.unpacked_shuttle(tmp_path, "x")


def test_without_the_archive_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"shuttle.trn is missing, and so is .*run `x`"):
        shuttle.unpacked_shuttle(tmp_path, "x")
