"""The plans of a study: what commands asked for, and who drives them, one file a command under `plans/`.

Trials of tuning have plans of their own, in the folder of the trials.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.cells.closing import command_of
from bench.cells.lock import Holder, started, this_machine, this_process
from bench.cells.order import Order
from bench.record.reading import TABLE_BYTES, Unreadable, json_object, text_of
from bench.record.writing import write_atomically

PLANS = "plans"


@dataclass(frozen=True)
class Plan:
    """What one command asks of a study.

    Attributes:
        called: words behind `bench`: run, or tune and the study.
        arguments, multirun, config_dir: of that command.
        folder: that it was called in.
        driver: its process.
        began: when, in seconds since 1970.
        cells: (run id, hash of the evaluation) of all of its cells, finished ones too.
    """

    called: list[str]
    arguments: list[str]
    multirun: bool
    config_dir: str | None
    folder: str
    driver: Holder
    began: float
    cells: list[tuple[str, str]] = field(repr=False)

    @property
    def command(self) -> str:
        """The command, as a shell takes it."""
        own = None if self.config_dir is None else Path(self.config_dir)
        return command_of(self.arguments, self.multirun, own, self.called)

    def drives(self) -> bool | None:
        """True where its process runs on this machine, False where it is gone from here, None of another machine."""
        if self.driver.machine != this_machine():
            return False if self.driver.before_boot() else None
        return started(self.driver.pid) == self.driver.start


def write_plan(
    called: Sequence[str], arguments: Sequence[str], multirun: bool, config_dir: Path | None, orders: Iterable[Order]
) -> None:
    """Keeps the plan of a command that begins, in the folder of its cells; one of the same words is replaced.

    Raises:
        CannotWrite: the study's folder cannot be written.
    """
    listed = list(orders)
    cells = [(order.run_id, order.evaluation) for order in listed]
    own = None if config_dir is None else str(config_dir)
    plan = Plan(list(called), list(arguments), multirun, own, os.getcwd(), this_process(), time.time(), cells)
    name = hashlib.sha256(f"{plan.folder}\0{plan.command}".encode()).hexdigest()[:8]
    for study in {order.study_folder for order in listed}:
        write_atomically(study / PLANS / f"{name}.json", json.dumps(asdict(plan)) + "\n")


def plans_of(study: Path) -> list[Plan]:
    """The plans in a study's folder, the last begun first; files that are none are left out."""
    read = [plan for path in (study / PLANS).glob("*.json") if (plan := plan_in(path)) is not None]
    return sorted(read, key=lambda plan: -plan.began)


def plan_in(path: Path) -> Plan | None:
    """The plan that a file holds; None where it holds none."""
    try:
        content: dict[str, Any] = json_object(text_of(path, TABLE_BYTES))
        cells = [(str(run_id), str(evaluation)) for run_id, evaluation in content["cells"]]
        return Plan(
            list(map(str, content.get("called", ["run"]))),
            list(map(str, content["arguments"])),
            bool(content["multirun"]),
            content["config_dir"],
            str(content["folder"]),
            Holder(**content["driver"]),
            float(content["began"]),
            cells,
        )
    except (OSError, Unreadable, KeyError, TypeError, ValueError):
        return None
