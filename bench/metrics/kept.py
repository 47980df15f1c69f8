"""Columns that hang on the data set and the settings alone: measured by the first run of a study, kept for the others.

A file of them is named by a hash of all that they were computed from: the examples, the settings, the code and its
libraries, the device and the number of threads.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import scipy
import sklearn
import torch
from torch import Tensor

from bench.record.provenance import device_name
from bench.record.reading import Unreadable, json_object, text_of
from bench.record.store import Record
from bench.record.writing import write_atomically

LONGEST = 1 << 20
"""Bytes of a file of columns."""


def kept(folder: Path | None, examples: Iterable[Tensor], settings: object, measure: Callable[[], Record]) -> Record:
    """The columns in the folder's file of these inputs, else what `measure` gives, which is then written there.

    A broken file counts as none and is written anew.

    Args:
        folder: in that of a study, which is there; None keeps nothing.
        examples: every one that the columns are computed from, at least one set.
        settings: all else that they are computed from; its `repr` counts.
        measure: computes the columns.

    Raises:
        CannotWrite: the folder cannot be written.
    """
    if folder is None:
        return measure()
    inputs = list(examples)
    path = folder / f"{_hash(inputs, settings)}.json"
    if path.exists() and (stored := _numbers(path)):
        return stored
    columns = measure()
    write_atomically(path, json.dumps(columns), within=folder.parent)
    return columns


def _numbers(path: Path) -> Record | None:
    """The columns that a file holds; None where it is broken: they are measured anew, and the file is written over."""
    try:
        columns = json_object(text_of(path, LONGEST))
    except (OSError, Unreadable):
        return None
    return columns if all(isinstance(value, (int, float)) for value in columns.values()) else None


def _hash(examples: list[Tensor], settings: object) -> str:
    place = device_name(examples[0].device), torch.get_num_threads()
    digest = hashlib.blake2b(repr((settings, place, _code())).encode(), digest_size=8)
    for points in examples:
        digest.update(f"{points.dtype} {tuple(points.shape)}".encode())
        digest.update(points.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@cache
def _code() -> str:
    """A hash of the code of the metrics and of the versions of the libraries that it calls."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
    versions = [module.__version__ for module in (torch, np, scipy, sklearn)]
    return hashlib.blake2b(sources + repr(versions).encode(), digest_size=8).hexdigest()
