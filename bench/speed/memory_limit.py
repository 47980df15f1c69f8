"""A limit on the memory of a command and all that it starts, its page cache included, by a control group of Linux."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
LIMITS = ((GROUPS / "memory", "memory.limit_in_bytes"), (GROUPS, "memory.max"))
"""Where groups are made and the file of their limit, of both versions of control groups."""


@contextmanager
def memory_limit(size: int) -> Iterator[Path | None]:
    """A group of processes that may use so many bytes; None where this process may make none, as outside of root."""
    group = made(size)
    try:
        yield group
    finally:
        if group is not None:
            remove(group)


def remove(group: Path) -> None:
    """Takes the group away; what the command began may take a moment to end behind it.

    Raises:
        OSError: a process lives on in it.
    """
    for _ in range(100):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return
    group.rmdir()


def made(size: int) -> Path | None:
    """A new group with that limit."""
    for parent, limit in LIMITS:
        group = parent / f"bench-{os.getpid()}"
        if not (parent / limit).exists() and not (parent / "cgroup.controllers").exists():
            continue
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(size))
        except OSError:
            group.rmdir()
            continue
        return group
    return None


def within(group: Path | None, command: Sequence[str]) -> list[str]:
    """The command, begun in that group."""
    if group is None:
        return list(command)
    return ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
