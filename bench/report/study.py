"""A study as the report sees it: four tidy files from which every table, plot and page is drawn."""

import csv
import io
import json
import math
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import BenchError, unknown
from bench.record.columns import COLUMNS, STATUSES, Kind
from bench.record.store import TABLE

Run = dict[str, Any]
Array = NDArray[Any]

HISTORIES, CURVES, PICTURES = "histories.csv", "curves.csv", "pictures.npz"
HISTORY_COLUMNS = ("step", "train_seconds", "train_loss_nats", "val_nll_nats")
CURVE_COLUMNS = ("run_id", "curve", "x", "y")


@dataclass(frozen=True)
class Study:
    """The four files, read.

    Attributes:
        name: the study's folder under results/.
        runs: one dict a run, sorted by data, model and seed; a missing quantity is None.
        histories: run_id -> `(validations, 4)` float64, columns `HISTORY_COLUMNS`; NaN where a field is empty.
        curves: (run_id, `k` or `noise`) -> `(points, 2)` float64, x and y.
        pictures: `samples/<data>/<label>`, `by-class/<data>/<label>`, `density/<data>/<label>`,
            `extent/<data>/<label>`, and one `real/<data>` and `truth/<data>` a data set, as
            `bench.report.picture_archive` makes them.
    """

    name: str
    runs: list[Run]
    histories: dict[str, Array]
    curves: dict[tuple[str, str], Array]
    pictures: dict[str, Array]


def label(run: Run) -> str:
    """The name of a run's row and line: the model, with what else the study varied in brackets."""
    return f"{run['model']} ({run['variant']})" if run.get("variant") else str(run["model"])


def validated(record: dict[str, Any]) -> Run:
    """A record's scalars, held against the kinds of their columns.

    Raises:
        ValueError: a column holds the wrong kind of value, an infinity or a NaN, or the status does not exist.
    """
    for name in ("data", "model", "seed"):
        if record.get(name) is None:
            raise ValueError(f"{name} is missing")
    if record["status"] not in STATUSES:
        raise ValueError(f"status is {record['status']!r}")
    for name, column in COLUMNS.items():
        _check_kind(name, column.kind, record.get(name))
    scalars = {name: record.get(name) for name in COLUMNS}
    for name, value in record.items():
        if name not in COLUMNS and name not in ("k_curve", "noise_curve"):
            scalars[name] = json.dumps(value) if isinstance(value, (list, dict)) else value
    return scalars


def _check_kind(name: str, kind: Kind, value: Any) -> None:
    """Refuses a number or a flag that is none; text is left as it is, and None is an absent quantity."""
    if value is None or kind == "text":
        return
    if not isinstance(value, bool if kind == "flag" else (int, float)) or (
        kind == "number" and isinstance(value, bool)
    ):
        raise ValueError(f"{name} is {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} is not finite")


def write_csv(header: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV: None is an empty cell, floats are written so that they read back bit for bit."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def frame(runs: list[Run]) -> pd.DataFrame:
    """The runs as a table: one row a run, the fixed columns first, nullable types, empty where a quantity is absent."""
    extra = sorted({name for run in runs for name in run} - COLUMNS.keys())
    return pd.DataFrame({name: series([run.get(name) for run in runs]) for name in [*COLUMNS, *extra]})


def series(values: list[Any]) -> "pd.Series[Any]":
    """A column of the type that its values have, None aside."""
    kinds = {type(value) for value in values if value is not None}
    dtypes: dict[str, set[type]] = {"boolean": {bool}, "Int64": {int}, "Float64": {int, float}}
    for dtype, members in dtypes.items():
        if kinds and kinds <= members:
            return pd.Series(values, dtype=dtype)
    return pd.Series(values, dtype=object)


def table_text(runs: list[Run]) -> str:
    """table.csv, from which every number reads back bit for bit."""
    return frame(runs).to_csv(index=False, lineterminator="\n")


def study_folder(study: str, results_dir: Path) -> Path:
    """The folder of a study.

    Raises:
        BenchError: there is none; the message names the nearest that exist.
    """
    folder = results_dir / study
    if folder.is_dir():
        return folder
    known = [path.name for path in results_dir.iterdir() if path.is_dir()] if results_dir.is_dir() else []
    raise BenchError(f"{unknown('study', study, known, str(results_dir))}; `bench run study=NAME` makes one")


def load(folder: Path) -> Study:
    """Reads the four files of a study; only table.csv must be there.

    Raises:
        BenchError: one of them cannot be read as what it should be.
    """
    histories: dict[str, list[list[float]]] = {}
    for row in rows_of(folder / HISTORIES, ("run_id", *HISTORY_COLUMNS)):
        histories.setdefault(row[0], []).append([_float(folder / HISTORIES, field) for field in row[1:]])
    curves: dict[tuple[str, str], list[list[float]]] = {}
    for run_id, curve, x, y in rows_of(folder / CURVES, CURVE_COLUMNS):
        curves.setdefault((run_id, curve), []).append([_float(folder / CURVES, field) for field in (x, y)])
    return Study(
        name=folder.name,
        runs=_read_table(folder / TABLE),
        histories={name: np.array(rows) for name, rows in histories.items()},
        curves={name: np.array(rows) for name, rows in curves.items()},
        pictures=_read_pictures(folder / PICTURES),
    )


def _read_table(path: Path) -> list[Run]:
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, restkey="too many cells", restval=None)
        runs = []
        for row in reader:
            try:
                runs.append(validated({name: _value(name, cell) for name, cell in row.items()}))
            except (ValueError, KeyError, TypeError) as error:
                raise BenchError(
                    f"{path}, line {reader.line_num}: {error}; restore the file or run the study"
                ) from error
    return runs


def _value(name: str, cell: str | None) -> Any:
    """A cell of table.csv as the value that was written."""
    if cell is None or cell == "":
        return None
    kind = COLUMNS[name].kind if name in COLUMNS else "text"
    if kind == "flag":
        return {"True": True, "False": False}[cell]
    if kind == "text":
        return cell
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)


def rows_of(path: Path, header: tuple[str, ...]) -> list[list[str]]:
    """The rows of a CSV file with a known header; none where the file is absent."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or tuple(rows[0]) != header or any(len(row) != len(header) for row in rows):
        raise BenchError(f"{path} does not have the columns {','.join(header)} throughout; restore the file")
    return rows[1:]


def _float(path: Path, field: str) -> float:
    try:
        return float(field) if field else math.nan
    except ValueError as error:
        raise BenchError(f"{path}: {field!r} is not a number; restore the file") from error


def _read_pictures(path: Path) -> dict[str, Array]:
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise BenchError(f"{path} cannot be read ({error}); restore the file") from error
