"""The parent's loop: gives each cell a process, watches it, and writes the rows of those that die."""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.cells.ends import GARBLED, LONGEST_WAIT, Watch, reason_of
from bench.cells.finished import Finished
from bench.cells.lock import BEAT, Lock, locked
from bench.cells.order import Order
from bench.cells.process import CellPool, Event, Process
from bench.cells.screen import WELL, Grid, Screen
from bench.errors import CannotWrite
from bench.machine.stage import Stage
from bench.record.store import Record, divided

OUTPUT = "output.txt"
"""In a run's folder: what its process printed."""


@dataclass
class Job:
    """The cells of one process: one, or a pack.

    Attributes:
        orders: of the cells.
        label: of its lines.
        watch: its clock.
        locks: run folders that it holds, by run id.
        records: run id -> record made.
        row: what the cell under way has said of its row.
        current: run id of the cell under way; None while a pack trains together.
    """

    orders: list[Order]
    label: str
    watch: Watch
    locks: dict[str, Lock] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    row: Record = field(default_factory=dict)
    current: str | None = None


class Supervisor:
    """Runs orders in processes, so many side by side.

    Attributes:
        grid: cells that ended, and those that are due.
        bad: cells that did not end well, with status and error.
        waiting: cells that another process holds, and who that is.
        left: cells that did not begin in time.
    """

    def __init__(
        self,
        pool: CellPool,
        screen: Screen,
        grid: Grid,
        total: int,
        workers: int,
        again: bool,
        line: Callable[[Record], str],
        until: float | None,
        finished: Finished,
    ) -> None:
        """`total` stands behind places in labels; `line` says a record in words; none begins at the time `until`."""
        self.until, self.left = until, 0
        self.pool, self.screen, self.grid, self.total = pool, screen, grid, total
        self.workers, self.again, self.line = workers, again, line
        self.jobs: dict[Process, Job] = {}
        self.bad: list[tuple[Order, Record]] = []
        self.waiting: dict[str, tuple[Order, str]] = {}
        self.beat = time.monotonic()
        self.finished = finished

    def run(self, orders: list[Order]) -> None:
        """Makes each order's record that is not there yet, then waits for those that others hold.

        Raises:
            CannotWrite: the results folder is not writable or full.
            BenchError: the server of the processes is gone.
        """
        queue = deque(packs(orders))
        while queue or self.jobs:
            while queue and len(self.jobs) < self.workers:
                self.begin(queue.popleft())
            self.look()
        while self.waiting:
            time.sleep(LONGEST_WAIT)
            free = [order for order, _ in self.waiting.values() if Lock(order.folder.path).holder() is None]
            for order in free:
                del self.waiting[order.run_id]
            if free:
                self.run(free)

    def begin(self, orders: list[Order]) -> None:
        """Starts a process for the orders that have no record that counts."""
        due = [order for order in orders if not self.is_over(order)]
        if not due:
            return
        if self.until is not None and time.monotonic() >= self.until:
            self.left += len(due)
            return
        for order in due:
            order.forget_unresolved()
        first = due[0]
        short = f"{first.setting.place['data']}-{first.setting.place['model']}"
        if len(due) == 1:
            label, short = self.name(first), f"{short}-s{first.seed}"
        else:
            short = f"{short} x {len(due)}"
            label = f"[{first.number + 1}/{self.total}] {short}"
        task = {"do": "run", "orders": [order.plain() for order in due], "again": self.again}
        self.jobs[self.pool.start(task)] = Job(due, label, Watch(first.timeout_seconds, queued=True))
        self.grid.left.begin(order.run_id for order in due)
        self.screen.begin(label, short)

    def is_over(self, order: Order) -> bool:
        """True where nothing is left to do for an order: its record counts, or its planning ended it."""
        if order.setting.ended is not None:
            with locked(order.folder.path) as other:
                if other is None:
                    self.finish(order, self.write_row(order, order.setting.ended))
            return True
        end = None if self.again else self.finished.end(order)
        if end is None:
            return False
        where = f" ({end.where})" if end.where else ""
        self.screen.say(f"{self.name(order)}  finished before: {end.status}{where}")
        if end.status not in WELL:
            self.bad.append((order, order.finished() or {"status": end.status, "error": f"see {end.where}"}))
        self.count(order, end.status)
        return True

    def look(self) -> None:
        """Takes what has happened, ends processes that are out of time, and keeps locks fresh."""
        self.screen.look()
        patience = min((job.watch.patience() for job in self.jobs.values()), default=0.0)
        for event in self.pool.events(patience):
            if event.process in self.jobs:
                self.take(event)
        for process, job in self.jobs.items():
            if job.watch.over():
                process.kill()
        if time.monotonic() - self.beat > BEAT:
            self.beat = time.monotonic()
            for job in self.jobs.values():
                for lock in job.locks.values():
                    lock.touch()

    def take(self, event: Event) -> None:
        """One message of a process, or its end.

        Raises:
            CannotWrite: the process could not write.
        """
        job = self.jobs[event.process]
        if event.message is None:
            self.end(event.process, self.jobs.pop(event.process))
            return
        ((kind, content),) = event.message.items()
        if kind not in MESSAGES:
            job.watch.raised = GARBLED
            event.process.kill()
            return
        MESSAGES[kind](self, job, content)

    def take_stage(self, job: Job, content: Any) -> None:
        """How far a cell has come."""
        self.screen.show(job.label, Stage(**content))

    def take_line(self, job: Job, content: Any) -> None:
        """A line for the log."""
        self.screen.say(f"{job.label}  {content}")

    def take_lock(self, job: Job, content: Any) -> None:
        """A run folder that the process holds now."""
        (order,) = [order for order in job.orders if order.run_id == content]
        job.locks[content] = Lock(order.folder.path)
        job.watch.begin(0.0)

    def take_holder(self, job: Job, content: Any) -> None:
        """A run folder that another process holds."""
        (order,) = [order for order in job.orders if order.run_id == content["run_id"]]
        job.orders.remove(order)
        self.screen.say(f"{self.name(order)}  running elsewhere: {content['holder']}; waited for at the end")
        self.waiting[order.run_id] = (order, content["holder"])

    def take_beginning(self, job: Job, content: Any) -> None:
        """The beginning of a cell, or of a pack: its clock starts."""
        job.current, job.row = content["run_id"], {}
        job.watch.begin(content["elapsed"])

    def take_row(self, job: Job, content: Any) -> None:
        """What is known of the row of the cell under way."""
        job.row |= content

    def take_record(self, job: Job, content: Any) -> None:
        """The record of a cell, made now or by another process in the meantime."""
        (order,) = [order for order in job.orders if order.run_id == divided(content["run_id"])[0]]
        job.records[order.run_id] = content
        self.finish(order, content)

    def take_exception(self, job: Job, content: Any) -> None:
        """What the process raised in place of a record."""
        job.watch.raised = content

    def take_refusal(self, job: Job, content: Any) -> None:
        """The disk is full, or the folder not writable: no run can go on."""
        raise CannotWrite(content)

    def end(self, process: Process, job: Job) -> None:
        """The end of a process: cells without a record get a row that says how it ended."""
        self.screen.end(job.label)
        printed = process.printed()
        for order in job.orders:
            if printed and order.folder.path.is_dir():
                order.folder.write(OUTPUT, printed)
            if order.run_id not in job.records:
                job.records[order.run_id] = self.last_words(process, job, order)
                self.finish(order, job.records[order.run_id])
        for lock in job.locks.values():
            lock.release(process.pid)

    def last_words(self, process: Process, job: Job, order: Order) -> Record:
        """The record of a cell whose process ended without a word of it: its own, if it was written, else how it ended.

        Of a cell that another process holds by now nothing is written.
        """
        made = None if self.again else order.finished()
        if made is not None:
            return made
        known = job.row if job.current in (order.run_id, None) else {}
        row = {**known, **reason_of(process, job.watch)}
        if order.run_id in job.locks:
            return self.write_row(order, row)
        with locked(order.folder.path) as other:
            return {**order.identity(), **row} if other else self.write_row(order, row)

    def write_row(self, order: Order, row: Record) -> Record:
        """Writes the record of a cell whose process could not; a run that ended ok keeps its own beside it."""
        trained = order.trained()
        folder = order.folder.other(order.evaluation) if trained else order.folder
        record = {**order.identity(), **row, "run_id": folder.run_id}
        folder.write_record(record)
        return record

    def finish(self, order: Order, record: Record) -> None:
        """Counts a cell and says how it ended."""
        if record["status"] not in WELL:
            self.bad.append((order, record))
        self.grid.left.end(order.run_id, record)
        self.screen.say(f"{self.name(order)}  {self.line(record)}")
        self.count(order, record["status"])

    def count(self, order: Order, status: str) -> None:
        """Counts a cell that ended."""
        self.grid.left.end(order.run_id)
        self.grid.outcomes[status] += 1
        self.screen.count()

    def name(self, order: Order) -> str:
        """The cell's place in the grid and its id."""
        return f"[{order.number + 1}/{self.total}] {order.run_id}"


MESSAGES: dict[str, Callable[[Supervisor, Job, Any], None]] = {
    "stage": Supervisor.take_stage,
    "say": Supervisor.take_line,
    "locked": Supervisor.take_lock,
    "busy": Supervisor.take_holder,
    "began": Supervisor.take_beginning,
    "row": Supervisor.take_row,
    "record": Supervisor.take_record,
    "finished": Supervisor.take_record,
    "raised": Supervisor.take_exception,
    "mistake": Supervisor.take_exception,
    "cannot_write": Supervisor.take_refusal,
}
"""What is done with each kind of message of `bench.cells.worker`."""


def packs(orders: list[Order]) -> list[list[Order]]:
    """The orders of each process: those of a pack together, where its first one stands."""
    groups: dict[str | int, list[Order]] = defaultdict(list)
    for order in orders:
        groups[order.setting.pack or order.number].append(order)
    return list(groups.values())
