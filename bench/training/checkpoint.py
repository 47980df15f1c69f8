"""Checkpoints: nested state as one safetensors file, tensors beside a JSON skeleton, so that nothing is unpickled."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.errors import CannotWrite
from bench.record.writing import write_atomically


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes nested dicts and lists of tensors, numbers, strings and None, atomically.

    Raises:
        TypeError: a leaf of another kind.
        BenchError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    skeleton = json.dumps(flatten(state, tensors))
    content = save(tensors, metadata={"skeleton": skeleton, "checksum": checksum(skeleton, tensors)})
    write_atomically(path, content, within=path.parent)


def load_state(path: Path) -> dict[str, Any] | None:
    """The state that `save_state` wrote, on the CPU; None where there is no file, or one that is broken or changed."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (FileNotFoundError, SafetensorError):
        return None
    skeleton = metadata.get("skeleton", "")
    if metadata.get("checksum") != checksum(skeleton, tensors):
        return None
    try:
        state = restore(json.loads(skeleton), tensors)
    except (ValueError, TypeError, KeyError, RecursionError):  # a checksum of what the bench does not write
        return None
    return state if isinstance(state, dict) else None


def broken(path: Path) -> Path:
    """Where a checkpoint lies that could not be read."""
    return path.with_name(f"{path.name}.broken")


def set_broken_aside(path: Path) -> str | None:
    """Moves a checkpoint that cannot be read out of the way; a line that says so, None where there is none such.

    Raises:
        CannotWrite: it cannot be read now, or not be moved.
    """
    try:
        open(path, "rb").close()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotWrite(f"cannot read {path}: {error.strerror}; mend that, then give the command again") from error
    if load_state(path) is not None:
        return None
    aside = broken(path)
    try:
        os.replace(path, aside)
    except OSError as error:
        raise CannotWrite(f"cannot move {path}, which is broken: {error.strerror}") from error
    return f"{path} is broken; set aside as {aside.name}, training begins anew"


def checksum(skeleton: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 of the skeleton and of every tensor, in the order of their names."""
    sum_of_all = hashlib.sha256(skeleton.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        sum_of_all.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sum_of_all.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return sum_of_all.hexdigest()


def flatten(node: Any, tensors: dict[str, Tensor]) -> Any:
    """`node` with tensors replaced by their names in `tensors`, and dicts by pairs, so that keys keep their type."""
    if isinstance(node, Tensor):
        name = str(len(tensors))
        tensors[name] = node.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(node, dict):
        return {"dict": [[key, flatten(value, tensors)] for key, value in node.items()]}
    if isinstance(node, (list, tuple)):
        return {"tuple" if isinstance(node, tuple) else "list": [flatten(value, tensors) for value in node]}
    if node is None or isinstance(node, (bool, int, float, str)):
        return node
    raise TypeError(f"a checkpoint cannot hold a {type(node).__name__}; keep tensors, numbers and text in state_dict()")


def restore(node: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `flatten`."""
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: restore(value, tensors) for key, value in content}
    values = [restore(value, tensors) for value in content]
    return tuple(values) if kind == "tuple" else values
