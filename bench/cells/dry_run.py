"""A plan in words: the runs that would be made, those that are finished, those that are refused, and the hours.

Hours come from earlier rows: tables of the results folder, and records of the study.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from bench.cells.finished import Finished
from bench.cells.order import Order
from bench.cells.planning import Orders
from bench.record.runs import FOLDER, run_paths
from bench.record.store import Record, RunFolder, studies_in, table_rows

CLOCKS = ("eval_seconds", "compile_seconds")

DataModel = tuple[str, str]
"""Data set and model."""


def forecast(orders: Orders, again: bool) -> Iterator[str]:
    """A line for each setting and for each refusal, and a last one of all.

    Args:
        orders: of the command.
        again: whether finished runs would be made anew.
    """
    prices = earlier_prices(orders.cells)
    finished = Finished()
    total, unknown, counts = 0.0, 0, Counter[str]()
    for setting, cells in of_settings(orders.cells):
        ends = [] if again else [end for end in map(finished.end, cells) if end is not None]
        statuses = Counter(end.status for end in ends)
        due, done = len(cells) - statuses.total(), statuses.total()
        counts["to run"] += due
        counts["finished"] += done
        place = cells[0].setting.place
        price = prices.get((place["data"], place["model"]))
        each = None if price is None else price.of(cells[0])
        total += due * (each or 0.0)
        unknown += due if each is None else 0
        hours = "" if not due else ", no earlier row says how long" if each is None else f", about {clock(due * each)}"
        ended = "" if not done else f", {done} finished ({', '.join(f'{n} {s}' for s, n in statuses.items())})"
        yield f"{setting}  {due} to run{ended}{hours}"
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


class Price(NamedTuple):
    """Seconds of earlier runs.

    Attributes:
        fixed: of an evaluation and of compiling.
        per_step: of a training step.
    """

    fixed: float
    per_step: float

    def of(self, cell: Order) -> float:
        """Seconds that a cell will take: its steps, where its budget counts them, and the rest."""
        return self.fixed + self.per_step * (cell.setting.config["budget"]["steps"] or 0)


def earlier_prices(cells: list[Order]) -> dict[DataModel, Price]:
    """Medians over earlier runs of each data set and model: of the study itself, else of any other."""
    if not cells:
        return {}
    own = cells[0].study_folder
    studies = studies_in(own.parent)
    others = medians(row for study in studies if study != own for row in table_rows(study))
    return others | medians(chain(table_rows(own), records_of(cells)))


def medians(rows: Iterable[Mapping[str, Any]]) -> dict[DataModel, Price]:
    """The medians by data set and model, over rows that ended well."""
    seconds: dict[DataModel, list[Price]] = defaultdict(list)
    for row in rows:
        if row.get("status") == "ok":
            steps = float(row.get("steps") or 0)
            train, rest = float(row.get("train_seconds") or 0), sum(float(row.get(clock) or 0) for clock in CLOCKS)
            price = Price(rest, train / steps) if steps else Price(rest + train, 0.0)
            seconds[str(row.get("data")), str(row.get("model"))].append(price)
    return {pair: Price(*map(statistics.median, zip(*prices, strict=True))) for pair, prices in seconds.items()}


def records_of(cells: Iterable[Order]) -> Iterator[Record]:
    """The records of cells that have one."""
    for cell in cells:
        try:
            record = cell.folder.read()
        except ValueError:
            continue
        if record is not None:
            yield record


def records_of_study(study: Path) -> list[Record]:
    """The records of a study's run folders; broken ones are none."""
    records = []
    for path in run_paths(study / FOLDER):
        try:
            record = RunFolder(path).read()
        except ValueError:
            continue
        records += [] if record is None else [record]
    return records


def clock(seconds: float) -> str:
    """A length of time in seconds, minutes or hours, to a tenth of an hour."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
