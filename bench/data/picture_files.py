"""PNG and JPEG files of a folder or archive, one at a time; an archive is never unpacked to disk."""

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.data import tar_members, zip_members
from bench.errors import BenchError

TAKEN = frozenset({".png", ".jpg", ".jpeg"})
OTHER_PICTURES = frozenset(
    {".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2", ".heic", ".avif", ".apng"}
)
"""Pictures of other formats: left out in silence they would be missed."""

LARGEST = 2**28
"""Bytes that a file may have; a member of an archive when it is unpacked."""


@dataclass(frozen=True)
class PictureFile:
    """One file: its place, relative to the folder or archive, and its bytes."""

    name: PurePosixPath
    content: bytes


def picture_files(path: Path) -> Iterator[PictureFile]:
    """The pictures of a folder or zip in the order of their names, of a tar in its own.

    Files that are no pictures, and hidden ones, are left out. One file is in memory at a time.

    Raises:
        BenchError: there is no such folder or archive, it has no pictures or some of another format, or a member leads
            out of the archive.
    """
    found = False
    for file in files_of(path):
        found = True
        yield file
    if not found:
        raise BenchError(f"{path}: holds no .png, .jpg or .jpeg file; correct data.path")


def files_of(path: Path) -> Iterator[PictureFile]:
    """The pictures of a folder or archive; see `picture_files`."""
    if path.is_dir():
        yield from of_folder(path)
        return
    if not path.is_file():
        raise BenchError(f"{path}: no such folder or archive; correct data.path")
    try:
        yield from of_zip(path) if zipfile.is_zipfile(path) else of_tar(path)
    except (*zip_members.BROKEN, *tar_members.BROKEN) as error:
        said = " ".join(str(error).split())[:80]
        raise BenchError(f"{path}: cannot be read as zip or tar ({said}); pack the pictures anew") from error


def of_folder(path: Path) -> Iterator[PictureFile]:
    """The pictures below a folder, and below folders that it links to."""
    for name in sorted(names_below(path), key=lambda name: name.parts):
        file = path / name
        if is_taken(name, path) and file.is_file():
            try:
                check_size(f"file {name}", file.stat().st_size, path)
                content = file.read_bytes()
            except OSError as error:
                raise BenchError(f"{file}: cannot be read ({error.strerror}); mend it, or take it away") from error
            yield PictureFile(name, content)


def names_below(path: Path) -> Iterator[PurePosixPath]:
    """Every file below a folder, links followed; each folder once, so that a link in a circle ends."""
    seen: set[str] = set()
    for folder, inner, files in os.walk(path, followlinks=True):
        seen.add(os.path.realpath(folder))
        inner[:] = [name for name in inner if os.path.realpath(os.path.join(folder, name)) not in seen]
        yield from (PurePosixPath(os.path.relpath(os.path.join(folder, file), path)) for file in files)


def of_zip(path: Path) -> Iterator[PictureFile]:
    """The pictures of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename.split("/")):
            name = safe_name(member.filename, path)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise link(member.filename, path)
            check_size(f"member {member.filename}", member.file_size, path)
            if not member.is_dir() and is_taken(name, path):
                yield PictureFile(name, zip_members.content_of(archive, member))


def of_tar(path: Path) -> Iterator[PictureFile]:
    """The pictures of a tar archive, packed or not."""
    with tar_members.opened(path) as archive:
        for member in tar_members.members(archive):
            name = safe_name(member.name, path)
            if not (member.isreg() or member.isdir()):
                raise link(member.name, path)
            check_size(f"member {member.name}", member.size, path)
            if member.isreg() and is_taken(name, path):
                stream = archive.extractfile(member)
                assert stream is not None
                yield PictureFile(name, stream.read())
        assert archive.fileobj is not None
        read = 0
        while read < LARGEST and (rest := archive.fileobj.read(2**20)):  # only at its end a checksum is looked at
            read += len(rest)


def safe_name(name: str, path: Path) -> PurePosixPath:
    """A member's name as a path below the archive.

    Raises:
        BenchError: it leads out of it.
    """
    place = PurePosixPath(name.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or (place.parts and place.parts[0].endswith(":")):
        raise BenchError(f"{path}: member {shown(name)} leads out of the archive; pack it anew with plain names")
    return place


def link(name: str, path: Path) -> BenchError:
    """The error for a member that is neither file nor folder."""
    return BenchError(f"{path}: member {shown(name)} is a link or a device; pack plain files alone")


def check_size(name: str, size: int, path: Path) -> None:
    """Refuses a file or member that has more bytes than any picture needs.

    Raises:
        BenchError: it does.
    """
    if size > LARGEST:
        raise BenchError(f"{path}: {shown(name)} has {size} bytes, more than the {LARGEST} allowed; leave it out")


def is_taken(name: PurePosixPath, path: Path) -> bool:
    """True for a picture that is read; hidden files, and what macOS adds to archives, are none.

    Raises:
        BenchError: it is a picture of another format.
    """
    if any(part.startswith((".", "__MACOSX")) for part in name.parts):
        return False
    suffix = name.suffix.lower()
    if suffix in OTHER_PICTURES:
        raise BenchError(f"{path}: {shown(str(name))} is neither PNG nor JPEG; convert it, or take it away")
    return suffix in TAKEN


def shown(name: str) -> str:
    """A name as a message repeats it, on one line."""
    return name if name.isprintable() else ascii(name)[1:-1]
