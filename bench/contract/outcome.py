"""Exceptions of a contract: broken, or absent where the entry lacks the capability."""


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


def described(error: Exception) -> str:
    """An exception on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
