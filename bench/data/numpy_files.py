"""Headers of .npy and .npz files held against the files, before memory is asked for: few bytes can claim many."""

import zipfile
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from bench.data import zip_members
from bench.machine.memory import memory

FAULTS = (*zip_members.BROKEN, SyntaxError, MemoryError, TypeError)
"""What numpy and zipfile raise of a file that is not whole, not in the format or not as large as it says."""
ZIP = b"PK"
HEADERS = {b"\x01\x00": np.lib.format.read_array_header_1_0, b"\x02\x00": np.lib.format.read_array_header_2_0}
"""By the version of the format; the third is of columns with names, which are no numbers."""


def check_claims(path: Path) -> None:
    """Looks at the headers of a .npy file, or of each in an .npz.

    Raises:
        ValueError: an array is not as large as its header says, or all together are larger than the memory.
        OSError, zipfile.BadZipFile: the file cannot be read.
    """
    with open(path, "rb") as file:
        zipped = file.read(len(ZIP)) == ZIP
        file.seek(0)
        if not zipped:
            check_claim(file, path.stat().st_size)
            check_memory(path.stat().st_size)
            return
    with zipfile.ZipFile(path) as archive:
        check_memory(sum(member.file_size for member in archive.infolist()))
        for member in archive.infolist():
            with archive.open(member) as file:
                check_claim(file, member.file_size)


def check_claim(file: IO[bytes], size: int) -> None:
    """Holds a header against the size of its file; what is no .npy file is left to numpy.

    Raises:
        ValueError: it claims more, or what no array has.
    """
    if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
        return
    read = HEADERS.get(file.read(2))
    if read is None:
        return
    shape, _, dtype = read(file)
    if dtype.hasobject:
        return
    claimed = prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or claimed > size - file.tell():
        raise ValueError(f"its header claims an array of the shape {shape}, {claimed:,} bytes, and the rest has fewer")


def check_memory(size: int) -> None:
    """Refuses what cannot be held at once.

    Raises:
        ValueError: it is larger than the memory.
    """
    if size > memory():
        raise ValueError(f"it unpacks to {size:,} bytes, and the memory has {memory():,}")
