"""Messages between two processes: a line of JSON, then arrays as safetensors. Nothing in them is ever executed."""

import json
from typing import IO, Any

import numpy as np
from safetensors.numpy import load, save

Arrays = dict[str, np.ndarray]


def send(stream: IO[bytes], head: dict[str, Any], arrays: Arrays | None = None) -> None:
    """Writes one message; `head` holds what JSON can."""
    body = save({name: np.ascontiguousarray(value) for name, value in (arrays or {}).items()})
    stream.write(json.dumps({**head, "bytes": len(body)}).encode() + b"\n" + body)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], Arrays]:
    """Reads one message.

    Raises:
        EOFError: the other process has closed its end.
    """
    line = stream.readline()
    if not line:
        raise EOFError("the other process has ended")
    head = json.loads(line)
    body = stream.read(head.pop("bytes"))
    return head, load(body)
