"""Clocks: a stopwatch that waits for the device, and a witness of who else used the processor meanwhile."""

import os
import time
from pathlib import Path
from typing import NamedTuple

import torch

_SHORTEST = 0.5  # seconds; the kernel counts processor time in hundredths, too coarse for less


def synchronise(device: torch.device) -> None:
    """Waits until the device has done all that was asked of it; a CPU already has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Stopwatch:
    """Adds up the seconds between starts and stops, the device synchronised before each reading.

    Used as a context manager, as often as wanted. Each entry and exit on CUDA waits for the device, so time intervals
    of many steps.

    Attributes:
        seconds: time spent inside so far, that of an interrupted run counted in; updated at each exit.
    """

    def __init__(self, device: torch.device, seconds: float = 0.0) -> None:
        self.device = device
        self.seconds = seconds
        self._started = 0.0

    def __enter__(self) -> "Stopwatch":
        synchronise(self.device)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        synchronise(self.device)
        self.seconds += time.perf_counter() - self._started


class Reading(NamedTuple):
    """Seconds on three clocks: the wall's, the busy time of all processors, and this process's share of that."""

    wall: float
    busy: float
    own: float


def cores_of_others(before: Reading, after: Reading) -> float:
    """Processor cores that other processes used on average between two readings."""
    busy, own = after.busy - before.busy, after.own - before.own
    return (busy - own) / (after.wall - before.wall)


class Neighbours:
    """Watches, from its construction on, whether other processes use the machine.

    Busy is what /proc/stat calls user, nice, system and steal: a neighbour in another virtual machine slows a run down
    just as well. Children count as own only once they have been waited for.
    """

    def __init__(self) -> None:
        self._start = _read()

    def shared(self) -> bool | None:
        """True when others used more than a tenth of a core on average; None where, or when too early, to tell."""
        now = _read()
        if self._start is None or now is None or now.wall - self._start.wall < _SHORTEST:
            return None
        return cores_of_others(self._start, now) > 0.1


def busy_ticks(line: str) -> int:
    """Ticks that all processors were busy with processes, from the first line of /proc/stat (`man proc_stat`)."""
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, line.split()[1:9])
    return user + nice + system + steal


def either(a: bool | None, b: bool | None) -> bool | None:
    """The verdict of two witnesses of two stretches of time: true if either says so, None where neither can tell."""
    return (a or b) if a is not None and b is not None else (b if a is None else a)


def _read() -> Reading | None:
    """All three clocks now; None where there is no /proc/stat, or an empty one as in some sandboxes."""
    try:
        with Path("/proc/stat").open() as file:
            ticks = busy_ticks(file.readline())
    except OSError:
        return None
    busy = ticks / os.sysconf("SC_CLK_TCK")
    return Reading(time.monotonic(), busy, sum(os.times()[:4])) if ticks else None
