"""The work of a cell's process: it plans cells or runs them, and says what comes of it in messages.

A message is one line of JSON with one entry, its kind. All that a user's code does happens here.
"""

import importlib
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.cells.lock import Lock
from bench.cells.order import Order, Setting, from_plain
from bench.cells.price import price_of
from bench.cells.progress import ProgressFile
from bench.cells.server import preload
from bench.cells.telling import Send, both, progress, stages
from bench.config import Config
from bench.config import from_plain as config_from_plain
from bench.contract.check import check_entry
from bench.contract.data_set import check_dataset
from bench.errors import BenchError, CannotWrite
from bench.machine.stage import Stage
from bench.pack.train import pack_key, train_pack
from bench.record.runs import runs_above
from bench.record.store import RunFolder
from bench.run import WEIGHTS, evaluate_again, run
from bench.setup.build import entry_of_width, tracker
from bench.setup.cell import Cell, resolve
from bench.setup.compose import compose, stored
from bench.setup.listing import data_lines
from bench.setup.model_options import model_lines
from bench.setup.plan import plan
from bench.track.tracker import Tracking
from bench.training.checkpoint import set_broken_aside

LOOK = 2.0
"""Seconds between two looks whether a run's folder is free."""


def work(task: int, messages: int) -> int:
    """Does the task that one descriptor holds as JSON and answers on the other; the exit code.

    Everything that is raised, an exit among it, becomes a message.
    """
    with os.fdopen(task) as file:
        words = json.load(file)
    channel = os.fdopen(messages, "w")

    def send(kind: str, content: Any) -> None:
        channel.write(json.dumps({kind: content}) + "\n")
        channel.flush()

    try:
        take_surroundings(words["surroundings"])
        TASKS[words["do"]](words, send)
    except CannotWrite as error:
        send("cannot_write", str(error))
    except BenchError as error:
        send("mistake", str(error))
    except BaseException as error:
        send("raised", repr(error).splitlines()[0])
    return 0


def take_surroundings(surroundings: dict[str, Any]) -> None:
    """Takes over folder, module path and environment of the command, as they are now."""
    os.environ.clear()
    os.environ.update(surroundings["environment"])
    os.chdir(surroundings["folder"])
    sys.path[:] = surroundings["path"]
    importlib.invalidate_caches()


def plan_cells(words: dict[str, Any], send: Send) -> None:
    """Resolves cells: a message for each setting, for each refusal, and for cells that need a process of their own."""
    only = None if words["only"] is None else set(words["only"])
    planned = plan(
        words["arguments"],
        words["multirun"],
        config_dir_of(words),
        lambda line: send("say", line),
        only=only,
        apart=only is None,
        listed=words.get("listed"),
    )
    for group in planned.by_setting():
        cells = [(place, cell.config.seed, cell.command) for place, cell in group]
        send("setting", {"setting": asdict(setting_of(group[0][1])), "cells": cells})
    for refusal in planned.refusals:
        send("refusal", refusal._asdict())
    for other in planned.others:
        send("unresolved", asdict(other))
    for untuned in planned.untuned:
        send("untuned", asdict(untuned))
    send("planned", planned.count)


def resolve_stored(words: dict[str, Any], send: Send) -> None:
    """Resolves the run of a folder with another evaluation: a message with its setting."""
    folder = Path(words["folder"])
    record = RunFolder(folder).read()
    assert record is not None
    config = stored(folder / "config.yaml", words["overrides"])
    place = runs_above(folder.absolute()).parent
    config = replace(config, study=place.name, results_dir=str(place.parent))
    command = " ".join([record["command"] or "bench run", *map(shlex.quote, words["overrides"])])
    cell = resolve(config, command)
    send("stored", {"setting": asdict(setting_of(cell)), "seed": config.seed, "command": command})


def config_dir_of(words: dict[str, Any]) -> Path | None:
    """The user's folder of configurations that the task names."""
    return None if words["config_dir"] is None else Path(words["config_dir"])


def check(words: dict[str, Any], send: Send) -> None:
    """Holds what a name stands for against its contract: a message for each line, and a last one with the verdict."""
    sound = True
    for group in words["groups"]:
        config = compose([f"{group}={words['name']}", *words["overrides"]], config_dir_of(words))
        if group == "data":
            sound &= check_dataset(config, partial(send, "say"))
        else:
            build, say = partial(entry_of_width, config), partial(send, "say")
            sound &= not check_entry(build, report=say, tracebacks=words["traceback"])
    send("verdict", sound)


def list_one(words: dict[str, Any], send: Send) -> None:
    """What `bench list models NAME` says of a model, or `bench list data NAME` of a data set."""
    asked = words["name"], config_dir_of(words), words["overrides"]
    lines = data_lines(*asked) if words["what"] == "data" else model_lines(*asked, words["width"])
    for line in lines:
        send("say", line)
    send("verdict", True)


def setting_of(cell: Cell) -> Setting:
    """What a cell shares with those of other seeds."""
    key, width = cell.key, None if cell.refusal else cell.width
    return Setting(asdict(cell.config), asdict(key.place), key.content, key.evaluation, pack_key(cell), width=width)


def run_cells(words: dict[str, Any], send: Send) -> None:
    """Runs the cells of one process, several as a pack, each under its lock; a message with each record."""
    orders = [from_plain(order) for order in words["orders"]]
    with ExitStack() as locks:
        held = [order for order in orders if taken(order, locks, send, patient=bool(words.get("detached")))]
        due = [(order, resolved(order)) for order in held if not done(order, words, send)]
        trained = [order.run_id for order, _ in due if not words["again"] and has_weights(order)]
        pack = [cell for order, cell in due if order.run_id not in trained]
        elapsed: dict[Path, float] = {}
        if len(pack) > 1:
            send("began", {"run_id": None, "elapsed": 0.0})
            watch = both(stages(send), ProgressFile(due[0][0].folder.path).show)
            watch(Stage("train" if pack[0].config.compile == "off" else "compile"))
            elapsed = train_pack(pack, progress(watch), lambda line: send("say", line))
        for order, cell in due:
            spent = elapsed.get(cell.folder.path, 0.0)
            send("began", {"run_id": order.run_id, "elapsed": spent})
            os.chdir(words["surroundings"]["folder"])  # an entry's constructor may have gone elsewhere
            file = ProgressFile(order.folder.path)
            watch, tell = both(stages(send), file.show), partial(send, "row")
            watch(Stage("data"))
            if order.run_id in trained:
                record = evaluate_again(cell, tell, watch)
            else:
                tracking = Tracking(partial(tracker, cell.config), lambda line: send("say", line))
                tracking.begin(order.run_id, asdict(cell.config))
                report = progress(watch, tracking.report)
                record = run(cell, report, spent, order.threads is not None, tell, watch)
                tracking.end(record, cell.folder.path)
            file.remove()
            send("record", record)


def price(words: dict[str, Any], send: Send) -> None:
    """Measures what a cell will cost: a message with its seconds."""
    started = time.perf_counter()
    cell = resolved(from_plain(words["order"]))
    before = time.perf_counter() - started
    seconds = price_of(cell)
    send("price", {**seconds, "start": before + seconds["start"]})


TASKS: dict[str, Callable[[dict[str, Any], Send], None]] = {
    "plan": plan_cells,
    "run": run_cells,
    "resolve": resolve_stored,
    "check": check,
    "list": list_one,
    "price": price,
}
"""What a process can be asked to do."""


def has_weights(order: Order) -> bool:
    """True where the run ended ok with weights that another evaluation can use."""
    record = order.folder.read()
    return record is not None and record["status"] == "ok" and (order.folder.path / WEIGHTS).is_file()


def taken(order: Order, locks: ExitStack, send: Send, patient: bool) -> bool:
    """True where the run's folder is this process's until the end; else a message names the holder.

    A `patient` process waits for the holder: nobody reads its message, and the holder may be its own dead forerunner.
    """
    lock = Lock(order.folder.path)
    holder = lock.take()
    while holder is not None and patient:
        time.sleep(LOOK)
        holder = lock.take()
    if holder is not None:
        send("busy", {"run_id": order.run_id, "holder": str(holder)})
        return False
    locks.callback(lock.release)
    order.folder.remove_scratch()
    send("locked", order.run_id)
    return True


def done(order: Order, words: dict[str, Any], send: Send) -> bool:
    """True where another process has made the record in the meantime; a broken one is set aside."""
    found = [folder.read_or_set_aside()[1] for folder in (order.folder, order.folder.other(order.evaluation))]
    for broken in [*found, set_broken_aside(order.folder.checkpoint_path)]:
        if broken:
            send("say", broken)
    record = None if words["again"] else order.folder.finished(order.evaluation)
    if record is None:
        return False
    send("finished", record)
    return True


def resolved(order: Order) -> Cell:
    """The order's cell.

    Raises:
        BenchError: data or modules changed since the cell was planned.
    """
    config = config_of(order)
    cell = resolve(config, order.command, order.setting.width)
    if cell.run_id != order.run_id:
        raise BenchError(f"{order.run_id}: its data or the user's modules changed while it was planned; run it again")
    return cell


def config_of(order: Order) -> Config:
    """The order's configuration."""
    config = replace(config_from_plain(order.setting.config), seed=order.seed)
    return config if order.threads is None else replace(config, threads=order.threads)


def die_with(lifeline: int) -> None:
    """Ends this process when the other end of a pipe closes: where the system does not end it with its parent."""

    def watch() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(descriptors: str, lifeline: str) -> None:
    """The process of a cell that was spawned. It loads what a forked one has: what is loaded stands in its row."""
    task, messages = map(int, descriptors.split(","))
    die_with(int(lifeline))
    for _ in preload():
        pass
    sys.exit(work(task, messages))
