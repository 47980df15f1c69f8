"""Exceptions of a contract: broken, or absent where the entry lacks the capability; and exceptions in words."""

import traceback

from bench.models.entry import Entry

LEVEL = 6.0
"""Standard errors before a difference counts: a false alarm once in 10⁹ normal comparisons."""


class Broken(Exception):
    """The entry breaks a contract.

    Attributes:
        seen: what the check saw.
        remedy: what the author of the entry should do.
    """

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(f"{seen}; {remedy}")
        self.seen = seen
        self.remedy = remedy


class Absent(Exception):
    """The entry lacks the capability that a contract is about: the check is skipped."""


def require(holds: bool, seen: str, remedy: str) -> None:
    """Raises `Broken(seen, remedy)` unless `holds`."""
    if not holds:
        raise Broken(seen, remedy)


def described(error: BaseException) -> str:
    """An exception on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def raised(error: BaseException) -> str:
    """An exception on one line, after the method of the entry or its trainer that it came out of."""
    called = [
        frame.f_code.co_name
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if not frame.f_globals.get("__name__", "").startswith("bench.contract")
        and isinstance(getattr(frame.f_locals.get("self"), "entry", frame.f_locals.get("self")), Entry)
    ]
    return f"{called[0] if called else 'it'} raises {described(error)}"
