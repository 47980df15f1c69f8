"""The end of a detached task: no command waits for its process, whose machine writes the rows that it left out."""

from typing import Any

from bench.cells.ends import Watch
from bench.cells.finished import Finished
from bench.cells.order import from_plain
from bench.cells.pool import Pool
from bench.cells.process import Event, Process
from bench.cells.screen import Grid, Log
from bench.cells.supervise import Job, Supervisor
from bench.cells.sweep import record_line
from bench.cells.time_left import TimeLeft


def close(words: dict[str, Any], process: Process, said: bytes) -> None:
    """Takes what an ended process `said` of its cells, as the command does that waits; those without a record get one.

    Raises:
        CannotWrite: the results folder is not writable or full.
    """
    orders = [from_plain(order) for order in words["orders"]]
    grid = Grid(len(orders), TimeLeft({}, 1, {}))
    screen, pool = Log(grid), Pool(spawn=True)  # a pool that begins nothing
    supervisor = Supervisor(pool, screen, grid, len(orders), 1, words["again"], record_line, None, Finished())
    label = " ".join(order.run_id for order in orders)
    screen.begin(label, label)
    supervisor.jobs[process] = Job(orders, label, Watch(orders[0].timeout_seconds, queued=True))
    try:
        for message in [*process.lines(said), None]:
            supervisor.take(Event(process, message))
    finally:
        pool.end()
