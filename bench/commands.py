"""`bench run`, `tune`, `evaluate` and `verify`: what each plans, sweeps and says at its end."""

import math
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench.cells.closing import Reports, Swept, closing_lines, command_of
from bench.cells.dry_run import clock, forecast
from bench.cells.order import Order
from bench.cells.planning import Orders, planned
from bench.cells.plans import write_plan
from bench.cells.pool import Pool
from bench.cells.stored import stored_orders, stored_runs
from bench.cells.terminal import Once, say, waiting
from bench.cells.verify import chosen_rows, comparisons
from bench.config import TUNED
from bench.errors import BenchError, unknown
from bench.launch.launched import launched, launcher_for
from bench.launch.launcher import launcher_of
from bench.machine.cores import cores
from bench.paths import group_choices
from bench.record.store import table_rows
from bench.trials.hours import hours_lines
from bench.trials.trials import Trials
from bench.trials.tune import planned_tuned, rungs_made, together, tuned

Keep = Callable[[list[Order]], None]
"""Keeps what a command asks for, as `write_plan` does."""


def run_command(
    arguments: list[str],
    multirun: bool,
    again: bool,
    dry: bool,
    config_dir: Path | None,
    reports: Reports | None = None,
    only: set[str] | None = None,
) -> int:
    """`bench run`: the exit code, 0 when every run ended ok or was not applicable, 1 otherwise, 2 for refusals.

    With `dry` nothing is run: what would be is said, and the code is 1 where a cell is refused. Hours are said before
    the first run of a command that asks for a page. With `only` the runs of these ids alone are made, anew.

    Raises:
        BenchError: a mistake in the command.
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: the same command goes on from here.
    """
    pool, keep = Pool(), partial(write_plan, ["run"], arguments, multirun, config_dir)
    try:
        task = {"arguments": arguments, "multirun": multirun, "config_dir": config_dir and str(config_dir)}
        told = Once(say)
        with waiting("planning"):
            orders = planned(task, pool, told)
        if not orders.cells and not orders.refusals and not orders.untuned:
            raise BenchError("the grid of this study is empty; give it at least one list of cells")
        paged = not orders.refusals and asks_page(orders)
        config = first_config(orders) if orders.cells or orders.untuned else {}
        if config:
            launcher_for(config, orders.cells)  # a dry run refuses wrong options too
        seconds = told_beforehand(orders, task, pool, told) if paged else 0.0
        if too_long := above(config.get("hours"), seconds, config):
            if not dry:
                raise BenchError(too_long)
            say(too_long)
        until = end_of(config.get("hours"))
        if orders.untuned and not orders.refusals:
            orders = with_tuned(orders, task, pool, told, keep, dry, until)
        if dry:
            for line in forecast(orders, again):
                say(line)
            return 2 if orders.refusals else 0
        if orders.refusals:
            return refuse(orders)
        if not orders.cells:
            raise BenchError("no trial ended ok, so that there are no tuned runs to make")
        if only is not None:
            orders.cells, again = [order for order in orders.cells if order.run_id in only], True
        kept = partial(keep, orders.cells) if only is None else lambda: None
        swept = launched(orders.cells, pool, again, told, until, kept)
    finally:
        pool.end()
    for line in closing_lines(swept, orders.cells, reports, paged, command_of(arguments, multirun, config_dir)):
        say(line)
    return 0 if set(swept.outcomes) <= {"ok", "not_applicable"} else 1


def asks_page(orders: Orders) -> bool:
    """True where the command shows hours beforehand and makes the page: it asks for that, or adds tuned entries to the
    table of a study that has others."""
    config = first_config(orders)
    own = {order.setting.place["model"] for order in orders.cells} | {
        one.config["model"]["name"] for one in orders.untuned
    }
    others = any(row.get("model") not in own for row in table_rows(folder_of(config)))
    return bool(config["page"] or (orders.untuned and others))


def told_beforehand(orders: Orders, task: dict[str, Any], pool: Pool, told: Callable[[str], None]) -> float:
    """Says where the results of a command will lie, and the hours that it will take; the seconds."""
    config = first_config(orders)
    study, workers = folder_of(config), min(launcher_of(config["launch"]).processes, cores())
    say(f"results: {study}")
    lines = hours_lines(orders, study, workers, lambda listed: planned({**task, "listed": listed}, pool, told), pool)
    return said(lines)


def said(lines: Generator[str, None, float]) -> float:
    """Says each line as it comes; what they come to."""
    while True:
        try:
            say(next(lines))
        except StopIteration as end:
            return float(end.value)


def above(hours: float | None, seconds: float, config: dict[str, Any]) -> str:
    """The line on a forecast that is longer than a command may take; empty where it is not."""
    if hours is None or seconds <= 3600 * hours:
        return ""
    steps = int(float(f"{(config['budget']['steps'] or 0) * 3600 * hours / seconds:.1g}"))
    fewer = f", or fewer steps, such as budget.steps={steps}" if steps else ""
    asked = math.ceil(seconds / 360) / 10
    return f"about {clock(seconds)} is above hours={hours:g}: give it hours={asked:g}{fewer}, or fewer models"


def end_of(hours: float | None) -> float | None:
    """When a command that may take so many hours from now is over, on the monotonic clock."""
    return None if hours is None else time.monotonic() + 3600 * hours


def first_config(orders: Orders) -> dict[str, Any]:
    """The configuration of one of the cells, in plain words."""
    return orders.cells[0].setting.config if orders.cells else orders.untuned[0].config


def folder_of(config: dict[str, Any]) -> Path:
    """The folder of a study."""
    return Path(str(config["results_dir"])) / str(config["study"])


def with_tuned(
    orders: Orders, task: dict[str, Any], pool: Pool, told: Once, keep: Keep, dry: bool, until: float | None = None
) -> Orders:
    """The orders with the tuned cells behind the others; trials that are missing are made first.

    With `dry` none is made: where trials are missing, a line says how many, and tuned cells are left out.

    Raises:
        BenchError: a trial cannot be planned.
    """
    trials = trials_of(orders, task, pool, told, keep, dry, until)
    tuning = tuned(orders.untuned, trials)
    for line in tuning.said:
        told(line)
    if trials.missing:
        waiting = sum(len(untuned.cells) for untuned in orders.untuned)
        told(
            f"tuning: {trials.missing} trials of the grid to make, then two at each best rate, and {waiting} tuned runs"
        )
        return orders
    default = {order.run_id for order in orders.cells}
    cells = planned_tuned(
        orders.untuned, tuning, default, lambda listed: planned({**task, "listed": listed}, pool, told)
    )
    return Orders(together(orders.cells, cells.cells), [*orders.refusals, *cells.refusals])


def trials_of(
    orders: Orders, task: dict[str, Any], pool: Pool, told: Once, keep: Keep, dry: bool, until: float | None = None
) -> Trials:
    """The trials of a command; `keep` is given all that were due so far before any of them is made.

    Raises:
        BenchError: `tune.data` names a data set that there is not, or nobody would wait for the trials.
    """
    config = orders.untuned[0].config
    known = [choice.name for choice in group_choices("data", task["config_dir"] and Path(task["config_dir"]))]
    for name in config["tune"]["data"] or []:
        if name not in known:
            raise unknown("data set", name, known, "tune.data")
    asked: list[Order] = []

    def run(due: list[Order]) -> Swept:
        if launcher_of(config["launch"]).detach:
            study = shlex.quote(config["study"])
            raise BenchError(
                f"launch.detach=true: {len(due)} trials of tuning come first, and a command waits for these; give "
                f"bench tune {study} without it, then this command again"
            )
        asked.extend(due)
        return launched(due, pool, told=told, until=until, keep=partial(keep, asked))

    return Trials(folder_of(config), lambda listed: planned({**task, "listed": listed}, pool, told), run, dry)


class Tuned(NamedTuple):
    """What `bench tune` came to.

    Attributes:
        code: the exit code, 1 where an entry has nothing to choose from.
        study: the folder that has tuning.csv; None where nothing was made.
    """

    code: int
    study: Path | None = None


def tune_command(study: str, overrides: list[str], every_rung: bool, dry: bool, config_dir: Path | None) -> Tuned:
    """`bench tune`: the trials of a study's entries and what they choose.

    With `every_rung` the grid of rates is made at all rungs of the ladder.

    Raises:
        BenchError: a mistake in the command.
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: the same command goes on from here.
    """
    pool, told = Pool(), Once(say)
    try:
        words = [f"study={study}", *overrides, f"tune.settings=[{TUNED}]"]
        task = {"arguments": words, "multirun": True, "config_dir": config_dir and str(config_dir)}
        orders = planned(task, pool, told)
        if orders.refusals:
            return Tuned(refuse(orders))
        if not orders.untuned:
            raise BenchError("the grid of this study is empty; give it at least one list of cells")
        launcher_for(first_config(orders), orders.cells)
        called = ["tune", study, *["--every-rung"] * every_rung]
        keep = partial(write_plan, called, overrides, False, config_dir)
        trials = trials_of(orders, task, pool, told, keep, dry)
        tuning = tuned(orders.untuned, trials)
        if every_rung:
            rungs_made(tuning, trials)
    finally:
        pool.end()
    if dry:
        say(f"{len(trials.planned) - trials.missing} trials finished, {trials.missing} of the grid to make")
        return Tuned(0)
    chosen = len(tuning.choices) + len(tuning.fitted) == len(tuning.tunables)
    return Tuned(0 if chosen else 1, trials.study)


def evaluate_command(what: str, overrides: list[str], results_dir: Path, reports: Reports | None = None) -> int:
    """`bench evaluate`: evaluates stored weights anew; the exit code, 0 when every evaluation ended ok.

    Raises:
        BenchError: there are no such runs, or they would be other runs by now.
    """
    pool = Pool()
    try:
        orders = stored_orders(stored_runs(what, results_dir), overrides, pool)
        swept = launched(orders, pool)
    finally:
        pool.end()
    where = [] if str(results_dir) == "results" else ["--results-dir", str(results_dir)]
    command = shlex.join(["bench", "evaluate", what, *where, *overrides])
    for line in closing_lines(swept, orders, reports, command=command):
        say(line)
    return 0 if set(swept.outcomes) <= {"ok"} else 1


def verify_command(study: str, rows: int, seed: int, results_dir: Path) -> int:
    """`bench verify`: makes random rows again; the exit code, 0 when each is equal or agrees.

    Raises:
        BenchError: the study has no row that ended ok.
    """
    verdicts: Counter[str] = Counter()
    chosen = chosen_rows(results_dir / study, rows, seed)
    for one in comparisons(chosen, lambda words, config_dir: run_command(words, False, False, False, config_dir)):
        say(f"{one.verdict}: {one.text}")
        verdicts[one.verdict] += 1
    say(f"{len(chosen)} rows made again: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
    return 0 if not verdicts["differs"] else 1


def refuse(orders: Orders) -> int:
    """All refusals at once, a line each, one where all cells have the same reason; nothing is run."""
    alike = len({refusal.reason for refusal in orders.refusals}) == 1 and not orders.cells
    for refusal in orders.refusals[:1] if alike else orders.refusals:
        where = f"{refusal.words}: " if len(orders.refusals) > 1 and not alike else ""
        print(f"bench: {where}{refusal.reason}", file=sys.stderr)
    return 2
