"""A run's folder as a .zip and back: known names of limited size alone, whatever an archive claims."""

import io
import json
import re
import zipfile
from pathlib import Path

from bench.data.zip_members import BROKEN, PIECE
from bench.errors import BenchError
from bench.record.reading import ARCHIVE_BYTES, Unreadable, opened
from bench.record.writing import write_atomically

FILES = (
    "config.yaml",
    "record.json",
    "weights.safetensors",
    "space.json",
    "space.safetensors",
    "likelihoods.npz",
)
"""What a model consists of, beside the text of a user's own modules."""
SOURCE = re.compile(r"sources/[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\.py", re.ASCII)
FILE_BYTES = 2 * ARCHIVE_BYTES
"""Largest content of an archive, and of one file."""


def members_of(folder: Path) -> dict[str, bytes]:
    """The files of a run that make its model, by name.

    Raises:
        Unreadable: one is a link or too large.
    """
    names = [name for name in FILES if (folder / name).is_file()]
    names += sorted(f"sources/{path.name}" for path in (folder / "sources").glob("*.py"))
    found = {}
    for name in names:
        if name in FILES or SOURCE.fullmatch(name):
            with opened(folder / name, FILE_BYTES) as file:
                found[name] = file.read()
    return found


def packed(members: dict[str, bytes]) -> bytes:
    """The files as the bytes of a .zip, the same for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpacked(archive: Path, folder: Path) -> None:
    """Writes the files of a .zip into a folder.

    Raises:
        BenchError: it is damaged, encrypted, too large, or holds anything else than a run's files; nothing of the
            file at fault is written.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            members = checked(content.infolist())
            left = FILE_BYTES
            for member in members:
                data = bytes_of(content, member, left)
                left -= len(data)
                write_atomically(folder / member.filename, data)
    except Unreadable as error:
        raise BenchError(f"{archive}: {error}; give a .zip of bench export") from error
    except BROKEN as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BenchError(f"{archive}: no whole .zip ({reason}); export the run again") from error


def checked(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The members, where all are files of a run, each there once.

    Raises:
        Unreadable: one is not.
    """
    names = [member.filename for member in members]
    for name in names:
        if name not in FILES and not SOURCE.fullmatch(name):
            raise Unreadable(f"holds {json.dumps(name[:60])}, which is no file of a run")
        if names.count(name) > 1:
            raise Unreadable(f"holds {name} twice")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise Unreadable("is packed in a way whose size is known only once all is unpacked")
    return members


def bytes_of(content: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """A member's bytes, whatever size it claims.

    Raises:
        Unreadable: they are more than `limit`.
    """
    pieces, size = [], 0
    with content.open(member) as file:
        while piece := file.read(PIECE):
            size += len(piece)
            if size > limit:
                raise Unreadable(f"more than {FILE_BYTES:,} bytes unpacked")
            pieces.append(piece)
    return b"".join(pieces)
