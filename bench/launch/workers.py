"""Cells in processes of this machine, so many side by side."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.cells.pool import Pool
from bench.cells.process import Event, Process
from bench.errors import BenchError
from bench.machine.cores import cores

QUIET_SECONDS = 2.0
"""For which a machine is watched that shall be a cell's alone."""
PATIENCE = 600.0
"""Seconds for which the next cell waits until a machine is quiet again."""


BUSY = "launch.exclusive=true: something else keeps this machine busy; wait until it has ended"


class Workers:
    """Processes of this machine; on one with GPUs each may be dealt one, or a share of one."""

    detach = False

    def __init__(self, processes: int = 1, gpus: float | None = None, exclusive: bool = False) -> None:
        """Keeps the options.

        Args:
            processes: side by side.
            gpus: of each process: 1, or a fraction such as 0.5 where several share one. null leaves all GPUs to all.
            exclusive: runs one cell at a time, refuses a machine that is busy when the command begins, and lets the
                next cell wait while it is.

        Raises:
            BenchError: fewer than one process, several that shall be exclusive, or a number of GPUs that cannot be
                dealt out.
        """
        if exclusive and processes != 1:
            raise BenchError(f"launch.exclusive=true: {processes} processes would share the clock; give processes=1")
        if processes < 1:
            raise BenchError(f"launch.processes={processes}: give at least 1")
        if gpus is not None and not (0 < gpus <= 1 and round(1 / gpus) * gpus == 1):
            raise BenchError(f"launch.gpus={gpus:g}: give 1, or a whole part of one such as 0.5 or 0.25")
        self.processes, self.gpus, self.exclusive = processes, gpus, exclusive

    def threads(self, asked: int | None) -> int | None:
        """As asked for, else a cell's share of the cores; None for one process alone."""
        return None if self.processes == 1 else asked or max(1, cores() // self.processes)

    def pool(self, study: Path, threads: int, local: Pool) -> Pool:
        """The processes of this machine, or such as are dealt GPUs.

        Raises:
            BenchError: it shall be theirs alone and is not, or there are too few GPUs to deal out.
        """
        if self.exclusive and not is_quiet():
            raise BenchError(BUSY)
        if self.gpus is not None:
            return DealtPool(visible_gpus(), self.gpus, self.processes, self.exclusive)
        return OwnPool(self.exclusive) if self.exclusive else local


class OwnPool(Pool):
    """A pool that may have the machine to itself: no process begins beside something else.

    Attributes:
        exclusive: whether it has.
        first: whether none of its processes has begun.
    """

    def __init__(self, exclusive: bool) -> None:
        super().__init__()
        self.exclusive, self.first = exclusive, True

    def start(self, task: dict[str, Any]) -> Process:
        """A process, when the machine is quiet; the first one's was looked at before the command began.

        Raises:
            BenchError: it is not, for `PATIENCE`.
        """
        if self.exclusive and not self.first:
            await_quiet()
        self.first = False
        return super().start(task)


class DealtPool(OwnPool):
    """A pool whose processes each see one GPU.

    Attributes:
        places: GPUs and how many more processes each takes.
        dealt: process -> its GPU.
    """

    def __init__(self, gpus: list[str], share: float, processes: int, exclusive: bool = False) -> None:
        """`share` of a GPU goes to each of so many processes side by side.

        Raises:
            BenchError: there is no GPU, or they have no room for so many.
        """
        super().__init__(exclusive)
        if not gpus:
            raise BenchError("launch.gpus: no GPU is visible here; leave it null")
        self.places = dict.fromkeys(gpus, round(1 / share))
        if processes > (room := sum(self.places.values())):
            raise BenchError(
                f"launch.processes={processes}: the GPUs here ({len(self.places)}) have room for {room}; ask for {room}"
            )
        self.dealt: dict[Process, str] = {}

    def start(self, task: dict[str, Any]) -> Process:
        """A process on the GPU that has the most room."""
        gpu = max(self.places, key=lambda gpu: self.places[gpu])
        before = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        try:
            process = super().start(task)
        finally:
            os.environ.pop("CUDA_VISIBLE_DEVICES")
            if before is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = before
        self.places[gpu] -= 1
        self.dealt[process] = gpu
        return process

    def events(self, seconds: float) -> Iterator[Event]:
        """What happens; the GPU of a process that ended is free again."""
        for event in super().events(seconds):
            if event.message is None and event.process in self.dealt:
                self.places[self.dealt.pop(event.process)] += 1
            yield event


def is_quiet() -> bool:
    """False for a machine that something else keeps busy, watched for `QUIET_SECONDS` and, where it was, once more.

    The server of the processes may still be loading at the first look.
    """
    from bench.machine.clock import Neighbours  # it loads torch, without which the command's own process does

    for _ in range(2):
        neighbours = Neighbours()
        time.sleep(QUIET_SECONDS)
        if not neighbours.shared():
            return True
    return False


def await_quiet() -> None:
    """Waits until nothing else keeps the machine busy, and says so.

    Raises:
        BenchError: something does for `PATIENCE`.
    """
    over, said = time.monotonic() + PATIENCE, False
    while not is_quiet():
        if time.monotonic() > over:
            raise BenchError(BUSY)
        if not said:
            print("warning: something else keeps this machine busy; the next cell waits", file=sys.stderr)
        said = True


def visible_gpus() -> list[str]:
    """The GPUs that a process here may use, by number or name; none where CUDA finds none, whatever is asked for."""
    from torch import cuda  # a second that a command without GPUs need not wait

    found = cuda.device_count()
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = range(found) if asked is None else asked.split(",")[:found]
    return [str(name).strip() for name in names]
