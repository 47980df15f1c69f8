"""One process with a task, as the parent sees it: what it says, what it prints, how it ended."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.cells.server import kill

KEPT_OUTPUT = 64_000
"""Bytes of what a cell prints that are kept: as many of the first as of the last."""


@dataclass(eq=False)
class Process:
    """One process with a task.

    Attributes:
        pid: its number; it leads a group of its own.
        messages, output: descriptors to read from.
        status: how it ended: the exit code, or minus the number of the signal that killed it; None while it runs.
        head, tail, cut: the first and last bytes that it printed, and how many between them were dropped.
        lost: why it ended, where no exit code says so; empty for a process of this machine.
    """

    pid: int
    messages: int
    output: int
    status: int | None = None
    head: bytes = b""
    tail: bytes = b""
    cut: int = 0
    lost: str = ""
    unread: bytes = b""
    open: set[int] = field(default_factory=set)

    def kill(self) -> None:
        """Ends the process and what it has started."""
        kill(self.pid)

    def keep(self, printed: bytes) -> None:
        """Keeps the beginning and the end of what it prints, however much that is."""
        room = KEPT_OUTPUT // 2 - len(self.head)
        self.head += printed[:room]
        self.tail += printed[room:] if room > 0 else printed
        self.cut += max(0, len(self.tail) - KEPT_OUTPUT // 2)
        self.tail = self.tail[-(KEPT_OUTPUT // 2) :]

    def printed(self) -> str:
        """What it printed, with a line for what was dropped."""
        gap = f"\n... {self.cut} bytes left out ...\n".encode() if self.cut else b""
        return (self.head + gap + self.tail).decode(errors="replace")

    def lines(self, content: bytes) -> Iterator[dict[str, Any]]:
        """The whole messages that `content` ends."""
        *whole, self.unread = (self.unread + content).split(b"\n")
        yield from map(message_of, whole)


def message_of(line: bytes) -> dict[str, Any]:
    """The message that a line says; `garbled` where it says none, as a user's code may write to any descriptor."""
    try:
        message = json.loads(line)
    except ValueError:
        return {"garbled": None}
    return message if isinstance(message, dict) and len(message) == 1 else {"garbled": None}


@dataclass(frozen=True)
class Event:
    """A message of a process, or its end.

    Attributes:
        process: whose.
        message: one entry, the kind; None where the process ended and all of its messages were read.
    """

    process: Process
    message: dict[str, Any] | None


class CellPool(Protocol):
    """Processes for tasks, as the parent's loop uses them.

    Attributes:
        queues: whether a process may wait for a place before it begins, so that its clock starts with its first cell.
    """

    queues: bool

    def start(self, task: dict[str, Any]) -> Process:
        """A process that does the task, or will."""
        ...

    def events(self, seconds: float) -> Iterator[Event]:
        """What happens within so many seconds."""
        ...

    def end(self) -> None:
        """Ends all processes."""
        ...

    def leave(self) -> None:
        """Leaves all processes to themselves."""
        ...
