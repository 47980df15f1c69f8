"""The run folder: atomic files, and a record that exists only when the run has ended."""

import io
import json
import os
import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.errors import BenchError, CannotWrite
from bench.record.columns import COLUMNS
from bench.record.reading import (
    RECORD_BYTES,
    CannotRead,
    Unreadable,
    as_it_lies,
    csv_rows,
    json_object,
    packed_name,
    text_of,
)
from bench.record.runs import run_path
from bench.record.typed import PROSE, PROSE_LENGTH, cut, typed
from bench.record.writing import write_atomically

Record = dict[str, Any]

FINISHED = {"ok", "not_applicable", "diverged"}
"""Statuses that a second call would only repeat; runs of any other status are tried again."""

TABLE = "table.csv"
"""In a study's folder: a row a run."""

EVALUATIONS = "evaluations"
AND = "+"
"""Between a run's id and the hash of another evaluation of it, in the id of that row."""
EVALUATION = re.compile(r"[0-9a-f]{8}")
"""That hash, the name of the evaluation's folder."""

SCRATCH = re.compile(r"\..+\.\d+")
"""Names of files of a run's folder that are being written: see `bench.record.writing.scratch_of`."""

LEAST_FREE_BYTES = 10_000_000
"""Free space below which no run begins: weights, checkpoint and samples of a small run."""

LEAST_FREE_NAMES = 30
"""Files that the file system must have room for: those of a run, twice over."""


def table_rows(study: Path) -> list[dict[str, str]]:
    """The rows of the table in a study's folder, as text; none where it has no table.

    Raises:
        BenchError: the table cannot be read.
    """
    table = study / TABLE
    try:
        (_, header), *rows = csv_rows(table) or [(0, [])]
    except FileNotFoundError:
        return []
    except Unreadable as error:
        raise BenchError(f"{table}: {error}; restore the file") from error
    return [dict(zip(header, row, strict=False)) for _, row in rows]


def studies_in(results_dir: Path, table: str = TABLE) -> list[Path]:
    """The folders in a results folder that have a table of that name, sorted."""
    tables = [*results_dir.glob(f"*/{table}"), *results_dir.glob(f"*/{packed_name(Path(table))}")]
    return sorted({path.parent for path in tables})


def has_table(study: Path) -> bool:
    """True where a study's folder has a table."""
    return as_it_lies(study / TABLE).is_file()


def tabled(study: Path) -> set[str]:
    """Ids of the runs that the table of a study's folder has rows of."""
    return {row["run_id"] for row in table_rows(study) if "run_id" in row}


def committed_statuses(study: Path) -> dict[tuple[str, str], str]:
    """(run id, evaluation) -> status, of the rows of a study's table; rows of before evaluations had keys are none."""
    rows = [row for row in table_rows(study) if row.get("evaluation")]
    return {(divided(row["run_id"])[0], row["evaluation"]): row["status"] for row in rows}


def divided(row_id: str) -> tuple[str, str]:
    """The id of a row's run, and the hash of the other evaluation that the row is of; empty where it is the run's own.

    The name of a model or of data, which is part of the id, may hold the same sign.
    """
    run, _, evaluation = row_id.rpartition(AND)
    return (run, evaluation) if run and EVALUATION.fullmatch(evaluation) else (row_id, "")


def row_folder(runs: Path, run_id: str) -> Path:
    """The folder, under `runs`, of the row with this id: of a run, or of another evaluation of one."""
    run, evaluation = divided(run_id)
    path = run_path(runs, run)
    return path / EVALUATIONS / evaluation if evaluation else path


def record_text(record: Record) -> str:
    """A record as JSON: the fixed columns first, in their order, every one of them present; long messages are cut."""
    ordered = {name: record.get(name) for name in COLUMNS}
    ordered |= {name: value for name, value in record.items() if name not in ordered}
    ordered |= {name: cut(text, PROSE_LENGTH) for name in PROSE if isinstance(text := ordered[name], str)}
    return sealed(json.dumps(ordered, indent=1, allow_nan=False) + "\n")


SEAL = re.compile(r',\n "checksum": "([0-9a-f]{64})"\n}\n\Z')
"""The end of a record: a checksum of what it is without that."""

TEMPLATE = ' "checksum": "' + "0" * 64 + '"\n}\n'
"""That end, of a checksum of zeros."""


def unlike_seal(end: str) -> int:
    """Characters in which the end of a text is no end of a record with a checksum: few where bits flipped in one."""
    pairs = zip(end, TEMPLATE, strict=False)
    unlike = sum(here not in "0123456789abcdef" if wanted == "0" else here != wanted for here, wanted in pairs)
    return unlike + len(TEMPLATE) - len(end)


def sealed(text: str) -> str:
    """A record's text with a checksum of it as its last key."""
    return text.removesuffix("\n}\n") + f',\n "checksum": "{sha256(text.encode()).hexdigest()}"\n}}\n'


def unsealed(text: str) -> str:
    """The text that `sealed` was given; one without a checksum, as of before there were any, is as it is.

    Raises:
        Unreadable: the checksum is another.
    """
    seal = SEAL.search(text)
    if seal is None:
        if 0 < unlike_seal(text[-len(TEMPLATE) :]) <= 2:
            raise Unreadable("its checksum is damaged")
        return text
    whole = text[: seal.start()] + "\n}\n"
    if sha256(whole.encode()).hexdigest() != seal[1]:
        raise Unreadable("its content is not that of its checksum")
    return whole


def record_in(text: str) -> Record:
    """The record that a text holds, every value of its column's kind.

    Raises:
        Unreadable: it cannot be read as what it was written as.
    """
    return typed(json_object(unsealed(text)))


class RunFolder:
    """A run's folder: config.yaml, history.csv, samples, weights, and record.json written last."""

    def __init__(self, path: Path, run_id: str | None = None, runs: Path | None = None) -> None:
        """Of a run or another evaluation of one.

        Args:
            run_id: the folder's name where it is not given.
            runs: the folder of all runs, which is waited for where it is gone; None makes all folders.
        """
        self.path = path
        self.run_id = path.name if run_id is None else run_id
        self.runs = runs
        self.record_path = path / "record.json"
        self.checkpoint_path = path / "checkpoint.safetensors"

    def other(self, evaluation: str) -> "RunFolder":
        """`evaluations/<hash8>/`: another evaluation of the run's weights, with a record of its own."""
        return RunFolder(self.path / EVALUATIONS / evaluation, f"{self.run_id}{AND}{evaluation}", self.runs)

    def finished(self, evaluation: str) -> Record | None:
        """The record of an evaluation that a second call would only repeat.

        A run that did not end ok has no weights to evaluate otherwise: its record counts for every evaluation.

        Raises:
            Unreadable: a record cannot be read.
        """
        record = self.read()
        if record is None or record["status"] not in FINISHED:
            return None
        if record["status"] == "ok" and record.get("evaluation") != evaluation:
            record = self.other(evaluation).read()
        return record if record is not None and record["status"] in FINISHED else None

    def read(self) -> Record | None:
        """The record, every value of its column's kind, or None where the run has not ended.

        Raises:
            Unreadable: the record cannot be read as what it was written as.
        """
        try:
            text = text_of(self.record_path, RECORD_BYTES)
        except FileNotFoundError:
            return None
        record = record_in(text)
        if record.get("run_id") != self.run_id:
            raise Unreadable("not a record of this run")
        return record

    def read_or_set_aside(self) -> tuple[Record | None, str | None]:
        """The record, and a line that names a broken one after moving it out of the way.

        Raises:
            CannotWrite: it cannot be read now, or not be moved.
        """
        try:
            return self.read(), None
        except CannotRead as error:
            raise CannotWrite(f"{self.record_path} {error}; mend that, then give the command again") from error
        except Unreadable as error:
            aside = self.record_path.with_name("record.json.broken")
            try:
                os.replace(self.record_path, aside)
            except OSError as refusal:
                raise CannotWrite(f"cannot move {self.record_path} ({error}): {refusal.strerror}") from refusal
            return None, f"{self.record_path} is broken ({error}); set aside as {aside.name}, the run is made again"

    def write_record(self, record: Record) -> None:
        """Ends the run: from now on it counts as finished."""
        self.write(self.record_path.name, record_text(record))

    def write(self, name: str, content: str | bytes) -> None:
        """Writes one file of the run atomically.

        Raises:
            CannotWrite: the folder of the runs is gone for long, cannot be written, or the disk is full.
        """
        write_atomically(self.path / name, content, self.runs)

    def remove_scratch(self) -> None:
        """Removes what a process that was killed left of files it was writing; the caller holds the lock."""
        for path in self.path.rglob(".*"):
            if SCRATCH.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def write_arrays(self, name: str, **arrays: Any) -> None:
        """Writes numpy arrays as one compressed .npz, atomically."""
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        self.write(name, buffer.getvalue())


def check_writable(folder: Path) -> None:
    """Fails early when `folder` could not be created or written; creates nothing.

    Raises:
        CannotWrite: the nearest existing ancestor is not a folder, not writable, or on a disk without room.
    """
    ancestor = folder.absolute()
    while not ancestor.exists():
        ancestor = ancestor.parent
    if not ancestor.is_dir():
        raise CannotWrite(f"cannot write results to {folder}: {ancestor} is a file; choose another results_dir=")
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise CannotWrite(f"cannot write results to {folder}: {ancestor} is not writable; choose another results_dir=")
    free = shutil.disk_usage(ancestor).free
    if free < LEAST_FREE_BYTES:
        hint = f"free {LEAST_FREE_BYTES / 1e6:.0f} MB or choose another results_dir="
        raise CannotWrite(f"cannot write results to {folder}: the disk is full ({free / 1e6:.1f} MB left); {hint}")
    names = os.statvfs(ancestor)
    if names.f_files and names.f_favail < LEAST_FREE_NAMES:
        full = f"the disk has no room for another file ({names.f_favail} left)"
        raise CannotWrite(f"cannot write results to {folder}: {full}; remove some or choose another results_dir=")
