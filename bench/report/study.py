"""A study as the report sees it: tidy files from which every table, plot and page is drawn."""

import csv
import io
import json
import math
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.record.columns import COLUMNS
from bench.record.csv_cells import inert_cell
from bench.record.reading import NUMBER_LENGTH, Unreadable, arrays_of, as_it_lies, csv_rows, shown
from bench.record.steps import STEPS, StepTime, read_steps
from bench.record.store import TABLE
from bench.record.typed import LARGEST, TEXT_LENGTH, cut, typed
from bench.report.picture_shapes import check_pictures
from bench.report.products import PRODUCTS, TestSet, read_products
from bench.tuning import file
from bench.tuning.file import Trial

Run = dict[str, Any]
Array = NDArray[Any]

HISTORIES, CURVES, PICTURES = "histories.csv", "curves.csv", "pictures.npz"
HISTORY_COLUMNS = ("step", "train_seconds", "train_loss_nats", "val_nll_nats")
CURVE_COLUMNS = ("run_id", "curve", "x", "y")
CURVE_KINDS = ("k", "noise", "c2st")
"""Curves of a record that curves.csv holds: `k_curve` and so on."""


@dataclass(frozen=True)
class Study:
    """Those files, and that of its trials, read.

    Attributes:
        name: the study's folder under results/.
        runs: one dict a run, sorted by data, model and seed; a missing quantity is None.
        histories: run_id -> `(validations, 4)` float64, columns `HISTORY_COLUMNS`; NaN where a field is empty.
        curves: (run_id, one of `CURVE_KINDS`) -> `(points, 2)` float64, x and y.
        pictures: `samples/<data>/<label>`, `by-class/<data>/<label>`, `density/<data>/<label>`,
            `extent/<data>/<label>`, of latents `reconstructed/...`, `reconstructed-noisy/...`, `means/...` and
            `draws/...`, and one `real/<data>` and `truth/<data>` a data set, as
            `bench.report.picture_archive` makes them.
        steps: run_id -> time of a training step, measured alone.
        test_sets: hash of test examples -> the runs measured on them, see `bench.report.products`.
        trials: of tuning.csv.
    """

    name: str
    runs: list[Run]
    histories: dict[str, Array]
    curves: dict[tuple[str, str], Array]
    pictures: dict[str, Array]
    test_sets: dict[str, TestSet] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    steps: dict[str, StepTime] = field(default_factory=dict)

    def of_data(self, data: str, ids: Collection[str]) -> "Study":
        """What the plots of one data set are drawn from.

        Args:
            data: its name.
            ids: of its rows and of the runs that those are evaluations of.
        """
        return Study(
            self.name,
            [],
            {name: rows for name, rows in self.histories.items() if name in ids},
            {key: points for key, points in self.curves.items() if key[0] in ids},
            {key: array for key, array in self.pictures.items() if key.split("/")[1] == data},
            {},
            [trial for trial in self.trials if trial.data == data],
            {name: time for name, time in self.steps.items() if name in ids},
        )


def label(run: Run) -> str:
    """The name of a run's row and line: the model, with what else the study varied in brackets."""
    return f"{run['model']} ({run['variant']})" if run.get("variant") else str(run["model"])


def validated(record: dict[str, Any]) -> Run:
    """A record's scalars, held against the kinds of their columns; lists and mappings become JSON.

    Raises:
        Unreadable: as `typed`, or the record does not say which run it is of.
    """
    return row_of(typed(record))


def row_of(record: dict[str, Any]) -> Run:
    """The scalars of a record whose values are of their columns' kinds, as `RunFolder.read` gives it.

    Raises:
        Unreadable: the record does not say which run it is of.
    """
    for name in ("run_id", "data", "model", "seed"):
        if record.get(name) is None:
            raise Unreadable(f"{name} is missing")
    scalars = {name: record.get(name) for name in COLUMNS}
    for name, value in record.items():
        if name not in COLUMNS and name not in {f"{kind}_curve" for kind in CURVE_KINDS}:
            nested = isinstance(value, (list, dict))
            scalars[name] = cut(json.dumps(value), TEXT_LENGTH) if nested else value
    return scalars


def words_of(run: Run) -> list[str]:
    """The words of the run's command; one that no shell would read is divided at spaces."""
    return list(_words(run["command"] or ""))


@lru_cache(maxsize=20_000)
def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return tuple(command.split())


def write_csv(header: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV: None is an empty cell, floats are written so that they read back bit for bit."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(inert, header))
    writer.writerows(map(inert, row) for row in rows)
    return buffer.getvalue()


def inert(value: Any) -> Any:
    """A value as its cell: a text that a spreadsheet would compute is made one that it does not."""
    return inert_cell(value) if isinstance(value, str) else value


def columns_of(runs: list[Run]) -> dict[str, list[Any]]:
    """Column -> its value of each run; the fixed columns first, None where a quantity is absent."""
    extra = sorted({name for run in runs for name in run} - COLUMNS.keys())
    return {name: [run.get(name) for run in runs] for name in [*COLUMNS, *extra]}


def kind_of(values: list[Any]) -> str:
    """The name that pandas has for a column's type, None aside."""
    found = {type(value) for value in values if value is not None}
    kinds: dict[str, set[type]] = {"boolean": {bool}, "Int64": {int}, "Float64": {int, float}}
    return next((kind for kind, members in kinds.items() if found and found <= members), "object")


def table_text(runs: list[Run]) -> str:
    """table.csv, from which every number reads back bit for bit; whole numbers among fractions are written as these."""
    columns = columns_of(runs)
    for values in columns.values():
        if kind_of(values) == "Float64":
            values[:] = [None if value is None else float(value) for value in values]
    return write_csv(columns, zip(*columns.values(), strict=True))


def load(folder: Path) -> Study:
    """Reads the five files of a study; only table.csv must be there.

    Raises:
        BenchError: one of them cannot be read as what it should be.
    """
    histories: dict[str, list[list[float]]] = {}
    path = folder / HISTORIES
    for row in rows_of(path, ("run_id", *HISTORY_COLUMNS)):
        histories.setdefault(row[0], []).append([_float(path, field) for field in row[1:]])
    curves: dict[tuple[str, str], list[list[float]]] = {}
    path = folder / CURVES
    for run_id, curve, x, y in rows_of(path, CURVE_COLUMNS):
        curves.setdefault((run_id, curve), []).append([_finite(path, field) for field in (x, y)])
    runs = _read_table(folder / TABLE)
    return Study(
        name=folder.name,
        runs=runs,
        histories={name: np.array(rows) for name, rows in histories.items()},
        curves={name: np.array(rows) for name, rows in curves.items()},
        pictures=_read_pictures(folder / PICTURES),
        test_sets=read_products(folder / PRODUCTS, runs),
        trials=file.read(folder),
        steps=read_steps(folder / STEPS),
    )


def ids_in(path: Path) -> set[str]:
    """The ids of the rows of a table.csv; an empty one where a row has none.

    Raises:
        BenchError: it cannot be read.
    """
    (_, header), *rows = _rows(path) or [(0, [])]
    place = header.index("run_id") if "run_id" in header else len(header)
    return {row[place] if place < len(row) else "" for _, row in rows if row}


def _read_table(path: Path) -> list[Run]:
    (_, header), *rows = _rows(path) or [(0, [])]
    runs = []
    for line, row in filter(lambda numbered: numbered[1], rows):
        try:
            if len(row) > len(header):
                raise Unreadable("too many cells")
            runs.append(validated({name: _value(name, cell) for name, cell in zip(header, row, strict=False)}))
        except (ValueError, KeyError) as error:
            raise BenchError(f"{path}, line {line}: {error}; restore the file or run the study") from error
    return runs


def _value(name: str, cell: str) -> Any:
    """A cell of table.csv as the value that was written."""
    kind = COLUMNS[name].kind if name in COLUMNS else "text"
    if cell == "":
        return None
    if kind == "flag":
        return {"True": True, "False": False}[cell]
    if kind == "text":
        return cell
    if len(cell) > NUMBER_LENGTH:
        raise Unreadable(f"{name} is {shown(cell)}")
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)


def rows_of(path: Path, header: tuple[str, ...]) -> list[list[str]]:
    """The rows of a CSV file with a known header; none where the file is absent.

    Raises:
        BenchError: it is not that file.
    """
    if not as_it_lies(path).exists():
        return []
    rows = [row for _, row in _rows(path)]
    if not rows or tuple(rows[0]) != header or any(len(row) != len(header) for row in rows):
        raise BenchError(f"{path} does not have the columns {','.join(header)} throughout; restore the file")
    return rows[1:]


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    try:
        return csv_rows(path)
    except FileNotFoundError as error:
        raise BenchError(f"{path} is not there; restore the file") from error
    except Unreadable as error:
        raise BenchError(f"{path}: {error}; restore the file") from error


def number(field: str) -> float:
    """A number of a history or a curve: NaN where its cell is empty; infinities may be among them.

    Raises:
        ValueError: it is none, or beyond what can be drawn.
    """
    if len(field) > NUMBER_LENGTH:
        raise Unreadable(f"a number of {len(field):,} characters")
    value = float(field) if field else math.nan
    if math.isfinite(value) and abs(value) > LARGEST:
        raise Unreadable(f"{value:g} is beyond {LARGEST:g}")
    return value


def _float(path: Path, field: str) -> float:
    try:
        return number(field)
    except ValueError as error:
        raise BenchError(f"{path}: {shown(field)} is not a number; restore the file") from error


def _finite(path: Path, field: str) -> float:
    value = _float(path, field)
    if not math.isfinite(value):
        raise BenchError(f"{path}: {shown(field)} is not finite; restore the file")
    return value


def _read_pictures(path: Path) -> dict[str, Array]:
    try:
        pictures = arrays_of(path)
        check_pictures(pictures)
    except FileNotFoundError:
        return {}
    except Unreadable as error:
        raise BenchError(f"{path} cannot be read ({error}); restore the file") from error
    return pictures
