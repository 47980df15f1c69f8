"""The terminal, to which the parent alone writes, a line at a time.

A reader that leaves, a full disk behind a log and a closed terminal cost the lines and nothing else.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


def say(line: str) -> None:
    """One line to standard output, at once."""
    silently(lambda: print(line, file=sys.stdout, flush=True), sys.stdout)


@contextmanager
def waiting(word: str) -> Iterator[None]:
    """Says on a terminal what is waited for inside, and takes that away again; nothing in a log.

    A line that is said meanwhile takes its place.
    """
    shown = on_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
    if shown:
        silently(lambda: print(f"{word} ...", end="\r", file=sys.stderr, flush=True), sys.stderr)
    try:
        yield
    finally:
        if shown:
            silently(lambda: print(" " * (len(word) + 4), end="\r", file=sys.stderr, flush=True), sys.stderr)


def on_terminal(stream: TextIO | None) -> bool:
    """True where a stream leads to a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


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


def silently(action: Callable[[], object], stream: TextIO | None) -> None:
    """Writes to a stream; where that fails, all that would follow goes nowhere."""
    try:
        action()
    except (OSError, ValueError):
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno() if stream is not None else nowhere)
            os.close(nowhere)
        except (OSError, ValueError):
            return
