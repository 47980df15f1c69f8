"""The best run of each data set of a study, by its table: selected on validation, so that its test NLL stays a report.

A data set is what rows share by content: one name may stand for several files of a user's.
"""

import math
import shlex
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from bench.config import is_tuned
from bench.errors import BenchError, unknown
from bench.record.store import divided, table_rows
from bench.record.warnings import UNBOUNDED

BEST = "best"
"""In a study's folder: a run of each data set that is kept with its weights."""
ENTRY = ("model", "variant", "rung", "setting")
"""Columns that tell entries of a data set apart."""
CONTENT = ("data_hash", "test_hash")
"""Columns of which rows on the same data share one."""

Row = dict[str, str]


class Best(NamedTuple):
    """A data set's best run.

    Attributes:
        run_id: of the run.
        bounds: the other models of which a bound alone is known: they may be better than it shows.
    """

    run_id: str
    bounds: tuple[str, ...]


def best_runs(study: Path) -> tuple[dict[str, Best], list[str]]:
    """Data set -> its best run, and a line for each data set that has none.

    The best entry has the lowest mean validation NLL among the tuned runs of the data set that ended ok, at any rung of
    a ladder; in a study without tuned runs, among all that are trained. A bound counts as it stands. Of the entry's
    seeds the best run on validation is taken.

    Args:
        study: its folder.

    Raises:
        BenchError: the study has no table, or one without runs that ended ok.
    """
    found, without = dict[str, Best](), []
    for name, rows in data_sets(study).items():
        try:
            found[name] = best_of(rows, f"{study.name}/{BEST}/{name}")
        except BenchError as reason:
            without.append(str(reason))
    return found, without


def best_run(study: Path, data: str) -> Best:
    """The best run of one data set; see `best_runs`.

    Args:
        study: its folder.
        data: a name of the table, with `-` and a `data_hash` behind it where it stands for several data sets.

    Raises:
        BenchError: the study has no table, no such data or several of that name, or none of its runs is best.
    """
    known = data_sets(study)
    what = f"{study.name}/{BEST}/{data}"
    if data not in known:
        same = {name: rows for name, rows in known.items() if rows[0]["data"] == data}
        if not same:
            raise unknown("data set", data, known, f"the table of {study.name}")
        told = ", ".join(f"{name}{file_of(rows)}" for name, rows in same.items())
        raise BenchError(f"{what}: {len(same)} data sets have that name, {told}; name one of these")
    return best_of(known[data], what)


def data_sets(study: Path) -> dict[str, list[Row]]:
    """Name -> rows of the trained runs that ended ok; `data-<data_hash>` where one name is of several data sets.

    Raises:
        BenchError: there is no such row.
    """
    rows = [row for row in table_rows(study) if row.get("status") == "ok" and not divided(row.get("run_id", ""))[1]]
    if not rows:
        raise BenchError(f"{study}: no {study.name}/table.csv with runs that ended ok; is it a study's folder?")
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if number(row, "nll_nats") is not None and row.get("steps"):
            by_name[row["data"]].append(row)
    found: dict[str, list[Row]] = {}
    for name in by_name:
        groups = by_content(by_name[name])
        for group in groups:
            content = next((group[0][column] for column in CONTENT if group[0].get(column)), "older")
            found[name if len(groups) == 1 else f"{name}-{content}"] = group
    return dict(sorted(found.items()))


def by_content(rows: list[Row]) -> list[list[Row]]:
    """The rows, divided so that those on the same data, or on the same test examples, are together.

    Folds and training draws of one data set share its `data_hash`. Rows of before there were hashes are taken together.
    """
    groups: list[tuple[set[str], list[Row]]] = []
    for row in rows:
        content, own = {row.get(column) or "" for column in CONTENT}, [row]
        content = content - {""} or {""}
        for known, members in [group for group in groups if group[0] & content]:
            content, own = known | content, members + own
            groups = [group for group in groups if group[1] is not members]
        groups.append((content, own))
    return [own for _, own in groups]


def file_of(rows: list[Row]) -> str:
    """The file of a user's data in brackets, by the command of their first row; empty where it names none."""
    try:
        words = shlex.split(rows[0].get("command", ""))
    except ValueError:
        return ""
    path = next((word.partition("=")[2] for word in words if word.startswith("data.path=")), "")
    return f" ({Path(path).name})" if path else ""


def best_of(rows: list[Row], what: str) -> Best:
    """The best run of the rows of one data set.

    Raises:
        BenchError: their likelihood grows without bound, or no validation NLL is known.
    """
    bounded = [row for row in rows if UNBOUNDED not in row.get("warning", "")]
    if not bounded:
        raise BenchError(f"{what}: its columns have ties, {UNBOUNDED}: no run is best; name a run by its id")
    entries: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in bounded:
        entries[tuple(row.get(name, "") for name in ENTRY)].append(row)
    each = list(entries.values())
    met = [own for own in each if is_tuned(own[0].get("setting"))] or each
    best = min(met, key=lambda own: fmean(map(validated, own)))
    if fmean(map(validated, best)) == math.inf:
        raise BenchError(f"{what}: no model has a validation NLL in every row to select by; name a run by its id")
    first = min(best, key=lambda row: (validated(row), number(row, "seed") or 0.0))
    bounds = {own[0]["model"] for own in met if own is not best and any(is_bound(row) for row in own)}
    return Best(first["run_id"], tuple(sorted(bounds)))


def is_bound(row: Row) -> bool:
    """True where a row's likelihood is a bound."""
    return row.get("nll_is_bound", "").lower() == "true"


def validated(row: Row) -> float:
    """A row's validation NLL, to be as small as possible; infinite where another value chose the weights."""
    value = number(row, "val_nll_nats")
    return math.inf if value is None else value


def number(row: Row, column: str) -> float | None:
    """The finite number in a cell; None where there is none."""
    try:
        value = float(row.get(column, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
