"""The first half of a report: run folders -> the files that can be committed."""

import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from bench.record.reading import Unreadable, csv_rows, shown
from bench.record.runs import FOLDER, SHARD, run_path
from bench.record.store import EVALUATION, EVALUATIONS, TABLE, Record, RunFolder, divided
from bench.record.typed import printable
from bench.record.writing import write_atomically, write_table
from bench.report.committed_rows import CommittedRows, kept_beside
from bench.report.inert import said
from bench.report.picture_archive import archive, pictures_of
from bench.report.products import PRODUCTS, TestSet, from_runs, merged, packed
from bench.report.run_settings import with_tuning
from bench.report.study import (
    CURVE_COLUMNS,
    CURVE_KINDS,
    CURVES,
    HISTORIES,
    HISTORY_COLUMNS,
    PICTURES,
    Run,
    label,
    number,
    row_of,
    table_text,
    write_csv,
)
from bench.report.variants import name_variants
from bench.tuning import file

HISTORY_POINTS, HISTORY_ROWS = (20, 10, 5), 25_000
"""Validations of a run that histories.csv holds at most: the first number with which all runs have so few rows. It
changes seldom: all plots are drawn again when it does."""
CURVE_POINTS = 1_000
CurveRow = tuple[str, str, float, float]
"""run_id, kind of curve, x and y."""


@dataclass
class Collected:
    """The runs under runs/, counted, and the files there that could not be read.

    Attributes:
        finished: runs with a readable record.
        unfinished: run folders without a record.
        warnings: a line for each file that could not be read.
    """

    finished: int = 0
    unfinished: int = 0
    warnings: list[str] = field(default_factory=list)


def collect(folder: Path) -> Collected:
    """Writes table.csv, histories.csv, curves.csv, pictures.npz and products.npz of a study from its runs/.

    A study without runs/, as in a fresh clone, or without any finished run keeps the files that it has. A record
    that cannot be read is left as it is, named in a warning and has no row. Rows of runs that are not there stay, so
    that a study grows in pieces, over days and machines.

    Raises:
        BenchError: the folder cannot be written.
    """
    collected = Collected()
    runs, curves = _read(folder / FOLDER, collected)
    collected.finished = len(runs)
    if not runs:
        return collected
    runs, kept = beside_committed(folder, runs, collected)
    points = points_of(len(runs))
    histories = {run["run_id"]: _history(folder / FOLDER, run["run_id"], points, collected.warnings) for run in runs}
    pictures = pictures_of(runs, folder / FOLDER, collected.warnings)
    test_sets = from_runs(runs, folder, collected.warnings)
    test_sets = merged(kept.test_sets, test_sets, {run["run_id"] for run in kept.runs})
    runs = in_order([*runs, *kept.runs])
    with_tuning(runs, file.read(folder))
    write_table(folder / TABLE, table_text(runs))
    write_table(folder / HISTORIES, write_csv(("run_id", *HISTORY_COLUMNS), each(runs, histories, kept.histories)))
    write_table(folder / CURVES, write_csv(CURVE_COLUMNS, each(runs, curves, kept.curves)))
    write_atomically(folder / PICTURES, archive(kept.with_pictures(pictures)))
    if test_sets or kept.test_sets:
        write_atomically(folder / PRODUCTS, archive(packed(test_sets)))
    return collected


def points_of(runs: int) -> int:
    """How many validations histories.csv holds of each of so many runs, at most."""
    return next((points for points in HISTORY_POINTS if points * runs <= HISTORY_ROWS), HISTORY_POINTS[-1])


def beside_committed(folder: Path, runs: list[Run], collected: Collected) -> tuple[list[Run], CommittedRows]:
    """The runs under runs/ by name and in order, and the committed rows that stay beside them."""
    name_variants(runs, folder / FOLDER, collected.warnings)
    runs = in_order(runs)
    return runs, kept_beside(folder, runs)


def read_only(folder: Path, data: set[str]) -> tuple[list[Run], dict[str, TestSet]]:
    """The rows of some data sets and their test sets as `collect` would write them; nothing is written.

    Raises:
        BenchError: one of the study's files cannot be read as what it should be.
    """
    collected = Collected()
    runs, kept = beside_committed(folder, _read(folder / FOLDER, collected)[0], collected)
    own = [run for run in runs if run["data"] in data]
    new = from_runs(own, folder, collected.warnings)
    test_sets = merged(kept.test_sets, new, {run["run_id"] for run in kept.runs})
    rows = in_order([*own, *(run for run in kept.runs if run["data"] in data)])
    with_tuning(rows, file.read(folder))
    return rows, test_sets


def each(runs: list[Run], new: Mapping[str, Sequence[Sequence[Any]]], kept: list[list[str]]) -> list[Sequence[Any]]:
    """The rows of every run, in the order of the runs."""
    of: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for row in kept:
        of[row[0]].append(row)
    return [row for run in runs for row in new.get(run["run_id"], of[run["run_id"]])]


def _read(runs_folder: Path, collected: Collected) -> tuple[list[Run], dict[str, list[CurveRow]]]:
    """The runs, and by run_id their curves; unfinished runs are counted and broken records named in `collected`."""
    runs: list[Run] = []
    curves: dict[str, list[CurveRow]] = {}
    for run in _rows(runs_folder, collected.warnings):
        try:
            record = run.read()
            if record is None:
                collected.unfinished += 1
                continue
            row, points = row_of(record), _curves(record)
        except Unreadable as error:
            collected.warnings.append(f"{said(run.record_path)} is broken ({error}); left out")
            continue
        runs.append(row)
        curves[run.run_id] = points
    return runs, curves


def _rows(runs_folder: Path, warnings: list[str]) -> Iterator[RunFolder]:
    """The folder of each run, and those of other evaluations of it."""
    folders = _folders(runs_folder, warnings)
    inside = (_folders(path, warnings) if SHARD.fullmatch(path.name) else [path] for path in folders)
    direct = {path.name for path in folders}
    for path in sorted(chain(*inside), key=lambda path: path.name):
        if path.parent != runs_folder and path.name in direct:
            warnings.append(f"{said(path)} lies in {runs_folder.name}/ itself too, which counts; left out")
            continue
        if divided(path.name)[1]:
            warnings.append(f"{said(path)} has the name of another evaluation, which lies elsewhere; left out")
            continue
        run = RunFolder(path)
        yield run
        others = _folders(path / EVALUATIONS, warnings)
        yield from (run.other(other.name) for other in others if EVALUATION.fullmatch(other.name))


def _folders(folder: Path, warnings: list[str]) -> list[Path]:
    """The folders in one, sorted; links are named in a warning and not followed."""
    if folder.is_symlink():
        warnings.append(f"{said(folder)} is a link, which is not followed; let the study's folder be the link")
        return []
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        warnings.append(f"{said(folder)} cannot be read ({error.strerror}); left out")
        return []
    links = [entry for entry in entries if entry.is_symlink()]
    warnings += [f"{said(folder / link.name)} is a link, which is not followed; left out" for link in links]
    return [folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _curves(record: Record) -> list[CurveRow]:
    """The rows of curves.csv of one record.

    Raises:
        Unreadable: a curve is not a list of pairs of numbers.
    """
    rows: list[CurveRow] = []
    for kind in CURVE_KINDS:
        curve = record.get(f"{kind}_curve") or []
        if not isinstance(curve, list) or not all(map(_is_point, curve)) or len(curve) > CURVE_POINTS:
            raise Unreadable(f"{kind}_curve is {shown(curve)}")
        rows += [(record["run_id"], kind, float(x), float(y)) for x, y in curve]
    return rows


def _is_point(pair: Any) -> bool:
    numbers = isinstance(pair, list) and [isinstance(value, (int, float)) for value in pair]
    return numbers == [True, True]


def in_order(runs: list[Run]) -> list[Run]:
    """By data, model, rung, setting and seed."""

    def place(run: Run) -> tuple[Any, ...]:
        at = run.get("rung") or 1.0, run.get("setting") or ""
        return run["data"], natural(label(run)), *at, run["seed"], run["run_id"]

    return sorted(runs, key=place)


def natural(text: str) -> list[str | int]:
    """A key by which `d=2` comes before `d=10`: words and whole numbers in turn."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", text))]


def _history(runs_folder: Path, run_id: str, points: int, warnings: list[str]) -> list[list[str]]:
    """At most so many rows of a run's history.csv behind its row's id; none where it is absent or broken."""
    file = run_path(runs_folder, divided(run_id)[0]) / "history.csv"
    try:
        rows = [row for _, row in csv_rows(file)]
        if not rows or tuple(rows[0]) != HISTORY_COLUMNS or any(len(row) != len(HISTORY_COLUMNS) for row in rows):
            raise Unreadable(f"its columns are not {','.join(HISTORY_COLUMNS)} throughout")
        for row in rows[1:]:
            list(map(number, row))
    except FileNotFoundError:
        return []
    except ValueError as error:
        warnings.append(f"{said(file)} is broken ({printable(str(error))}); left out")
        return []
    return [[run_id, *row] for row in thinned(rows[1:], points)]


def thinned(rows: list[list[str]], points: int) -> list[list[str]]:
    """At most so many validations of a run, evenly spaced: first, last and lowest among them."""
    if len(rows) <= points:
        return rows
    place = HISTORY_COLUMNS.index("val_nll_nats")
    values = [float(row[place] or "nan") for row in rows]
    finite = [n for n, value in enumerate(values) if math.isfinite(value)]
    lowest = [min(finite, key=values.__getitem__)] if finite else []
    count, last = points - len(lowest), len(rows) - 1
    kept = {round(n * last / (count - 1)) for n in range(count)} | set(lowest)
    return [rows[n] for n in sorted(kept)]
