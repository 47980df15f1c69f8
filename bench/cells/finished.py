"""Cells that are finished: by a record in their run folder, or by a row of the study's committed table."""

from pathlib import Path
from typing import NamedTuple

from bench.cells.order import Order
from bench.record.store import FINISHED, committed_statuses


class End(NamedTuple):
    """How a cell ended before.

    Attributes:
        status: of its row.
        where: `` for its own record, else the table that has the row.
    """

    status: str
    where: str


class Finished:
    """What is finished in the studies of a command; each table is read once, and each record that counts."""

    def __init__(self) -> None:
        self.tables: dict[Path, dict[tuple[str, str], str]] = {}
        self.ends: dict[tuple[str, str], End] = {}

    def end(self, order: Order) -> End | None:
        """How the cell ended; None where it is due.

        Raises:
            Unreadable: the study's table cannot be read.
        """
        key = order.run_id, order.evaluation
        if key not in self.ends and (end := self.found(order)) is not None:
            self.ends[key] = end
        return self.ends.get(key)

    def found(self, order: Order) -> End | None:
        """How the cell ended, looked up."""
        record = order.finished()
        if record is not None:
            return End(record["status"], "")
        study = order.study_folder
        if study not in self.tables:
            self.tables[study] = committed_statuses(study)
        status = self.tables[study].get((order.run_id, order.evaluation))
        return End(status, "table.csv") if status in FINISHED else None
