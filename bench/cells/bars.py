"""Bars on a terminal: one for the grid, one for each run under way, each in a line however narrow that is."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.cells.terminal import silently
from bench.machine.stage import Stage

BETWEEN = 0.1
"""Seconds between two drawings."""

WIDEST, NARROWEST = 30, 6
"""Columns of a bar; below the narrowest it is left out."""

PHASE = len("evaluate")
LONG, SHORT = 48, 16
"""Columns that are kept for what a run says of itself, where there are many and where there are few."""


class Bars:
    """The lines at the foot of a terminal.

    Attributes:
        grid: share that is done and words behind the bar, the most important first.
        runs: label -> name and stage of each run under way.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.grid: tuple[float, list[str]] = (0.0, [])
        self.runs: dict[str, tuple[str, Stage]] = {}
        self.console = Console(file=stream, force_terminal=True, highlight=False, markup=False)
        self.live: Live | None = None
        self.drawn = 0.0

    @property
    def dumb(self) -> bool:
        """True for a terminal that moves no cursor."""
        return self.console.is_dumb_terminal

    def draw(self) -> None:
        """Draws the lines anew, now and then."""
        now = time.monotonic()
        if now - self.drawn >= BETWEEN:
            self.drawn = now
            silently(self.refresh, self.stream)

    def refresh(self) -> None:
        """Draws the lines anew."""
        if self.live is None:  # one that has stopped still remembers lines to take away
            self.live = Live(
                console=self.console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
                get_renderable=self.lines,
            )
            self.live.start()
        self.live.refresh()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Without the lines inside, so that others can be written above them.

        Where one follows the other they are drawn behind the last, by the next look.
        """
        shown = self.live is not None
        self.close()
        try:
            yield
        finally:
            if shown:
                self.draw()

    def close(self) -> None:
        """Takes the lines away."""
        if self.live is not None:
            live, self.live = self.live, None
            silently(live.stop, self.stream)

    def lines(self) -> Group:
        """The grid's line, and below it one for each run, as many as the terminal is high."""
        room = self.console.width - 1  # a line that fills the last column wraps on some terminals
        runs = list(self.runs.values())[: max(1, self.console.height - 2)]
        return Group(grid_line(room, *self.grid), *run_lines(room, runs))


def grid_line(room: int, share: float, words: Sequence[str]) -> Table | Text:
    """The line of the grid in so many columns, with as many of the words as have room beside a bar."""
    for kept in range(len(words), 0, -1):
        behind = "  ".join(words[:kept])
        free = room - cell_len(behind) - len("runs") - 4
        if free >= NARROWEST:
            return row(2, [Text("runs", "bold"), bar(share, min(free, WIDEST), "green"), Text(behind)])
    alone = (" ".join(words[:kept]) for kept in range(len(words), 1, -1))
    fitting = next((text for text in alone if cell_len(text) <= room), words[0] if words else "")
    return Text(cut(fitting, room))


def run_lines(room: int, runs: Sequence[tuple[str, Stage]]) -> list[Table | Text]:
    """The lines of runs in so many columns: name, phase, bar, share and what is known, below each other."""
    longest = max((cell_len(name) for name, _ in runs), default=0)
    names = min(longest, max(10, room * 2 // 5))
    free = room - names - PHASE - 8 - len("100%")
    if free >= 10 + SHORT:
        width = min(WIDEST, max(10, free - LONG))
        return [roomy(name, names, stage, width, free - width) for name, stage in runs]
    free = room - names - PHASE - 3
    if free >= NARROWEST + 10:
        width = max(NARROWEST, free - SHORT)
        return [tight(name, names, stage, width, free - width) for name, stage in runs]
    return [bare(name, percent(stage) or stage.phase, room) for name, stage in runs]


def bare(name: str, word: str, room: int) -> Text:
    """A run's line without a bar: its name, and how far it has come or its phase."""
    return Text(cut(f"{short(name, room - cell_len(word) - 1)} {word}".lstrip(), room))


def roomy(name: str, names: int, stage: Stage, width: int, left: int) -> Table:
    """A run's line with its share in numbers; what it says of itself is in full where that has room."""
    said = f"{stage.about} {stage.value}".strip()
    words = said if cell_len(said) <= left else stage.value
    share = Text(percent(stage).rjust(4))
    return row(2, [*opening(name, names, stage), bar(stage.share, width, "blue"), share, Text(cut(words, left))])


def tight(name: str, names: int, stage: Stage, width: int, left: int) -> Table:
    """A run's line with a short bar and the shortest words."""
    return row(1, [*opening(name, names, stage), bar(stage.share, width, "blue"), Text(cut(stage.value, left))])


def opening(name: str, names: int, stage: Stage) -> list[Text]:
    """Name and phase of a run, each in its column."""
    return [Text(set_cell_size(short(name, names), names)), Text(stage.phase.ljust(PHASE), "cyan")]


def row(between: int, cells: Sequence[Text | ProgressBar]) -> Table:
    """One line of cells."""
    grid = Table.grid(padding=(0, between, 0, 0), pad_edge=False)
    for _ in cells:
        grid.add_column(no_wrap=True, overflow="crop")
    grid.add_row(*cells)
    return grid


def bar(share: float | None, width: int, colour: str) -> ProgressBar | Text:
    """A bar; blank where nobody knows the share."""
    return Text(" " * width) if share is None else ProgressBar(1.0, share, width, complete_style=colour)


def percent(stage: Stage) -> str:
    """The share that is done; empty where nobody knows it."""
    return "" if stage.share is None else f"{stage.share:.0%}"


def short(name: str, width: int) -> str:
    """A name without its beginning where it is too long: its end says which seed it is."""
    return name if cell_len(name) <= width else name[len(name) - max(0, width) :]


def cut(text: str, width: int) -> str:
    """The beginning of a text."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width))
