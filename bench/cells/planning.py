"""The planning of a command in processes: one for the project's own cells, one more for each code of a user's."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from bench.cells.ends import Watch, reason_of
from bench.cells.order import Order, Setting
from bench.cells.pool import Pool
from bench.config import from_plain
from bench.errors import BenchError, CannotWrite
from bench.record.key import configuration_key
from bench.record.store import Record

Target = tuple[str, str]
"""Dotted paths of an entry and a data function."""


@dataclass(frozen=True)
class Refused:
    """Cells that no run could make; see `bench.setup.plan.Refusal`."""

    words: str
    cells: int
    reason: str


class Untuned(NamedTuple):
    """Cells of one setting whose learning rate and knob are to be chosen first; see `bench.setup.plan.Untuned`."""

    config: dict[str, Any]
    cells: list[tuple[list[str], int]]


@dataclass
class Orders:
    """What a command asks for.

    Attributes:
        cells: in the order of the grid.
        refusals: cells that no run could make.
        untuned: cells that are asked for as tuned; see `bench.setup.plan.Untuned`.
    """

    cells: list[Order] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    untuned: list[Untuned] = field(default_factory=list)


def planned(task: dict[str, Any], pool: Pool, say: Callable[[str], None]) -> Orders:
    """The orders of a command.

    Args:
        task: `arguments`, `multirun` and `config_dir`, as `bench.setup.plan.plan` takes them, and `listed` where the
            cells are given one by one.
        pool: of processes.
        say: takes a line that says that a large grid is being planned.

    Raises:
        BenchError: a mistake in the command itself, in one line.
    """
    orders = Orders()
    waiting = attempt({**task, "only": None}, None, pool, orders, say)
    by_target: dict[Target, list[dict[str, Any]]] = defaultdict(list)
    for setting in waiting:
        by_target[tuple(setting["target"])].append(setting)  # type: ignore[index]
    for settings in by_target.values():
        resolve_together(task, settings, pool, orders, say)
    orders.cells.sort(key=lambda order: order.number)
    return orders


def resolve_together(
    task: dict[str, Any], settings: list[dict[str, Any]], pool: Pool, orders: Orders, say: Callable[[str], None]
) -> None:
    """Resolves settings of one entry and data function in one process; after its death, each in one of its own."""
    places = [place for setting in settings for place, _, _ in setting["cells"]]
    seconds = settings[0]["config"]["budget"]["timeout_seconds"]
    before = len(orders.cells), len(orders.refusals)
    try:
        attempt({**task, "only": places}, seconds, pool, orders, say)
    except Died as death:
        del orders.cells[before[0] :], orders.refusals[before[1] :]
        if len(settings) == 1:
            orders.cells += ended(settings[0], death.row)
            return
        for setting in settings:
            resolve_together(task, [setting], pool, orders, say)


class Died(Exception):
    """A planning process ended without an answer.

    Attributes:
        row: status and error of its cells.
    """

    def __init__(self, row: Record) -> None:
        super().__init__(row["error"])
        self.row = row


def attempt(
    task: dict[str, Any], seconds: float | None, pool: Pool, orders: Orders, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Runs one planning process and adds what it resolved; the settings that need a process of their own.

    Raises:
        BenchError: a mistake in the command, or no user's code is at work and the process died.
        Died: the user's code ended the process, or outlived the time-out.
    """
    process = pool.start({"do": "plan", **task})
    watch, waiting, complete = Watch(seconds), list[dict[str, Any]](), False
    while True:
        for event in pool.events(watch.patience()):
            if event.process is not process:
                continue
            if event.message is None:
                if complete:
                    return waiting
                raise died(reason_of(process, watch), task)
            ((kind, content),) = event.message.items()
            if kind == "say":
                say(content)
            elif kind == "setting":
                setting = Setting(**content["setting"])
                orders.cells += [Order(setting, seed, place, command) for place, seed, command in content["cells"]]
            elif kind == "untuned":
                orders.untuned.append(Untuned(content["config"], [(words, seed) for words, seed in content["cells"]]))
            elif kind == "refusal":
                orders.refusals.append(Refused(**content))
            elif kind == "unresolved" and content["row"] is None:
                waiting.append(content)
            elif kind == "unresolved":
                orders.cells += ended(content, content["row"])
            elif kind == "planned":
                complete = True
            elif kind == "raised":
                watch.raised = content
            else:
                raise (CannotWrite if kind == "cannot_write" else BenchError)(content)
        if watch.over():
            process.kill()


def died(row: Record, task: dict[str, Any]) -> Exception:
    """The exception for a planning process that gave no answer."""
    return BenchError(f"planning ended: {row['error']}") if task["only"] is None else Died(row)


def ended(unresolved: dict[str, Any], row: Record) -> list[Order]:
    """The orders of cells that ended before they were resolved, with the row that says so."""
    key = configuration_key(from_plain(unresolved["config"]))
    setting = Setting(unresolved["config"], asdict(key.place), key.content, key.evaluation, None, row)
    return [Order(setting, seed, number, command) for number, seed, command in unresolved["cells"]]
