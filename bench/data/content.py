"""The content of a data set, as a run's key counts it: what comes in, never a number that the bench computed from it.

Numbers computed differ between machines. So a generator of the project's counts by its options and its version, files
by their bytes, and a function of a user's by the arrays that it returns and by the words of its space.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.sources import data_root
from bench.errors import CannotWrite
from bench.record.writing import write_atomically

PROJECT = "bench."
"""Functions and classes of the project begin so; their module paths are in no key."""

HASHES = "hashes.json"
"""In the data root: hashes of files, remembered by path, size, inode and time of change."""


def is_projects(group: Mapping[str, Any]) -> bool:
    """True where a model or data set is made by the project's code alone, without a `module:name` of the user's."""
    return group["_target_"].startswith(PROJECT) and ":" not in str(group.get("function", ""))


def content_of(dataset: Dataset, function: str, options: dict[str, Any]) -> dict[str, Any]:
    """What decides the examples that entries see.

    Args:
        dataset: as its function returned it.
        function: dotted path of the function.
        options: of the function, those at their default left out.
    """
    if not function.startswith(PROJECT):
        return arrays_of(dataset)
    files = [file_hash(path) for path in dataset.files]
    came = {"content": dataset.content} if dataset.content else {}
    return {"function": function.rpartition(".")[2], "version": dataset.version, **options, "files": files, **came}


def arrays_of(dataset: Dataset) -> dict[str, Any]:
    """Hashes of the splits, labels and labelled rows, the words of the space and what entries are told."""
    splits = {name: tensor_hash(getattr(dataset, name)) for name in ("train", "validation", "test")}
    labels = None if dataset.labels is None else [tensor_hash(part) for part in dataset.labels]
    labelled = None if dataset.labelled is None else tensor_hash(dataset.labelled)
    told = {item.name: getattr(dataset.spec, item.name) for item in fields(dataset.spec)}
    if told["alpha"] is None:  # as in keys of before there was one
        del told["alpha"]
    return {**splits, "labels": labels, "labelled": labelled, "space": words_of(dataset.space), "spec": told}


def words_of(space: Any) -> Any:
    """The class of a space and its plain fields; tensors of a user's own class alone, as the bench fits its own."""
    if isinstance(space, Tensor):
        return tensor_hash(space)
    if not is_dataclass(space):
        plain = isinstance(space, str | int | float | bool | tuple | list | dict | None)
        return repr(space) if plain else type(space).__qualname__
    own = not type(space).__module__.startswith(PROJECT)
    values = {item.name: getattr(space, item.name) for item in fields(space)}
    kept = {name: value for name, value in values.items() if own or not isinstance(value, Tensor)}
    return {"class": type(space).__qualname__, **{name: words_of(value) for name, value in kept.items()}}


def tensor_hash(tensor: Tensor) -> str:
    """SHA-256 of dtype, shape and values."""
    plain = tensor.detach().cpu().contiguous()
    digest = hashlib.sha256(json.dumps([str(plain.dtype), list(plain.shape)]).encode())
    digest.update(plain.flatten().view(torch.uint8).numpy().data)  # no copy: it may be larger than memory
    return digest.hexdigest()


def rows_hash(rows: Tensor) -> str:
    """Eight hexadecimal digits that tell raw examples, and their order, from others; events count laid flat."""
    return tensor_hash(rows.flatten(1))[:8]


def file_hash(path: Path, memory: Path | None = None) -> str:
    """SHA-256 of a file, remembered until its size, inode or time of change differ.

    Args:
        path: of the file.
        memory: of the remembered hashes; None is `hashes.json` in the default data root.
    """
    memory = data_root(None) / HASHES if memory is None else memory
    state = path.stat()
    key = json.dumps([str(path.resolve()), state.st_size, state.st_ino, state.st_mtime_ns])
    known = remembered(memory)
    if key not in known:
        with open(path, "rb") as file:
            known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        remember(memory, known)
    return known[key]


def remembered(memory: Path) -> dict[str, str]:
    """The hashes that are remembered; none where the file is absent or broken, as they can be computed again."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    plain = isinstance(known, dict) and all(isinstance(value, str) for value in known.values())
    return known if plain else {}


def remember(memory: Path, known: dict[str, str]) -> None:
    """Stores the hashes where that is possible; a data root that cannot be written costs time and nothing else."""
    try:
        write_atomically(memory, json.dumps(known, indent=0))
    except CannotWrite:
        return
