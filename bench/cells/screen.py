"""Where a grid stands: bars on a terminal, plain lines with a clock in a log."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bench.cells.bars import Bars
from bench.cells.dry_run import clock
from bench.cells.terminal import on_terminal, say
from bench.cells.time_left import TimeLeft
from bench.machine.stage import Stage

WELL = frozenset({"ok", "not_applicable"})
"""Statuses of cells that did not fail."""

SILENCE = 60.0
"""Seconds behind which a log says again where a run or the grid is."""


@dataclass
class Grid:
    """The count of a grid.

    Attributes:
        total: its cells.
        left: the clock of those that are due.
        outcomes: cells that ended, by status.
    """

    total: int
    left: TimeLeft
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Of the cells that ended."""
        return self.outcomes.total() / self.total if self.total else 1.0

    def words(self) -> list[str]:
        """Done, failed, time left."""
        failed = sum(count for status, count in self.outcomes.items() if status not in WELL)
        seconds = self.left.seconds() if self.outcomes.total() < self.total else None
        words = [f"{self.outcomes.total()}/{self.total} done"] + [f"{failed} failed"] * bool(failed)
        return words if seconds is None else [*words, f"{clock(seconds)} left"]


class Screen(Protocol):
    """What the parent's loop tells of its processes."""

    def say(self, line: str) -> None:
        """A line of the log."""

    def begin(self, label: str, name: str) -> None:
        """A process begins: its label in the log, and its name where room is short."""

    def show(self, label: str, stage: Stage) -> None:
        """How far a process has come."""

    def end(self, label: str) -> None:
        """A process ended."""

    def count(self) -> None:
        """A cell ended."""

    def look(self) -> None:
        """Called once a second at least."""

    def close(self) -> None:
        """Takes all away that is no line of the log."""


class Log:
    """A line for each quarter of a training, and one a minute for what takes longer."""

    def __init__(self, grid: Grid, now: Callable[[], float] = time.monotonic) -> None:
        self.grid, self.now = grid, now
        self.quarter: dict[str, int] = {}
        self.said: dict[str, float] = {}
        self.stages: dict[str, Stage] = {}
        self.grid_said = now()

    def say(self, line: str) -> None:
        """A line with a clock."""
        say(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}")

    def begin(self, label: str, name: str) -> None:
        """Its clock starts."""
        self.quarter[label], self.said[label], self.stages[label] = 0, self.now(), Stage("data")

    def show(self, label: str, stage: Stage) -> None:
        """A line where a quarter more of the training is done."""
        self.stages[label] = stage
        quarter = int(4 * (stage.share or 0.0)) if stage.phase == "train" else 0
        if quarter > self.quarter[label]:
            self.quarter[label] = quarter
            self.say_stage(label)

    def say_stage(self, label: str) -> None:
        """A line of how far a run has come."""
        self.said[label], stage = self.now(), self.stages[label]
        share = "" if stage.share is None else f" {stage.share:.0%}"
        self.say("  ".join(filter(None, (label, f"{stage.phase}{share}", f"{stage.about} {stage.value}".strip()))))

    def end(self, label: str) -> None:
        """Forgets it."""
        del self.quarter[label], self.said[label], self.stages[label]

    def count(self) -> None:
        """How far the grid is, once a minute."""
        if self.now() - self.grid_said >= SILENCE and self.grid.outcomes.total() < self.grid.total:
            self.grid_said = self.now()
            self.say(", ".join(self.grid.words()))

    def look(self) -> None:
        """A line of each run of which nothing was said for a minute."""
        for label, said in list(self.said.items()):
            if self.now() - said >= SILENCE:
                self.say_stage(label)

    def close(self) -> None:
        """Nothing is to be taken away."""


class Display:
    """Bars on standard error; lines of the log above them, on standard output."""

    def __init__(self, grid: Grid, bars: Bars, stamp: bool) -> None:
        """`stamp` puts the clock before lines: standard output leads into a log."""
        self.grid, self.bars, self.stamp = grid, bars, stamp

    def say(self, line: str) -> None:
        """A line above the bars."""
        with self.bars.aside():
            say(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}" if self.stamp else line)

    def begin(self, label: str, name: str) -> None:
        """A bar more."""
        self.bars.runs[label] = (name, Stage("data"))
        self.count()

    def show(self, label: str, stage: Stage) -> None:
        """Moves a bar."""
        self.bars.runs[label] = (self.bars.runs[label][0], stage)
        self.bars.draw()

    def end(self, label: str) -> None:
        """A bar less."""
        del self.bars.runs[label]
        self.count()

    def count(self) -> None:
        """Moves the bar of the grid."""
        self.bars.grid = self.grid.share, self.grid.words()
        self.bars.draw()

    def look(self) -> None:
        """Draws the time left anew."""
        self.count()

    def close(self) -> None:
        """Takes the bars away."""
        self.bars.close()


def screen_for(grid: Grid) -> Screen:
    """Bars where standard error leads to a terminal that can draw them, a log elsewhere."""
    if on_terminal(sys.stderr):
        bars = Bars(sys.stderr)
        if not bars.dumb:
            return Display(grid, bars, stamp=not on_terminal(sys.stdout))
    return Log(grid)
