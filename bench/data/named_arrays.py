"""Arrays of a user's, from a .npy or .npz file or a function, sorted by their names into examples, splits and labels.

Nothing is unpickled: an array of Python objects is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.data.numpy_files import FAULTS, check_claims
from bench.errors import BenchError, unknown

WHOLE = ""
"""The split of arrays that are not cut yet."""

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
EVENT_WORDS = frozenset({"x", "data", "image", "images", "samples", "features", "events"})
LABEL_WORDS = frozenset({"y", "label", "labels", "target", "targets", "classes"})

NUMPY, ZIP = b"\x93NUMPY", b"PK"
"""First bytes of a .npy and of a .npz file."""


@dataclass(frozen=True)
class NamedArrays:
    """Examples and labels by split; the one split `WHOLE` where they are still to be cut.

    Attributes:
        events: split -> `(n, *event)`.
        labels: split -> `(n,)`; empty where there are none.
    """

    events: dict[str, np.ndarray]
    labels: dict[str, np.ndarray] = field(default_factory=dict)


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name; that of a .npy is called `x`.

    Raises:
        BenchError: there is no such file, it is not whole, in neither format, or holds pickled objects.
    """
    start = first_bytes(path)
    if start.startswith(NUMPY):
        return loaded(path)
    if not start.startswith(ZIP):
        raise BenchError(f"{path}: starts like no .npy and no .npz file; write it by numpy.save or numpy.savez")
    return loaded(path)


def first_bytes(path: Path) -> bytes:
    """The start of a file.

    Raises:
        BenchError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(len(NUMPY))
    except FileNotFoundError as error:
        raise BenchError(f"{path}: no such file; correct data.path") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror}); correct data.path") from error


def loaded(path: Path) -> dict[str, np.ndarray]:
    """What numpy reads from a file: arrays by name, the lone one of a .npy called `x`.

    Raises:
        BenchError: it cannot read it, would have to unpickle, or has not the memory.
    """
    try:
        check_claims(path)
        content = np.load(path, allow_pickle=False)
        return {"x": content} if isinstance(content, np.ndarray) else {name: content[name] for name in content.files}
    except FAULTS as error:
        if "allow_pickle" in str(error):
            raise BenchError(
                f"{path}: holds pickled objects, which are never loaded; save arrays of numbers"
            ) from error
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise BenchError(f"{path}: cannot be read ({said}); write it anew by numpy.save or numpy.savez") from error


def sorted_by_name(
    arrays: Mapping[str, np.ndarray], where: str, x: str | None = None, label: str | None = None
) -> NamedArrays:
    """The arrays by split and by what they are.

    A lone array is the examples. Of several, a name such as `x`, `y`, `train_images`, `y_test` or `validation` says
    what an array is. With `x` given, that array and `label` are taken and no other.

    Args:
        arrays: by name.
        where: the file or function, which an error begins with.
        x: the name of the examples.
        label: the name of their labels.

    Raises:
        BenchError: a name that is not there or says nothing, two arrays for one thing, or labels without examples.
    """
    for option, name in (("x", x), ("label", label)):
        if name is not None and name not in arrays:
            raise unknown(f"array data.{option}", name, arrays, where=where)
    if not arrays:
        raise BenchError(f"{where}: holds no array; give it one, of examples by rows")
    if x is not None:
        return checked(NamedArrays({WHOLE: arrays[x]}, {} if label is None else {WHOLE: arrays[label]}), where)
    if label is not None:
        arrays = {"y" if name == label else name: array for name, array in arrays.items()}
    if len(arrays) == 1:
        return checked(NamedArrays({WHOLE: next(iter(arrays.values()))}), where)
    found: dict[str, dict[str, np.ndarray]] = {"events": {}, "labels": {}}
    for name, array in arrays.items():
        role = role_of(name)
        if role is None:
            others = ", ".join(sorted(arrays))
            raise BenchError(f"{where}: the name {name} of {others} says not what it is; name the examples by data.x=")
        what, split = role
        if split in found[what]:
            raise BenchError(f"{where}: {name} is a second array of {what}; name the examples by data.x=")
        found[what][split] = array
    return checked(NamedArrays(found["events"], found["labels"]), where)


def role_of(name: str) -> tuple[str, str] | None:
    """(`events` or `labels`, the split) that a name speaks of; None where it speaks of neither."""
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word]
    splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    others = {word for word in words if word not in SPLIT_WORDS}
    if len(splits) > 1 or not words:
        return None
    split = next(iter(splits), WHOLE)
    if others <= EVENT_WORDS:
        return "events", split
    return ("labels", split) if others <= LABEL_WORDS else None


def checked(named: NamedArrays, where: str) -> NamedArrays:
    """The same arrays, each with one row an example and each label `(n,)`.

    Raises:
        BenchError: no rows, numbers of no kind that can be modelled, splits of different events, a part that is
            missing, or labels that fit no rows.
    """
    events = {split: as_events(array, called(where, split)) for split, array in named.events.items()}
    labels = {split: as_labels(array, called(where, split)) for split, array in named.labels.items()}
    if (WHOLE in events and len(events) > 1) or not events:
        raise BenchError(f"{where}: give one array of examples, or train, validation and test, and no others beside")
    if WHOLE not in events and not {"train", "test"} <= events.keys():
        missing = next(split for split in ("train", "test") if split not in events)
        raise BenchError(
            f"{where}: has {' and '.join(sorted(events))} without {missing}; give all splits, or one array"
        )
    shapes = {array.shape[1:] for array in events.values()}
    if len(shapes) > 1:
        raise BenchError(f"{where}: the splits have events of the shapes {sorted(shapes)}; give them one shape")
    if labels and labels.keys() != events.keys():
        odd = min(labels.keys() ^ events.keys()) or "the whole"
        raise BenchError(f"{where}: labels and examples are of different splits ({odd}); give both or no labels")
    for split, array in labels.items():
        if len(array) != len(events[split]):
            rows = f"{len(array)} labels for {len(events[split])} examples"
            raise BenchError(f"{called(where, split)}: {rows}; give one label to each")
    return NamedArrays(events, labels)


def called(where: str, split: str) -> str:
    """A split as messages call it."""
    return f"{where}, {split}" if split else where


def as_events(array: np.ndarray, where: str) -> np.ndarray:
    """Examples of numbers, at least one coordinate each.

    Raises:
        BenchError: no rows or numbers of another sort.
    """
    if array.dtype.kind not in "fiub":
        raise BenchError(f"{where}: holds {array.dtype} values; give real numbers, integers or truth values")
    if array.ndim == 0 or array.size == 0:
        raise BenchError(f"{where}: has the shape {array.shape}; give one row an example, and at least one value each")
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    return array[:, None] if array.ndim == 1 else array


def as_labels(array: np.ndarray, where: str) -> np.ndarray:
    """Labels `(n,)`, whole numbers or words.

    Raises:
        BenchError: another shape, or values that name no classes.
    """
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1:
        raise BenchError(f"{where}: labels have the shape {array.shape}; give one to each example")
    whole = flat.dtype.kind in "iubU" or (flat.dtype.kind == "f" and bool((flat == np.round(flat)).all()))
    if not whole:
        raise BenchError(f"{where}: labels of {flat.dtype} are no classes; give whole numbers or words")
    return flat
