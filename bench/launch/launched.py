"""A sweep where its configuration's `launch` says; a detached one is handed over and left."""

from collections import Counter
from pathlib import Path

from bench.cells.closing import Swept
from bench.cells.finished import Finished
from bench.cells.order import Order
from bench.cells.pool import Pool
from bench.cells.process import CellPool
from bench.cells.sweep import sweep
from bench.cells.terminal import Once, say
from bench.errors import BenchError
from bench.launch.launcher import launcher_of
from bench.record.runs import FOLDER
from bench.record.writing import await_folder, make_folder


def launched(
    cells: list[Order], local: Pool, again: bool = False, told: Once | None = None, until: float | None = None
) -> Swept:
    """Sweeps cells where their configuration's `launch` says; see `sweep`.

    Raises:
        BenchError: a cluster cannot be reached, or could never run such cells.
    """
    config = cells[0].setting.config
    launcher = launcher_of(config["launch"])
    if config["launch"].get("exclusive") and any(order.setting.pack for order in cells):
        raise BenchError("launch.exclusive=true: packed runs share their clock; leave out pack=")
    threads = launcher.threads(config["threads"])
    finished = Finished()
    if again or any(finished.end(order) is None for order in cells):
        make_or_await({order.study_folder / FOLDER for order in cells}, local.begun)
    pool = launcher.pool(cells[0].study_folder, threads or 1, local)
    if launcher.detach:
        return detached([order.on(threads) for order in cells], pool, again, finished)
    try:
        return sweep(
            cells,
            pool,
            processes=launcher.processes,
            threads=threads,
            again=again,
            told=told,
            until=until,
            finished=finished,
        )
    finally:
        if pool is not local:
            pool.end()


def make_or_await(folders: set[Path], begun: set[Path]) -> None:
    """Makes the folders of runs that a command begins with; those it has `begun` with before are waited for.

    Raises:
        CannotWrite: one cannot be made, or is gone for long.
    """
    for known in begun:
        await_folder(known)
    for folder in folders - begun:
        make_folder(folder)
    begun |= folders


def detached(cells: list[Order], pool: CellPool, again: bool, finished: Finished) -> Swept:
    """Hands the cells that are due to a cluster and leaves them there; how those that were finished before ended."""
    outcomes, due = Counter[str](), 0
    for order in cells:
        end = None if again else finished.end(order)
        if end is not None:
            outcomes[end.status] += 1
            say(f"{order.run_id}  finished before: {end.status}")
        elif order.setting.ended is None:
            pool.start({"do": "run", "orders": [order.plain()], "again": again, "detached": True})
            due += 1
    pool.leave()
    study = str(cells[0].setting.config["study"])
    say(f"{due} cells submitted; bench status {study} says where they stand")
    return Swept(outcomes, left=due)
