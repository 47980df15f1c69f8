"""The two files of UCI's Statlog Shuttle, taken out of the official archive."""

import hashlib
import io
import zipfile
from pathlib import Path

from bench.data.official.archive import one, write
from bench.data.official.lzw import decompressed
from bench.data.zip_members import BROKEN, content_of
from bench.errors import BenchError

ARCHIVE = "statlog+shuttle.zip"
FILES = {
    "shuttle.trn": "87b24ee9fb5137e1d417659cf905d84d0e15342bbaa60770f1ae83da1a38200a",
    "shuttle.tst": "f776934a628d9b94c482cb058a76ddaa63823e0f74aec065813c9dff3b89d661",
}
"""Their SHA-256, unpacked."""
LARGEST = 4_000_000
"""Bytes that a file in the archive may have, and unpacks to: a small archive can hold a huge one."""


def unpacked_shuttle(place: Path, command: str) -> tuple[Path, ...]:
    """The training and the test file, unpacked into their folder where they are not there yet.

    Args:
        place: the folder.
        command: that brings the archive.

    Raises:
        BenchError: the archive is missing, broken or another one, or an unpacked file was changed.
    """
    targets = tuple(place / name for name in FILES)
    if all(target.is_file() for target in targets):
        check_unpacked(targets)
        return targets
    archive = place / ARCHIVE
    if not archive.is_file():
        raise BenchError(f"{targets[0]} is missing, and so is {archive}; run `{command}`")
    try:
        with zipfile.ZipFile(archive) as content:
            for target in targets:
                write(io.BytesIO(unpacked_file(content, target.name)), target)
    except BROKEN as error:
        raise BenchError(f"{archive} cannot be read ({one(error)}); run `{command}` to replace it") from error
    return targets


def check_unpacked(targets: tuple[Path, ...]) -> None:
    """Holds the checksums against files that were unpacked before.

    Raises:
        BenchError: one cannot be read, or was changed since.
    """
    for target in targets:
        try:
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
        except OSError as error:
            raise BenchError(
                f"{target} cannot be read ({error.strerror}); delete it, and it is unpacked again"
            ) from error
        if digest != FILES[target.name]:
            raise BenchError(f"{target} is not the official file, by its checksum; delete it, and it is unpacked again")


def unpacked_file(content: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of a file of the archive, which may hold it compressed once more.

    Raises:
        ValueError: it is too large, broken, or not the official one.
        KeyError: there is none.
    """
    members = {info.filename: info for info in content.infolist()}
    member = members.get(f"{name}.Z") or members[name]
    if member.file_size > LARGEST:
        raise ValueError(f"{member.filename} has {member.file_size} bytes")
    found = content_of(content, member)
    found = decompressed(found, LARGEST) if member.filename.endswith(".Z") else found
    if hashlib.sha256(found).hexdigest() != FILES[name]:
        raise ValueError(f"{name} is not the official file")
    return found
