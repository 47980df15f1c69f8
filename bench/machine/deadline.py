"""The time after which a run gives up."""

import math
import time

from bench.errors import TimedOut, timed_out


class Deadline:
    """`budget.timeout_seconds` of one call, from its construction on."""

    def __init__(self, seconds: float | None, elapsed: float = 0.0) -> None:
        """`seconds` of wall-clock time, of which `elapsed` have passed before; None never ends."""
        self.seconds = seconds
        self.end = time.monotonic() + (math.inf if seconds is None else seconds - elapsed)

    def check(self) -> None:
        """Looks at the clock.

        Raises:
            TimedOut: the time is over.
        """
        if time.monotonic() > self.end:
            raise TimedOut(timed_out(self.seconds or 0.0))
