"""One file of an archive that was downloaded, written to a path of our own.

Nothing in the archive decides where anything is written: a member is found by its name, and its bytes go to the path
that the caller names. Links, devices and folders are refused, and no other member is touched.
"""

import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO

from bench.data.tar_members import BROKEN, members, opened
from bench.errors import BenchError

LARGEST = 2**32
"""Bytes of a member: those of the official files are under a gigabyte. A small archive can hold a huge one."""
PIECE = 2**20


def unpacked(archive: Path, member: str, target: Path, command: str) -> Path:
    """The file `target`, unpacked from the archive where it is not there yet; whole or absent, also after a kill.

    Args:
        archive: a tar file, compressed or not.
        member: name of a regular file in it, such as `data/power/data.npy`; upper and lower case count alike.
        target: where its bytes go.
        command: that brings the archive, named where it is missing or broken.

    Raises:
        BenchError: the archive is missing, broken or without that file, the file is a link, or `target` cannot be
            written.
    """
    if target.is_file():
        return target
    if not archive.is_file():
        raise BenchError(f"{target} is missing, and so is {archive}; run `{command}`")
    try:
        with opened(archive) as tar:
            found = found_in(tar, member)
            if found is None:
                raise BenchError(f"{archive} holds no {member}; run `{command}` to replace it")
            stream = tar.extractfile(found) if found.isreg() else None
            if stream is None:
                raise BenchError(f"{archive}: {member} is a link or no plain file, so it is not unpacked; fetch anew")
            with stream:
                write(stream, target)
    except BROKEN as error:
        raise BenchError(f"{archive} cannot be read ({one(error)}); run `{command}` to replace it") from error
    except OSError as error:
        raise BenchError(f"cannot unpack {member} of {archive} to {target}: {one(error)}") from error
    return target


def found_in(tar: tarfile.TarFile, member: str) -> tarfile.TarInfo | None:
    """The first member of a name, in upper or lower case; None where there is none.

    Raises:
        tarfile.ReadError: it, or one before, is larger than any official file.
    """
    for each in members(tar):
        if each.size > LARGEST:
            raise tarfile.ReadError(f"{each.name[:80]} unpacks to {each.size:,} bytes")
        if name_of(each) == member.lower():
            return each
    return None


def name_of(member: tarfile.TarInfo) -> str:
    """The name of a member in lower case, without a leading `./`."""
    return str(PurePosixPath(member.name)).lower()


def write(stream: IO[bytes], target: Path) -> None:
    """Copies the bytes beside `target`, then puts them in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as part:
        try:
            while piece := stream.read(PIECE):
                part.write(piece)
        except BaseException:
            Path(part.name).unlink()
            raise
    Path(part.name).replace(target)


def one(error: BaseException) -> str:
    """An exception's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__
