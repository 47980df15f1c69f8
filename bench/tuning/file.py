"""tuning.csv: a row a trial of a study, those that were chosen marked, and those that count no longer."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from bench.errors import BenchError
from bench.record.csv_cells import inert_cell
from bench.record.reading import Unreadable, csv_rows, shown
from bench.record.store import Record
from bench.record.typed import cut, printable, typed_value
from bench.record.writing import write_atomically

FILE = "tuning.csv"
"""In a study's folder."""

CHOSEN, OTHER_CODE, OTHER_DATA, OTHER_PLAN = "chosen", "other code", "other data", "other plan"
"""Marks: what a study uses; a trial of other code or data content; of data that are not tuned on; of other options."""

NOT_USED = frozenset({OTHER_CODE, OTHER_DATA, OTHER_PLAN})

CODE = ("source_hash", "entry_version", "training_version")
PROVEN = ("data_hash", *CODE)
"""Columns by which trials of other code or data are told."""


@dataclass(frozen=True)
class Trial:
    """One row.

    Attributes:
        data, fold, model, options: the data set, its fold, the entry, and what else the study says of it.
        rung: share of the top budget.
        learning_rate: of the trial.
        knob, value: the option beside it that was tried, and what it was set to; empty where it was left.
        seed, run_id, status, steps, train_seconds, git_commit: of the run.
        validation: best validation value, smaller is better; in nats unless `validated_by` is `mmd2`.
        validated_by: the quantity that validated.
        data_hash, source_hash, entry_version, training_version: of the run's key.
        mark: empty for a trial that was not chosen, else one of this file's.
    """

    data: str
    fold: int | None
    model: str
    options: str
    rung: float
    learning_rate: float
    knob: str
    value: str
    seed: int
    run_id: str
    validation: float | None
    validated_by: str | None
    status: str
    steps: int | None
    train_seconds: float | None
    git_commit: str | None
    data_hash: str | None
    source_hash: str | None
    entry_version: int | None
    training_version: int | None
    mark: str = ""

    @property
    def subject(self) -> tuple[str, int | None, str, str]:
        """What a choice is made for."""
        return self.data, self.fold, self.model, self.options

    @property
    def used(self) -> bool:
        """True where the trial counts."""
        return self.mark not in NOT_USED

    def marked(self, mark: str) -> "Trial":
        """The row with another mark."""
        return replace(self, mark=mark)


HEADER = tuple(item.name for item in fields(Trial))
HINTS = get_type_hints(Trial)
TEXTS = frozenset({"options", "knob", "value", "mark"})
"""Columns of which an empty cell is an empty text."""


def of_record(record: Record, **about: Any) -> Trial:
    """The row of a trial's record; `about` are the columns that a record does not have."""
    from_record = {name: record.get(name) for name in HEADER if name in record or name in PROVEN}
    value = {"validation": record.get("validation"), "validated_by": record.get("selected_by")}
    return Trial(**{**dict.fromkeys(HEADER), "mark": "", **from_record, **value, **about})


def read(study: Path) -> list[Trial]:
    """The rows in a study's folder; none where it has no such file.

    Raises:
        BenchError: it cannot be read as what it should be.
    """
    path = study / FILE
    try:
        (_, header), *rows = csv_rows(path) or [(0, [])]
    except FileNotFoundError:
        return []
    except Unreadable as error:
        raise BenchError(f"{path}: {error}; restore the file, or remove it to tune again") from error
    if tuple(header) != HEADER:
        raise BenchError(f"{path} does not have the columns {','.join(HEADER)}; restore the file, or remove it")
    return [trial_of(path, line, row) for line, row in rows if row]


def trial_of(path: Path, line: int, row: Sequence[str]) -> Trial:
    """One row, every cell of its column's type.

    Raises:
        BenchError: it names file, line and cell.
    """
    try:
        if len(row) != len(HEADER):
            raise Unreadable(f"{len(row)} cells in place of {len(HEADER)}")
        return Trial(**{name: cell_value(name, cell, HINTS[name]) for name, cell in zip(HEADER, row, strict=True)})
    except ValueError as error:
        raise BenchError(f"{path}, line {line}: {error}; restore the file, or remove it to tune again") from error


def cell_value(name: str, cell: str, hint: Any) -> Any:
    """A cell as a value of its column's type.

    Raises:
        Unreadable: it is none.
    """
    if cell == "" and name not in TEXTS:
        if hint in (str, int, float):
            raise Unreadable(f"{name} is empty")
        return None
    if hint in (str, str | None):
        return cut(printable(cell), 1_000)
    try:
        return typed_value(name, int(cell) if hint in (int, int | None) else float(cell))
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{name} is {shown(cell)}") from error


def text(trials: Iterable[Trial]) -> str:
    """tuning.csv; floats read back bit for bit."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    for trial in trials:
        cells = [getattr(trial, name) for name in HEADER]
        writer.writerow([inert_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return buffer.getvalue()


def write(study: Path, trials: Iterable[Trial]) -> None:
    """Writes the file: by data, fold, model, options, rung, rate and value.

    Raises:
        CannotWrite: the folder is not writable or full.
    """
    ordered = sorted(trials, key=lambda one: (*places(one), one.learning_rate, one.knob, one.value, one.run_id))
    write_atomically(study / FILE, text(ordered), within=study)


def places(trial: Trial) -> tuple[str, int, str, str, float]:
    """Where a trial stands in the file."""
    return trial.data, -1 if trial.fold is None else trial.fold, trial.model, trial.options, trial.rung
