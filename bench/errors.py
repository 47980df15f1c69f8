"""The ways a run can end badly, each with a one-line message that says what, where and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_SHOWN = 500
"""Characters of the names that a message says would have been accepted."""


class BenchError(Exception):
    """A mistake in what was asked: the command prints the message on one line and exits with 2."""


class CannotWrite(BenchError):
    """The results folder cannot be written, or the disk is full: no run can go on."""


class OutOfHours(Exception):
    """The time of a command, `hours`, was over before all of its cells began."""

    def __init__(self, left: int) -> None:
        super().__init__(f"hours: the time is over, {left} runs have not begun; the same command goes on from here")


class Diverged(Exception):
    """Training or evaluation met a NaN or an infinity: the run's row says `diverged`.

    Attributes:
        step: the optimisation step at which training met it, or behind which validation did; None elsewhere.
        columns: of the row, that say how bad it is.
    """

    def __init__(self, message: str, step: int | None = None, columns: dict[str, float] | None = None) -> None:
        super().__init__(message)
        self.step = step
        self.columns = columns or {}


class TimedOut(Exception):
    """A run outlived `budget.timeout_seconds`: the run's row says `timeout`."""


class NotApplicable(Exception):
    """An entry cannot model this kind of data: the run's row says `not_applicable`."""


class ChangedData(Exception):
    """An entry changed the data that it was given to read: the run's row says `failed`."""


class Impossible(Exception):
    """A number that no model of the data can have: the run's row says `failed`."""


class NotMeasured(Exception):
    """A metric means nothing for the data: its cell stays empty and the row warns."""


def timed_out(seconds: float) -> str:
    """The error of a run that outlived `budget.timeout_seconds`."""
    return f"budget.timeout_seconds={seconds:g} passed; the same command with more of it goes on"


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> BenchError:
    """The error for a name that does not exist, with the nearest names that do.

    Args:
        what: the kind of thing that was looked for, such as `model`.
        name: the name that was not found.
        known: every name that would have been accepted.
        where: where the name stood, such as `conf/model`.
    """
    options = sorted(known)
    nearest = get_close_matches(name, options, n=3, cutoff=0.4) or options
    shown = [name for place, name in enumerate(nearest) if len(" or ".join(nearest[: place + 1])) <= MOST_SHOWN]
    if len(shown) < len(nearest):
        nearest = [*shown, f"another of {len(nearest)}"]
    place = f" in {where}" if where else ""
    hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
    return BenchError(f"unknown {what} '{name}'{place}{hint}")


def one_line(error: BaseException) -> str:
    """An exception as `Type: first line of its message`."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
