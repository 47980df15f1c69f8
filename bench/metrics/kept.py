"""Columns that hang on the data set and the settings alone: measured by the first run of a study, kept for the others.

A file of them is named by a hash of all that they were computed from: the examples, the settings, the code and its
libraries, the device and its threads.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import scipy
import sklearn
import torch
from torch import Tensor

from bench.record.store import Record, write_atomically


def kept(folder: Path | None, examples: Iterable[Tensor], settings: object, measure: Callable[[], Record]) -> Record:
    """The columns in the folder's file of these inputs, else what `measure` gives, which is then written there.

    A file that cannot be read is written anew.

    Args:
        folder: of a study; None keeps nothing.
        examples: every one that the columns are computed from.
        settings: all else that they are computed from; its `repr` counts.
        measure: computes the columns.

    Raises:
        CannotWrite: the folder cannot be written.
    """
    if folder is None:
        return measure()
    path = folder / f"{_hash(examples, settings)}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(stored, dict):
            return stored
    except (OSError, ValueError):
        pass
    columns = measure()
    write_atomically(path, json.dumps(columns))
    return columns


def _hash(examples: Iterable[Tensor], settings: object) -> str:
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=8)
    for points in examples:
        digest.update(f"{points.device} {points.dtype} {tuple(points.shape)}".encode())
        digest.update(points.detach().cpu().contiguous().numpy().tobytes())
    digest.update(f"{_code()} {torch.get_num_threads()}".encode())
    return digest.hexdigest()


@cache
def _code() -> str:
    """A hash of the code of the metrics, with the versions of the libraries that it calls and the processor."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    versions = [module.__version__ for module in (torch, np, scipy, sklearn)]
    return hashlib.blake2b(sources + repr([*versions, platform.processor()]).encode(), digest_size=8).hexdigest()
