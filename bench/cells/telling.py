"""What a cell's process tells of its run: stages, and how far training has come."""

import time
from collections.abc import Callable
from typing import Any

from bench.machine.stage import Stage, Watch
from bench.training.history import History
from bench.training.loop import Report

Send = Callable[[str, Any], None]
"""Takes the kind of a message and what it says."""

SHORTEST = 0.1
"""Seconds between two messages of how far an evaluation has come, which has thousands of chunks at times."""


def stages(send: Send) -> Watch:
    """Sends the stages of a run; of those of an evaluation no more than can be seen."""
    said, phase = 0.0, ""

    def watch(stage: Stage) -> None:
        nonlocal said, phase
        now = time.monotonic()
        if stage.phase != phase or phase != "evaluate" or now - said >= SHORTEST:
            said, phase = now, stage.phase
            send("stage", stage._asdict())

    return watch


def both(one: Watch, other: Watch) -> Watch:
    """Tells two."""

    def watch(stage: Stage) -> None:
        one(stage)
        other(stage)

    return watch


def progress(watch: Watch, track: Callable[[History], None] = lambda history: None) -> Report:
    """Tells how far training has come, after each validation; `track` takes its history."""

    def report(history: History, share: float) -> None:
        name = history.selected_by or ""
        unit = "" if name == "mmd2" else " nats"
        value = f"{history.rows[-1][3]:.5g}{unit}"
        watch(Stage("train", min(1.0, share), value, f"step {history.step:,}, validation {name}"))
        track(history)

    return report
