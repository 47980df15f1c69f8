"""Splits in mapped files: rows come from disk as they are needed, and leave memory when others are.

A file is mapped privately: whoever writes into such a tensor changes a copy of a page, never the file. The pages that
are only read are the page cache's, which the system takes back where it needs them.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from bench.data.numpy_files import FAULTS, check_claim
from bench.errors import BenchError
from bench.machine.memory import memory
from bench.record.writing import write_atomically

SHARE = 0.25
"""Share of the machine's memory from which on a data set is streamed, unless its option says otherwise."""
KINDS = "fiub"
"""Numbers that numpy has and torch takes: floating point, signed, unsigned, true and false."""


def is_streamed(resident: bool | None, size: int) -> bool:
    """True where a data set of so many bytes is to stay in its files.

    Args:
        resident: the option of the data set: true loads it, false streams it, None streams it from a quarter of the
            memory that this process may use on.
        size: bytes of all splits.
    """
    return size > SHARE * memory() if resident is None else not resident


def mapped(path: Path) -> Shaped[Tensor, "n *event"]:
    """The rows of a `.npy` file, mapped.

    Raises:
        BenchError: it cannot be read, is no array of numbers, or is stored in an order that cannot be mapped.
    """
    try:
        with open(path, "rb") as file:
            check_claim(file, path.stat().st_size)
        rows = np.load(path, mmap_mode="c", allow_pickle=False)
    except FAULTS as error:
        raise BenchError(f"{path} cannot be read as a .npy file ({' '.join(str(error).split())})") from error
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in KINDS or rows.ndim == 0:
        raise BenchError(f"{path} cannot be streamed: it is no .npy file of numbers; save an array by numpy.save")
    if rows.dtype.kind == "u" and rows.dtype.itemsize > 1:
        raise BenchError(f"{path} cannot be streamed as {rows.dtype}; save it as int64, or give data.resident=true")
    if not rows.flags.c_contiguous or not rows.dtype.isnative:
        raise BenchError(
            f"{path} cannot be streamed: its columns stand one after another, or its bytes are swapped; save "
            "numpy.ascontiguousarray of it, or give data.resident=true"
        )
    return torch.from_numpy(rows)


def stored(
    path: Path, shape: tuple[int, ...], pieces: Iterable[Shaped[Tensor, "rows *event"]]
) -> Shaped[Tensor, "n *event"]:
    """A mapped file of rows that come in pieces, which are asked for where it is missing or no longer what was written.

    Beside it stands its seal, `NAME.sha256`: the hash of its content, and the file's state by which it was last so.

    Args:
        path: of the file; its name has to say what decides its content. It is whole or absent, also after a kill.
        shape: of all rows together, `(n, *event)`.
        pieces: the rows in their order, of one type.

    Raises:
        BenchError: the file cannot be written.
    """
    if not is_as_written(path) or tuple((rows := mapped(path)).shape) != shape:
        try:
            write(path, shape, pieces)
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise BenchError(f"cannot write {path} ({said}); free some disk, or set data_root= elsewhere") from error
        rows = mapped(path)
    return rows


def write(path: Path, shape: tuple[int, ...], pieces: Iterable[Tensor]) -> None:
    """Writes a `.npy` file beside `path`, puts it in its place, and seals it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
        try:
            rows = 0
            for piece in pieces:
                content = [piece.contiguous().numpy().data]
                if rows == 0:
                    content.insert(0, header_of(piece, shape))
                for each in content:
                    part.write(each)
                    digest.update(each)
                rows += len(piece)
            if rows != shape[0]:
                raise ValueError(f"{rows} rows came, {shape[0]} were promised")
            part.flush()
            os.fsync(part.fileno())
        except BaseException:
            Path(part.name).unlink()
            raise
    Path(part.name).replace(path)
    seal(path, digest.hexdigest())


def header_of(piece: Tensor, shape: tuple[int, ...]) -> memoryview:
    """The header of a `.npy` file of that shape and a piece's type."""
    header = io.BytesIO()
    words = {"descr": piece.numpy().dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, words)  # type: ignore[no-untyped-call]
    return header.getbuffer()


def seal(path: Path, digest: str) -> None:
    """Writes the hash of a file and its state beside it."""
    write_atomically(seal_of(path), json.dumps({"sha256": digest, "state": state_of(path)}))


def is_as_written(path: Path) -> bool:
    """True where a file has the content that was sealed; it is read where its state is another."""
    try:
        sealed = json.loads(seal_of(path).read_text(encoding="utf-8"))
        digest, state = sealed["sha256"], sealed["state"]
        if state == state_of(path):
            return True
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if found == digest:
        seal(path, digest)
    return bool(found == digest)


def seal_of(path: Path) -> Path:
    """The seal of a file."""
    return path.with_name(f"{path.name}.sha256")


def state_of(path: Path) -> list[int]:
    """Size, inode and time of change, by which a run's key remembers the hash of a file, too."""
    state = path.stat()
    return [state.st_size, state.st_ino, state.st_mtime_ns]
