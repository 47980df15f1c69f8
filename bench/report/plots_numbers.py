"""Numbers in plots and in their words: as everywhere in a report, with a true minus as at the axes."""

from bench.report import numbers
from bench.report.intervals import Interval


def true_minus(number: str) -> str:
    """A number as text, a minus sign in place of a hyphen."""
    return number.replace("-", "\N{MINUS SIGN}")


def plain(value: float) -> str:
    """`bench.report.numbers.plain`."""
    return true_minus(numbers.plain(value))


def quantity(interval: Interval) -> str:
    """`bench.report.numbers.quantity`."""
    return true_minus(numbers.quantity(interval))
