"""A sweep where its configuration's `launch` says; a detached one is handed over and left."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cells.closing import Swept
from bench.cells.finished import Finished
from bench.cells.order import Order
from bench.cells.pool import Pool
from bench.cells.process import CellPool
from bench.cells.sweep import sweep
from bench.cells.terminal import Once, say
from bench.errors import BenchError
from bench.launch.jobs import ENDED, jobs_of
from bench.launch.launcher import Launcher, launcher_of
from bench.record.runs import FOLDER
from bench.record.writing import await_folder, make_folder


def launched(
    cells: list[Order],
    local: Pool,
    again: bool = False,
    told: Once | None = None,
    until: float | None = None,
    keep: Callable[[], None] = lambda: None,
) -> Swept:
    """Sweeps cells where their configuration's `launch` says; see `sweep`.

    Args:
        keep: writes down what was asked for, once it is known that there is a place for it.

    Raises:
        BenchError: a cluster cannot be reached, or could never run such cells.
    """
    config = cells[0].setting.config
    launcher = launcher_for(config, cells)
    threads = launcher.threads(config["threads"])
    finished = Finished()
    pool = launcher.pool(cells[0].study_folder, threads or 1, local)
    try:
        if again or any(finished.end(order) is None for order in cells):
            make_or_await({order.study_folder / FOLDER for order in cells}, local.begun)
        keep()
        if launcher.detach:
            return detached([order.on(threads) for order in cells], pool, again, finished)
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


def launcher_for(config: dict[str, Any], cells: list[Order]) -> Launcher:
    """The launcher that a configuration names, for the cells of a command; no cluster is asked.

    Raises:
        BenchError: a mistake in its options, or packed cells shall have a machine to themselves.
    """
    launcher = launcher_of(config["launch"])
    if config["launch"].get("exclusive") and any(order.setting.pack for order in cells):
        raise BenchError("launch.exclusive=true: packed runs share their clock; leave out pack=")
    return launcher


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
    """Hands the cells that are due to a cluster and leaves them there; how those that were finished before ended.

    Those that an earlier command has left there are not handed over twice.
    """
    outcomes, due, before = Counter[str](), 0, 0
    there = {run_id for job in jobs_of(cells[0].study_folder) if job.state != ENDED for run_id in job.runs()}
    for order in cells:
        end = None if again else finished.end(order)
        if end is not None:
            outcomes[end.status] += 1
            say(f"{order.run_id}  finished before: {end.status}")
        elif order.run_id in there:
            say(f"{order.run_id}  submitted before")
            before += 1
        elif order.setting.ended is None:
            pool.start({"do": "run", "orders": [order.plain()], "again": again, "detached": True})
            due += 1
    pool.leave()
    study = str(cells[0].setting.config["study"])
    say(f"{due} cells submitted; bench status {study} says where they stand, bench cancel {study} ends them")
    return Swept(outcomes, left=due + before)
