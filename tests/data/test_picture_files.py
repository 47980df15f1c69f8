"""Archives are read without being unpacked, and one that leads elsewhere is refused."""

import tarfile
import zipfile

import pytest

from bench.data import picture_files
from bench.data.picture_files import picture_files as files_of
from bench.errors import BenchError
from tests.data.pictures_on_disk import content, in_folder, in_tar, in_zip


def refused(path) -> str:
    with pytest.raises(BenchError) as refusal:
        list(files_of(path))
    line = str(refusal.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def test_folder_and_archives_give_the_same_files_a_tar_in_its_own_order(tmp_path) -> None:
    files = content(10)
    expected = sorted(files.items())
    for path in (
        in_folder(tmp_path / "a", files),
        in_zip(tmp_path / "b.zip", files),
        in_tar(tmp_path / "c.tgz", files),
    ):
        found = [(str(file.name), file.content) for file in files_of(path)]
        assert (sorted(found) if path.suffix == ".tgz" else found) == expected


def test_folders_that_are_linked_to_are_read_and_circles_end(tmp_path) -> None:
    in_folder(tmp_path / "elsewhere", content(4))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "linked").symlink_to(tmp_path / "elsewhere" / "cats")
    (tmp_path / "mine" / "circle").symlink_to(tmp_path / "mine")
    assert [str(file.name) for file in files_of(tmp_path / "mine")] == ["linked/001.png", "linked/003.png"]


ESCAPES = ["../out.png", "a/../../out.png", "/tmp/out.png", "..\\out.png", "C:\\out.png"]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("pack", [in_zip, in_tar])
def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path, pack, name) -> None:
    (tmp_path / "in").mkdir()
    path = pack(tmp_path / "in" / "mine.archive", {**content(4), name: b"x"})
    before = sorted(tmp_path.rglob("*"))
    assert "leads out of the archive" in refused(path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path, kind) -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == "link.png":
            member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    path = in_tar(tmp_path / "mine.tar", {**content(4), "link.png": b""}, change)
    assert "member link.png is a link or a device" in refused(path)


def test_links_of_a_zip_are_refused(tmp_path) -> None:
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        member = zipfile.ZipInfo("link.png")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    assert "member link.png is a link or a device" in refused(path)


@pytest.mark.parametrize("pack", [in_zip, in_tar])
def test_a_name_of_several_lines_is_one_in_messages(tmp_path, pack) -> None:
    assert "a\\nb" in refused(pack(tmp_path / "mine.archive", {"../a\nb.png": b"x"}))
    assert "a\\nb" in refused(pack(tmp_path / "mine.archive", {"a\nb.gif": b"x"}))


def test_a_file_larger_than_a_picture_is_not_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(picture_files, "LARGEST", 10_000)
    path = in_folder(tmp_path / "mine", {"large.png": bytes(20_000)})
    assert "file large.png has 20000 bytes, more than the 10000 allowed" in refused(path)


@pytest.mark.parametrize("pack", [in_zip, in_tar])
def test_a_member_that_unpacks_to_more_than_a_picture_is_refused(tmp_path, pack, monkeypatch) -> None:
    monkeypatch.setattr(picture_files, "LARGEST", 10_000)
    path = pack(tmp_path / "mine.archive", {**content(4), "large.bin": bytes(20_000)})
    assert "member large.bin has 20000 bytes" in refused(path)


@pytest.mark.parametrize("pack", [in_zip, in_tar])
def test_a_damaged_archive_is_refused(tmp_path, pack) -> None:
    path = pack(tmp_path / "mine.archive", content(40))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as zip or tar" in refused(path)
    middle = len(whole) // 3
    path.write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    assert "cannot be read as zip or tar" in refused(path)


def test_an_encrypted_zip_is_refused(tmp_path) -> None:
    path = in_zip(tmp_path / "mine.zip", content(4))
    whole = bytearray(path.read_bytes())
    for start in (whole.index(b"PK\x03\x04") + 6, whole.index(b"PK\x01\x02") + 8):
        whole[start] |= 1  # the flag of an encrypted member
    path.write_bytes(whole)
    assert "cannot be read as zip or tar" in refused(path)
