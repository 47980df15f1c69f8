"""The ways in which a process can end without a record, in words, and the clock that ends it."""

import math
import time
from dataclasses import dataclass, field

from bench.cells.process import Process
from bench.errors import timed_out
from bench.record.store import Record

GRACE = 3.0
"""Seconds that a process has behind its time-out to end by itself, with a checkpoint and a row of its own."""

LONGEST_WAIT = 1.0
"""Seconds between two looks at the clocks."""

GARBLED = "its code wrote into the messages of its process"
"""Reason of a process that said what is no message."""


@dataclass
class Watch:
    """The clock of one process, which is the parent's: it also runs out within one long step or call.

    Attributes:
        seconds: `budget.timeout_seconds`; None never ends.
        end: the time, by the monotonic clock, behind which the process is ended.
        raised: what the process said it raised in place of a record.
        queued: whether it waits for its place first: the clock starts when it says that it begins.
    """

    seconds: float | None
    end: float = field(default=math.inf)
    raised: str | None = None
    queued: bool = False

    def __post_init__(self) -> None:
        if not self.queued:
            self.begin(0.0)

    def begin(self, elapsed: float) -> None:
        """Starts the clock anew; `elapsed` seconds of the time-out have passed before."""
        self.end = math.inf if self.seconds is None else time.monotonic() + self.seconds - elapsed + GRACE

    def over(self) -> bool:
        """True where the process should have ended by itself."""
        return time.monotonic() > self.end

    def patience(self) -> float:
        """Seconds to wait for the next event."""
        return max(0.0, min(LONGEST_WAIT, self.end - time.monotonic()))


def reason_of(process: Process, watch: Watch) -> Record:
    """Status and error of the cells of a process that ended without a record of theirs."""
    if watch.seconds is not None and watch.over():
        return {"status": "timeout", "error": timed_out(watch.seconds)}
    if watch.raised is not None:
        return {"status": "failed", "error": watch.raised}
    if process.lost:
        return {"status": "failed", "error": process.lost}
    status = process.status
    assert status is not None
    if status < 0:
        return {"status": "failed", "error": f"killed by signal {-status}"}
    return {"status": "failed", "error": f"exited with code {status} before its record was written"}
