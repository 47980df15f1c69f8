"""A space and the data's description in two files, `space.json` and `space.safetensors`; nothing is pickled.

A space is a tree of frozen dataclasses of the bench. Tensors go into the second file under their place in the tree,
all else into the first. So a run's folder alone leads from model space to the user's units and back.
Of the data a few test examples are in it, see `bench.metrics.reference_rows`.
"""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import prod
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.spaces import Space
from bench.errors import BenchError
from bench.record.reading import CONFIG_BYTES, SHOWN, Unreadable, json_object, opened, shown, text_of
from bench.record.typed import cut, in_one_line
from bench.record.writing import write_atomically
from bench.spec import DataSpec, Kind

WORDS, TENSORS = "space.json", "space.safetensors"
TENSOR_BYTES = 500_000_000
FORMAT = 1
HOME = "bench.data."
"""Modules whose dataclasses a stored space may be of."""
PLAIN = (str, int, float, bool, type(None))


class NotStorable(Exception):
    """A space that is no tree of frozen dataclasses of the bench, such as one of a user's own class."""


@dataclass(frozen=True)
class StoredSpace:
    """What a run's folder says of its data.

    Attributes:
        name: of the data set.
        spec: what the entry was told.
        space: from raw examples to model space and back; None where it could not be stored, with `reason`.
        image_shape: of an event that is a picture.
        width: of the entry, as the budget's match chose it.
        reference: tensors of test examples that a loaded model is held against; empty where there are none.
        reason: why there is no space; empty where there is one.
        class_names: the user's own labels of the classes that the entry saw; empty where they are their numbers.
    """

    name: str
    spec: DataSpec
    space: Space | None
    image_shape: tuple[int, ...] | None
    width: int
    reference: dict[str, Tensor]
    reason: str = ""
    class_names: tuple[str, ...] = ()


def keep_space(folder: Path, dataset: "Dataset | StoredSpace", width: int, reference: Mapping[str, Tensor]) -> None:
    """Writes both files into a run's folder.

    Args:
        folder: of the run.
        dataset: that the entry was trained on, or what is known of it.
        width: of the entry.
        reference: see `bench.metrics.reference_rows`.

    Raises:
        CannotWrite: the folder cannot be written or the disk is full.
    """
    tensors = {f"reference.{name}": plain(value) for name, value in reference.items()}
    content: dict[str, Any] = {
        "format": FORMAT,
        "data": dataset.name,
        "width": width,
        "spec": {item.name: getattr(dataset.spec, item.name) for item in fields(DataSpec)},
        "image_shape": dataset.image_shape,
        "class_names": dataset.class_names[: dataset.spec.classes],
    }
    own: dict[str, Tensor] = {}
    try:
        content |= {"space": flattened(dataset.space, "space", own), "reason": ""}
        tensors |= own
    except NotStorable as reason:
        content |= {"space": None, "reason": str(reason)}
    write_atomically(folder / TENSORS, save(tensors), within=folder)
    write_atomically(folder / WORDS, json.dumps(content, indent=1) + "\n", within=folder)


def read_space(folder: Path) -> StoredSpace | None:
    """What `keep_space` wrote, on the CPU; None where a run has no such files, as of before they were written.

    Raises:
        Unreadable: they are damaged, or name what is no space of the bench.
    """
    try:
        content = json_object(text_of(folder / WORDS, CONFIG_BYTES))
        with opened(folder / TENSORS, TENSOR_BYTES) as file:
            tensors = load(file.read())
    except FileNotFoundError:
        return None
    except SafetensorError as error:
        raise Unreadable(f"{TENSORS}: not whole ({error})") from error
    try:
        return stored(content, tensors)
    except Unreadable:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, BenchError) as error:
        why = cut(in_one_line(str(error)), SHOWN)
        raise Unreadable(f"{WORDS}: not what the bench writes ({type(error).__name__}: {why})") from error


def stored(content: dict[str, Any], tensors: dict[str, Tensor]) -> StoredSpace:
    """Both files' content as what it stands for.

    Raises:
        Unreadable: of another format, or not of the bench.
    """
    if content["format"] != FORMAT:
        raise Unreadable(f"{WORDS}: of format {shown(content['format'])}; this code reads {FORMAT}")
    words, image_shape = content["spec"], content["image_shape"]
    shape = None if words["image_shape"] is None else tuple(map(int, words["image_shape"]))
    spec = DataSpec(**{**words, "event_shape": tuple(map(int, words["event_shape"])), "image_shape": shape})
    if spec.kind not in get_args(Kind):
        raise Unreadable(f"{WORDS}: kind {shown(spec.kind)} is none")
    check_numbers(spec, int(content["width"]))
    space = None if content["space"] is None else restored(content["space"], tensors)
    if image_shape is not None and prod(map(int, image_shape)) != spec.dim:
        raise Unreadable(f"{WORDS}: pictures of {shown(image_shape)} are no events of {spec.dim} numbers")
    names = tuple(map(str, content.get("class_names", ())))  # runs of before they were kept have none
    if len(names) not in (0, spec.classes):
        raise Unreadable(f"{WORDS}: {len(names)} names of {spec.classes} classes")
    if space is not None and not isinstance(space, Space):
        raise Unreadable(f"{WORDS}: {type(space).__name__} is no space")
    levels = getattr(space, "levels", spec.levels)
    if spec.kind == "discrete" and levels != spec.levels:
        raise Unreadable(f"{WORDS}: data of {spec.levels} levels in a space of {shown(levels)}")
    return StoredSpace(
        name=str(content["data"]),
        spec=spec,
        space=space,
        image_shape=None if image_shape is None else tuple(map(int, image_shape)),
        width=int(content["width"]),
        reference={
            name.removeprefix("reference."): value for name, value in tensors.items() if name.startswith("reference.")
        },
        reason=str(content["reason"]),
        class_names=names,
    )


def check_numbers(spec: DataSpec, width: int) -> None:
    """Refuses sizes that no run has.

    Raises:
        Unreadable: it says which.
    """
    if width < 1 or not spec.event_shape or min(spec.event_shape) < 1:
        raise Unreadable(f"{WORDS}: events of {shown(spec.event_shape)} and the width {width} are none of a run")
    counts = {"context_size": spec.context_size, "classes": spec.classes, "examples": spec.examples or 0}
    for name, count in counts.items():
        if type(count) is not int or count < 0:
            raise Unreadable(f"{WORDS}: {name} is {shown(count)}, no count")
    if spec.alpha is not None and type(spec.alpha) not in {int, float}:
        raise Unreadable(f"{WORDS}: alpha is {shown(spec.alpha)}, no number")
    if spec.kind == "discrete" and not (type(spec.levels) is int and spec.levels >= 2):
        raise Unreadable(f"{WORDS}: {spec.kind} data of {shown(spec.levels)} levels")
    if spec.alpha is not None and not (type(spec.alpha) is float and 0 < spec.alpha < 0.5):
        raise Unreadable(f"{WORDS}: logits of alpha={shown(spec.alpha)}")


def flattened(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """A part of a space as JSON; its tensors go into `tensors` by their place.

    Raises:
        NotStorable: it is of a class that is not the bench's, or of a kind that JSON has not.
    """
    if isinstance(value, Tensor):
        tensors[place] = plain(value)
        return {"tensor": place}
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, tuple):
        return {"tuple": [flattened(item, f"{place}.{number}", tensors) for number, item in enumerate(value)]}
    cls = type(value)
    name = f"{cls.__module__}.{cls.__qualname__}"
    if not is_frozen(cls) or not cls.__module__.startswith(HOME) or "<" in name:
        raise NotStorable(f"{name} is no frozen dataclass of {HOME.rstrip('.')}")
    inner = {item.name: flattened(getattr(value, item.name), f"{place}.{item.name}", tensors) for item in fields(value)}
    return {"class": name, "fields": inner}


def restored(node: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `flattened`. Only public frozen dataclasses of the bench's data room are built.

    Raises:
        Unreadable: another class is named.
    """
    if isinstance(node, PLAIN):
        return node
    if "tensor" in node:
        return tensors[node["tensor"]]
    if "tuple" in node:
        return tuple(restored(item, tensors) for item in node["tuple"])
    cls = named_class(str(node["class"]))
    return cls(**{name: restored(value, tensors) for name, value in node["fields"].items()})


def named_class(name: str) -> Any:
    """The frozen dataclass of that dotted name.

    Raises:
        Unreadable: it is none of the bench's data room.
    """
    module, _, attribute = name.rpartition(".")
    parts = name.split(".")
    if not name.startswith(HOME) or not all(part.isidentifier() and not part.startswith("_") for part in parts):
        raise Unreadable(f"{WORDS}: {shown(name)} is no class of a space")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise Unreadable(f"{WORDS}: no module {shown(module)}; the run is of another version") from error
    if found is None or not is_frozen(found) or f"{found.__module__}.{found.__qualname__}" != name:
        raise Unreadable(f"{WORDS}: {shown(name)} is no class of a space")
    return found


def is_frozen(cls: Any) -> bool:
    """True for a frozen dataclass."""
    return isinstance(cls, type) and is_dataclass(cls) and bool(getattr(cls, "__dataclass_params__").frozen)  # noqa: B009


def plain(tensor: Tensor) -> Tensor:
    """The tensor dense, on the CPU, in memory of its own."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
