"""Interleaved timing: blocks of work take turns, and are compared round by round, so that drift favours none."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from bench.machine.clock import Stopwatch

Block = Callable[[], object]


@dataclass(frozen=True)
class Effort:
    """The length of a comparison.

    Attributes:
        seconds: after which no further round begins; the warm-up is not counted.
        rounds: the fewest there are, at least 2, so that there is a spread.
    """

    seconds: float = 20.0
    rounds: int = 5


@dataclass(frozen=True)
class Spread:
    """A median over rounds and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """The median and the quartiles of at least two values."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


def interleave(blocks: list[Block], device: torch.device, effort: Effort) -> list[list[float]]:
    """Seconds of every block in every round, `[block][round]`, after one round that is not counted.

    Each second round runs backwards, so that a machine that slows down steadily favours no block.
    """
    for block in blocks:
        block()
    seconds: list[list[float]] = [[] for _ in blocks]
    end = time.monotonic() + effort.seconds
    while len(seconds[0]) < effort.rounds or time.monotonic() < end:
        order = range(len(blocks)) if len(seconds[0]) % 2 == 0 else reversed(range(len(blocks)))
        for which in order:
            watch = Stopwatch(device)
            with watch:
                blocks[which]()
            seconds[which].append(watch.seconds)
    return seconds


def smoothed_mean(values: list[float]) -> float:
    """The mean of the medians of each value and its two neighbours, at the ends of the value and its one neighbour.

    A single slow block leaves it as it is; a lasting change, as of a phase of training, counts by its length.
    """
    padded = [values[0], *values, values[-1]]
    return statistics.fmean(statistics.median(padded[place : place + 3]) for place in range(len(values)))


def ratios(ours: list[float], theirs: list[float]) -> Spread:
    """ours / theirs, round by round."""
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=True)])
