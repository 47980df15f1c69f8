"""A sweep: each cell in a process of its own, a line as it ends; failures keep their rows."""

from functools import partial

from bench.cells.closing import Swept
from bench.cells.finished import Finished
from bench.cells.order import Order
from bench.cells.process import CellPool
from bench.cells.screen import Grid, screen_for
from bench.cells.supervise import Supervisor
from bench.cells.terminal import Once, say
from bench.cells.time_left import time_left
from bench.errors import OutOfHours
from bench.record.store import Record
from bench.record.typed import cut

SHOWN_ERROR = 500
"""Characters of a row's error that its line on the terminal shows."""


def sweep(
    orders: list[Order],
    pool: CellPool,
    *,
    processes: int = 1,
    threads: int | None = None,
    again: bool = False,
    told: Once | None = None,
    until: float | None = None,
    finished: Finished | None = None,
) -> Swept:
    """Makes each cell's record that is not there yet, so many side by side; how many ended how, and which not well.

    Each cell has `threads` CPU threads; None leaves those of its configuration.

    With `again` a record that is there is made anew. Cells that another process is running are left to it and waited
    for at the end. With `pack` cells are trained together when the first of them is due. Warnings of data that were
    `told` while the cells were planned are not said again with each. At the time `until` no further cell begins.
    What is known to be `finished` is not looked up again.

    Raises:
        OutOfHours: cells are left that did not begin.
        CannotWrite: the folder of the results cannot be written, or is gone for long.
    """
    told, finished = told or Once(say), finished or Finished()
    total, line = max(order.number for order in orders) + 1, partial(record_line, told=told)
    grid = Grid(len(orders), time_left(orders, processes, again, finished))
    screen = screen_for(grid)
    try:
        supervisor = Supervisor(pool, screen, grid, total, processes, again, line, until, finished)
        supervisor.run([order.on(threads) for order in orders])
    finally:
        screen.close()
    if supervisor.left:
        raise OutOfHours(supervisor.left)
    return Swept(grid.outcomes, supervisor.bad)


def record_line(record: Record, told: Once | None = None) -> str:
    """A finished run in one line, without the warnings of its data that were told."""
    told = told or Once(say)
    if record["status"] != "ok":
        return f"{record['status']}: {cut(record['error'], SHOWN_ERROR)}"
    training = f"{record['steps']} steps" if record.get("steps") else "fitted"
    parts = [f"ok  {record['parameters']} parameters  {training} in {record['train_seconds']:.1f} s"]
    if record.get("compile_seconds"):
        parts.append(f"compiled in {record['compile_seconds']:.1f} s")
    if record.get("nll_nats") is not None:
        bound = "<=" if record["nll_is_bound"] else "="
        parts.append(f"NLL {bound} {record['nll_nats']:.3f} nats ({record['nll_estimator']})")
    if record.get("validation") is not None:
        parts.append(f"validation {record['validation']:.3f} ({record['selected_by']})")
    if record.get("kl_to_truth") is not None:
        parts.append(f"KL {record['kl_to_truth']:.3f}")
    if warning := told.new_part(record.get("warning") or "", f"warning: data={record.get('data')}: "):
        parts.append(f"warning: {warning}")
    return "  ".join(parts)
