"""steps.csv of a study: the time of a training step of each run's entry, measured alone by `bench retime`."""

import csv
import io
import math
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError
from bench.record.csv_cells import inert_cell
from bench.record.reading import Unreadable, csv_rows

STEPS = "steps.csv"
"""In a study's folder."""


class StepTime(NamedTuple):
    """The step of one run's entry.

    Attributes:
        run_id: of the run; runs that differ in seed, budget or learning rate alone share a measurement.
        data, model: its names.
        width: the size knob.
        milliseconds, low, high: mean of a step over a whole schedule, and the quartiles of its parts.
        evaluations: of the field, mean per timed step; None where no ODE is solved.
        steps: that were timed.
        device, threads: where.
        shared_machine: whether others used the machine meanwhile; None where that cannot be told.
        measured: when, with its time zone.
        git_commit: of the code; None where it is not known.
    """

    run_id: str
    data: str
    model: str
    width: int
    milliseconds: float
    low: float
    high: float
    evaluations: float | None
    steps: int
    device: str
    threads: int
    shared_machine: bool | None
    measured: str
    git_commit: str | None

    def seconds(self, steps: float, evaluations: float | None) -> float:
        """Seconds of so many steps, in proportion to the field evaluations of each where both are known."""
        share = evaluations / self.evaluations if evaluations and self.evaluations else 1.0
        return steps * self.milliseconds / 1000 * share


def steps_csv(times: Iterable[StepTime]) -> str:
    """The text of steps.csv."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(StepTime._fields)
    writer.writerows([inert_cell(cell) if isinstance(cell, str) else cell for cell in time] for time in times)
    return buffer.getvalue()


def read_steps(path: Path) -> dict[str, StepTime]:
    """run_id -> step time; none where there is no file.

    Raises:
        BenchError: it is not that file.
    """
    try:
        (_, header), *rows = csv_rows(path) or [(0, [])]
        if tuple(header) != StepTime._fields:
            raise Unreadable(f"its columns are not {','.join(StepTime._fields)}")
        times = [step_time(row) for _, row in rows if row]
    except FileNotFoundError:
        return {}
    except (TypeError, ValueError, KeyError) as error:
        raise BenchError(f"{path}: {error}; make it anew with: bench retime {shlex.quote(path.parent.name)}") from error
    return {time.run_id: time for time in times}


def step_time(cells: list[str]) -> StepTime:
    """A row's cells as what was written.

    Raises:
        ValueError, KeyError, TypeError: one of them is something else.
    """
    run_id, data, model, width, median, low, high, evaluations, steps, device, threads, shared, measured, commit = cells
    middle, lower, upper = milliseconds = [float(cell) for cell in (median, low, high)]
    of_field = float(evaluations) if evaluations else None
    if not all(math.isfinite(value) and value > 0 for value in (*milliseconds, of_field or 1.0)):
        raise Unreadable(f"{run_id} has no time of a step")
    is_shared = {"True": True, "False": False, "": None}[shared]
    return StepTime(
        run_id, data, model, int(width), middle, lower, upper, of_field, int(steps), device, int(threads), is_shared,
        measured, commit or None,
    )  # fmt: skip
