"""How far a run is, in a small file of its folder, for whoever looks from elsewhere."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.machine.stage import Stage
from bench.record.reading import Unreadable, json_object, text_of
from bench.record.typed import in_one_line
from bench.record.writing import scratch_of

FILE = "progress.json"
EVERY = 2.0
"""Seconds between two writes within a phase."""
BYTES = 10_000
"""Largest file."""
LAST = 1e10
"""Seconds since 1970 that a time can be at most, of the year 2286."""


@dataclass(frozen=True)
class Progress:
    """Where a run was when it last said so.

    Attributes:
        phase, share, value, about: of its stage, see `bench.machine.stage.Stage`.
        began: when the phase began, in seconds since 1970.
        share_then: that of the phase which was done then, by an earlier attempt.
        at: when it said so.
    """

    phase: str
    share: float | None
    value: str
    about: str
    began: float
    share_then: float
    at: float

    def seconds_left(self) -> float | None:
        """Until the end of its training at the pace so far; None where nothing is known."""
        if self.phase != "train" or self.share is None or self.share <= self.share_then:
            return None
        return (self.at - self.began) * (1 - self.share) / (self.share - self.share_then)


class ProgressFile:
    """Writes where a run is, once it has a folder; a disk that refuses costs the file and nothing else."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self.path, self.now = folder / FILE, now
        self.phase, self.began, self.share_then, self.said = "", 0.0, 0.0, 0.0

    def show(self, stage: Stage) -> None:
        """Writes a stage unless one of its phase was written a moment ago."""
        now = self.now()
        if stage.phase == self.phase and now - self.said < EVERY:
            return
        if stage.phase != self.phase:
            self.phase, self.began, self.share_then = stage.phase, now, stage.share or 0.0
        self.said = now
        progress = Progress(**stage._asdict(), began=self.began, share_then=self.share_then, at=now)
        scratch = scratch_of(self.path)
        try:
            scratch.write_text(json.dumps(asdict(progress)))
            os.replace(scratch, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                scratch.unlink()

    def remove(self) -> None:
        """Takes the file away: the run has ended."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def progress_in(folder: Path) -> Progress | None:
    """What a run's folder says; None where it says nothing."""
    try:
        return progress_of(json_object(text_of(folder / FILE, BYTES)))
    except (OSError, Unreadable):
        return None


def progress_of(content: dict[str, Any]) -> Progress:
    """What the content of the file says, its texts in one printable line each.

    Raises:
        Unreadable: it is not what the bench writes.
    """
    match content:
        case {
            "phase": str(phase),
            "share": None | int() | float() as share,
            "value": str(value),
            "about": str(about),
            "began": int() | float() as began,
            "share_then": int() | float() as share_then,
            "at": int() | float() as at,
        } if 0 <= (share or 0.0) <= 1 and 0 <= share_then <= 1 and 0 <= began <= LAST and 0 <= at <= LAST:
            return Progress(in_one_line(phase), share, in_one_line(value), in_one_line(about), began, share_then, at)
        case _:
            raise Unreadable("no progress")
