"""How long the rest of a grid takes: seconds of earlier runs, set right by the pace of those that have ended here."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.cells.dry_run import DataModel, Price, earlier_prices, medians
from bench.cells.finished import Finished
from bench.cells.order import Order
from bench.record.store import Record

RECENT = 20
"""Runs of a model on a data set that its price is the median of."""


@dataclass
class TimeLeft:
    """The clock of a grid.

    Attributes:
        due: cells that are to be made, by run id.
        workers: that run side by side.
        prices: of earlier runs, by data set and model.
        now: the clock.
        began: when each cell under way began.
        ended: what cells that ended here were expected to take, and what they took, in seconds.
        made: the last records of this grid, by data set and model.
    """

    due: dict[str, Order]
    workers: int
    prices: dict[DataModel, Price]
    now: Callable[[], float] = time.monotonic
    began: dict[str, float] = field(default_factory=dict)
    ended: list[tuple[float | None, float]] = field(default_factory=list)
    made: dict[DataModel, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def begin(self, run_ids: Iterable[str]) -> None:
        """Cells that one process makes now."""
        self.began |= dict.fromkeys(run_ids, self.now())

    def end(self, run_id: str, record: Record | None = None) -> None:
        """A cell that ended: with its record where it was made now."""
        order, began = self.due.pop(run_id, None), self.began.pop(run_id, None)
        if order is None or began is None or record is None or record.get("status") != "ok":
            return
        self.ended.append((self.expected(order), self.now() - began))
        pair = order.setting.place["data"], order.setting.place["model"]
        self.made[pair] = [*self.made[pair], record][-RECENT:]
        self.prices |= medians(self.made[pair])

    def expected(self, order: Order) -> float | None:
        """Seconds that a cell takes by its own clocks; None where no earlier run of its model on its data says so."""
        price = self.prices.get((order.setting.place["data"], order.setting.place["model"]))
        return None if price is None else price.of(order)

    def seconds(self) -> float | None:
        """Seconds until the last cell ends; None where nothing is known yet."""
        known = [(expected, taken) for expected, taken in self.ended if expected]
        wanted = sum(expected for expected, _ in known)
        pace = sum(taken for _, taken in known) / wanted if wanted else 1.0
        usual = sum(taken for _, taken in self.ended) / len(self.ended) if self.ended else None
        total = 0.0
        for run_id, order in self.due.items():
            expected = self.expected(order)
            seconds = usual if expected is None else pace * expected
            if seconds is None:
                return None
            total += max(0.0, seconds - (self.now() - self.began[run_id] if run_id in self.began else 0.0))
        return total / max(1, min(self.workers, len(self.due)))


def time_left(orders: list[Order], workers: int, again: bool, finished: Finished) -> TimeLeft:
    """The clock of a grid that begins, with the seconds of earlier runs; with `again` finished cells are due too."""
    due = {order.run_id: order for order in orders if again or finished.end(order) is None}
    return TimeLeft(due, workers, earlier_prices(orders) if due else {})
