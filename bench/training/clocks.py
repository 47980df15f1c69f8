"""The clocks of training: seconds of steps, and apart from them seconds of compiling."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.machine.clock import synchronise
from bench.training.compile_step import Compiled
from bench.training.history import History


class CompileClock:
    """Seconds of compiling in this process, on top of those that the run's history has from processes before."""

    def __init__(self, history: History, compiled: Compiled) -> None:
        self.history, self.compiled = history, compiled
        self.before = history.compile_seconds or 0.0
        self.charge()

    def charge(self) -> None:
        """Brings the history up to date: a step compiles, too, when it meets sizes that are new."""
        self.history.compile_seconds = self.before + self.compiled.seconds


class IntervalClock:
    """Training seconds of the steps between two validations, from its construction on.

    Seconds of compiling are not among them. A step under the FLOP counter is `aside`: what it took is left out, and it
    is charged at the median of the others.
    """

    def __init__(self, device: torch.device, compiled: Compiled | None) -> None:
        self.device, self.compiled = device, compiled
        self.aside_seconds = 0.0
        self.laps: list[float] = []
        self.start()

    def now(self) -> float:
        """A clock in seconds that stands still while a step is compiled."""
        return time.perf_counter() - (self.compiled.seconds if self.compiled else 0.0)

    def start(self) -> None:
        """Begins an interval at this moment."""
        self.began = self.last = self.now()

    @property
    def elapsed(self) -> float:
        """Seconds of the interval up to the end of its last step, the one aside left out."""
        return self.last - self.began

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A block for the one step that is not timed; the interval begins after it."""
        began = self.now()
        yield
        synchronise(self.device)
        self.aside_seconds = self.now() - began
        self.start()

    def lap(self) -> None:
        """Ends a step."""
        now = self.now()
        self.laps.append(now - self.last)
        self.last = now

    def stop(self, before: float = 0.0) -> tuple[float, float]:
        """Seconds of the interval and of a typical step in it.

        A step aside that has no others beside it is charged at `before`, seconds of a typical step of an earlier one.

        On CUDA a lap says only how long it took to ask for a step, so that the typical one is the mean.
        """
        synchronise(self.device)
        elapsed = self.now() - self.began
        laps = [elapsed / len(self.laps)] if self.device.type == "cuda" and self.laps else self.laps
        typical = statistics.median(laps) if laps else before or self.aside_seconds
        return elapsed + (typical if self.aside_seconds else 0.0), typical
