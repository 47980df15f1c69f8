"""Files that are written whole or not at all, and a results folder that is waited for where it is gone."""

import contextlib
import errno
import gzip
import os
import secrets
import time
from pathlib import Path

from bench.errors import CannotWrite
from bench.record.reading import packed_name

PATIENCE = 60.0
"""Seconds that a results folder may be gone, as one of a network may, before what writes there gives up."""

LOOK = 0.5
"""Seconds between two looks whether it is back."""

GONE = {errno.ENOENT, errno.ESTALE, errno.EIO, errno.ENODEV, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT}
"""Errors of a folder that may come back."""

LARGE = 300_000
"""Bytes from which on a table is compressed: results are committed, and such a one shrinks to a fifth."""


def write_atomically(path: Path, content: str | bytes, within: Path | None = None, private: bool = False) -> None:
    """Writes `path` whole or not at all.

    Args:
        within: a folder that is there as long as its file system is. It is never made: while it is gone it is waited
            for, so that nothing is written to what a mount left behind. None makes every folder that is not there.
        private: whether the file and the folder that it lies in are for its user alone.

    Raises:
        CannotWrite: the folder cannot be written, is gone for longer than `PATIENCE`, or the disk is full; nothing is
            left behind.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    end = time.monotonic() + PATIENCE
    while True:
        try:
            write_once(path, data, within, private)
            return
        except OSError as error:
            if within is None or error.errno not in GONE or time.monotonic() > end:
                raise CannotWrite(f"cannot write {path}: {error.strerror}; {hint(error, within)}") from error
        time.sleep(LOOK)


def hint(error: OSError, within: Path | None) -> str:
    """What to do where a file cannot be written."""
    if within is not None and not there(within):
        return f"{within} is gone: bring it back and give the command again"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "make it writable or choose another results_dir="
    return "free some space or choose another results_dir="


def there(folder: Path) -> bool:
    """True where a folder can be seen."""
    try:
        return folder.is_dir()
    except OSError:
        return False


def write_once(path: Path, data: bytes, within: Path | None, private: bool) -> None:
    """Writes a scratch file, then gives it the name; nothing is left behind where that fails.

    Raises:
        OSError: the file cannot be written, or `within` is gone.
    """
    if within is not None:
        os.stat(within)
    scratch = scratch_of(path)
    try:
        make_folders(path.parent, within)
        if private:
            path.parent.chmod(0o700)
        mode = 0o600 if private else 0o666
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
        keep_name(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise


def scratch_of(path: Path) -> Path:
    """Where a file or folder is written before it has its name; `bench.record.store.SCRATCH` knows such names.

    Processes of two machines may have one number.
    """
    return path.with_name(f".{path.name}.{secrets.randbits(64)}")


def await_folder(folder: Path) -> None:
    """Waits for a folder that is gone.

    Raises:
        CannotWrite: it does not come back, or cannot be looked at.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            os.stat(folder)
            return
        except OSError as error:
            if error.errno not in GONE or time.monotonic() > end:
                raise CannotWrite(f"cannot write {folder}: {error.strerror}; {hint(error, folder)}") from error
        time.sleep(LOOK)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, where it is not there.

    Raises:
        CannotWrite: it cannot be made.
    """
    try:
        make_folders(folder)
    except OSError as error:
        raise CannotWrite(f"cannot write {folder}: {error.strerror}; {hint(error, None)}") from error


def make_folders(folder: Path, within: Path | None = None) -> None:
    """Makes a folder and those above it that are not there, up to `within`, and writes their names to the disk.

    Raises:
        OSError: they cannot be made, or `within` is gone.
    """
    if not folder.is_dir():
        if folder not in (within, folder.parent):
            make_folders(folder.parent, within)
            folder.mkdir(exist_ok=True)
            keep_name(folder.parent)
        else:
            os.stat(folder)


def write_table(path: Path, text: str) -> Path:
    """Writes a table, compressed and under another name where it is large; the file that has it.

    Raises:
        CannotWrite: the folder cannot be written or the disk is full.
    """
    data, packed = text.encode(errors="backslashreplace"), packed_name(path)
    small = len(data) < LARGE
    write_atomically(path if small else packed, data if small else gzip.compress(data, 6, mtime=0))
    (packed if small else path).unlink(missing_ok=True)
    return path if small else packed


def keep_name(folder: Path) -> None:
    """Writes the names in a folder to the disk: without it a power loss may take a renamed file back."""
    keep(folder)


def keep(path: Path) -> None:
    """Writes what a file or a folder holds to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
