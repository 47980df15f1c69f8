"""Archives whose headers lie: each is an error at once, before anything large is in memory."""

import gzip
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from bench.data import tar_members
from bench.data.tar_members import members, opened


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header of 512 bytes; a negative size is written in base 256, as GNU tar writes large ones."""
    member = tarfile.TarInfo(name)
    member.type = kind
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    if 0 <= size < 8**11:
        block[124:136] = f"{size:011o}\0".encode()
    else:
        block[124:136] = (b"\xff" if size < 0 else b"\x80") + size.to_bytes(11, "big", signed=True)
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def words(text: str) -> bytes:
    """A header of words about the next member, `key=value`, and the words."""
    length = len(text) + 2
    while len(line := f"{length} {text}\n") != length:
        length = len(line)
    return header("words", len(line), tarfile.XHDTYPE) + line.encode().ljust(512, b"\0")


PLAIN = header("a.png", 3) + b"abc".ljust(512, b"\0")
LYING = {
    "negative size": header("a", -512),
    "negative size in words": words("size=-1024") + PLAIN,
    "a huge name": header("long", 2**33, tarfile.GNUTYPE_LONGNAME) + bytes(4096),
    "huge words": header("words", 2**33, tarfile.XHDTYPE) + bytes(4096),
    "holes": header("a", 0, tarfile.GNUTYPE_SPARSE) + bytes(1024),
    "words about words": words("a=b") * 3000 + PLAIN,
    "no header": PLAIN + b"\x01" * 512,
}


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content + bytes(1024)))
    return path


@pytest.mark.parametrize("case", LYING)
def test_a_header_that_lies_is_an_error_within_a_little_memory(case: str, tmp_path: Path) -> None:
    path = written(tmp_path / "mine.tgz", LYING[case])
    tracemalloc.start()
    with pytest.raises(tar_members.BROKEN), opened(path) as archive:
        list(members(archive))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_map_of_holes_that_does_not_end_is_not_read(tmp_path: Path) -> None:
    lines = "".join(f"{len(text) + 4} {text}\n" for text in ("GNU.sparse.major=1", "GNU.sparse.minor=0"))
    about = header("words", len(lines), tarfile.XHDTYPE) + lines.encode().ljust(512, b"\0")
    path = written(tmp_path / "mine.tgz", about + header("a", 512) + b"9".ljust(512, b"9"))
    with pytest.raises(tarfile.ReadError, match="a file with holes"), opened(path) as archive:
        list(members(archive))


def test_plain_members_come_in_their_order_and_are_not_remembered(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.tgz", PLAIN + header("folder/", 0, tarfile.DIRTYPE) + words("size=3") + PLAIN)
    with opened(path) as archive:
        found = []
        for member in members(archive):
            stream = archive.extractfile(member)
            found.append((member.name, None if stream is None else stream.read()))
        assert len(archive.members) <= 1  # type: ignore[attr-defined]
    assert found == [("a.png", b"abc"), ("folder", None), ("a.png", b"abc")]


@pytest.mark.parametrize(("limit", "most"), [("MOST", 9), ("WHOLE", 29)])
def test_many_members_are_an_error(limit: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_members, limit, most)
    path = written(tmp_path / "mine.tgz", PLAIN * 10)
    with pytest.raises(tarfile.ReadError, match="10 members of 30 bytes"), opened(path) as archive:
        list(members(archive))
