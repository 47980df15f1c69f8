"""The terminal, to which the parent alone writes: lines, and bars of what is under way.

A reader that leaves, a full disk behind a log and a closed terminal cost the lines and nothing else.
"""

import os
import sys
from collections.abc import Callable

from tqdm import tqdm


def say(line: str) -> None:
    """One line to the log, above any progress bar."""
    silently(lambda: write(line), sys.stdout.fileno)


def write(line: str) -> None:
    """A line, at once."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


class Once:
    """Says each line once, however often a command is planned."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.said = say, set[str]()

    def __call__(self, line: str) -> None:
        """Says the line unless it was said."""
        if line not in self.said:
            self.said.add(line)
            self.say(line)

    def new_part(self, text: str, opening: str) -> str:
        """A text of parts between semicolons, without those that were said behind an opening."""
        for line in self.said:
            if line.startswith(opening):
                text = text.replace(line.removeprefix(opening), "")
        return "; ".join(part for part in (piece.strip() for piece in text.split("; ")) if part)


def silently(action: Callable[[], object], descriptor: Callable[[], int]) -> None:
    """Writes; where that fails, all that would follow goes nowhere."""
    try:
        action()
    except (OSError, ValueError):
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor())
        except (OSError, ValueError):
            return


class Bar:
    """A bar on a terminal, a plain line now and then in a log."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.terminal = sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()
        self.quarter = 0
        self.bar = tqdm(total=100, desc=label, unit="%", disable=not self.terminal, leave=False)

    def show(self, share: float, value: str) -> None:
        """Moves to a share of the budget; `value` says where training stands."""
        silently(lambda: self.move(share, value), sys.stderr.fileno)
        if not self.terminal and int(4 * share) > self.quarter:
            self.quarter = int(4 * share)
            say(f"{self.label}  {share:.0%}  {value}")

    def move(self, share: float, value: str) -> None:
        """Draws the bar."""
        self.bar.set_postfix_str(value)
        self.bar.update(min(100, round(100 * share)) - self.bar.n)

    def close(self) -> None:
        """Takes the bar away."""
        silently(self.bar.close, sys.stderr.fileno)
