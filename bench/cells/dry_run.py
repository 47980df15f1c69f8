"""A plan in words: the runs that would be made, those that are finished, those that are refused, and the hours.

Hours come from earlier rows: tables of the results folder, and records of the study.
"""

import csv
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.cells.order import Order
from bench.cells.planning import Orders
from bench.record.store import TABLE, Record

CLOCKS = ("train_seconds", "eval_seconds", "compile_seconds")

Kind = tuple[str, str]
"""Data set and model."""


def forecast(orders: Orders, again: bool) -> Iterator[str]:
    """A line for each setting and for each refusal, and a last one of all.

    Args:
        orders: of the command.
        again: whether finished runs would be made anew.
    """
    seconds = earlier_seconds(orders.cells)
    total, unknown, counts = 0.0, 0, Counter[str]()
    for setting, cells in of_settings(orders.cells):
        records = [] if again else [record for record in (cell.finished() for cell in cells) if record is not None]
        statuses = Counter(str(record["status"]) for record in records)
        due, done = len(cells) - statuses.total(), statuses.total()
        counts["to run"] += due
        counts["finished"] += done
        place = cells[0].setting.place
        each = seconds.get((place["data"], place["model"]))
        total += due * (each or 0.0)
        unknown += due if each is None else 0
        price = "" if not due else ", no earlier row says how long" if each is None else f", about {clock(due * each)}"
        ended = "" if not done else f", {done} finished ({', '.join(f'{n} {s}' for s, n in statuses.items())})"
        yield f"{setting}  {due} to run{ended}{price}"
    for refusal in orders.refusals:
        counts["refused"] += refusal.cells
        yield f"{refusal.words}  {refusal.cells} refused: {refusal.reason}"
    said = ", ".join(f"{counts[name]} {name}" for name in ("to run", "finished", "refused") if counts[name])
    known = f"; about {clock(total)} one after the other" if total else ""
    rest = f"; no earlier row says how long {unknown} of them take" if unknown else ""
    yield f"{counts.total()} runs: {said}{known}{rest}"


def of_settings(cells: Iterable[Order]) -> list[tuple[str, list[Order]]]:
    """The cells that share all but their seed, with the data, the model and the hash of the first of them."""
    settings: dict[int, list[Order]] = defaultdict(list)
    for cell in cells:
        settings[id(cell.setting)].append(cell)
    return [(title(group[0]), group) for group in settings.values()]


def title(cell: Order) -> str:
    """Data, model and hash of a cell."""
    return f"{cell.setting.place['data']} {cell.setting.place['model']} {cell.run_id[-8:]}"


def earlier_seconds(cells: list[Order]) -> dict[Kind, float]:
    """The median seconds of earlier runs of each data set and model: of the study itself, else of any other."""
    if not cells:
        return {}
    own = cells[0].study_folder
    tables = sorted(own.parent.glob(f"*/{TABLE}"))
    others = medians(row for table in tables if table.parent != own for row in rows_of(table))
    return others | medians([*rows_of(own / TABLE), *records_of(cells)])


def medians(rows: Iterable[Record]) -> dict[Kind, float]:
    """The median of all clocks together, by data set and model, over rows that ended well."""
    seconds: dict[Kind, list[float]] = defaultdict(list)
    for row in rows:
        if row.get("status") == "ok":
            seconds[str(row["data"]), str(row["model"])].append(sum(float(row.get(clock) or 0) for clock in CLOCKS))
    return {kind: statistics.median(values) for kind, values in seconds.items()}


def rows_of(table: Path) -> list[dict[str, Any]]:
    """The rows of a table.csv; none where there is no file."""
    if not table.exists():
        return []
    with open(table, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def records_of(cells: Iterable[Order]) -> Iterator[Record]:
    """The records of cells that have one."""
    for cell in cells:
        try:
            record = cell.folder.read()
        except ValueError:
            continue
        if record is not None:
            yield record


def clock(seconds: float) -> str:
    """A length of time in seconds, minutes or hours, to a tenth of an hour."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
