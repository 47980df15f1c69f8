"""`bench evaluate`: a new evaluation of the weights that a run or a study has stored, nothing trained."""

import contextlib
from pathlib import Path
from typing import Any

from bench.cells.ends import Watch, reason_of
from bench.cells.order import Order, Setting
from bench.cells.pool import Pool
from bench.errors import BenchError
from bench.record.runs import FOLDER, run_path, run_paths, runs_above
from bench.record.store import RunFolder

RECORD = "record.json"


def stored_runs(what: str, results_dir: Path) -> list[Path]:
    """The run folders that a folder, a run's id or a study's name stand for; those that ended ok.

    Raises:
        BenchError: there is none.
    """
    places = [Path(what), results_dir / what, *(run_path(runs, what) for runs in results_dir.glob(f"*/{FOLDER}"))]
    for place in places:
        own = [place] if (place / RECORD).is_file() else run_paths(place / FOLDER)
        folders = [folder for folder in own if (folder / RECORD).is_file()]
        if folders:
            ended = [folder for folder in folders if is_ok(folder)]
            if not ended and folders == [place] and runs_above(place.resolve()).name != FOLDER:
                raise BenchError(
                    f"{what}: lies in no study's runs/; copy it to results/STUDY/runs/ID, ID of its record"
                )
            if not ended:
                raise BenchError(f"{what}: none of its {len(folders)} runs ended ok with weights")
            return ended
    raise BenchError(f"no run and no study {what} with runs under {results_dir}; name a folder, a run's id or a study")


def is_ok(folder: Path) -> bool:
    """True where a run's weights can be evaluated."""
    with contextlib.suppress(ValueError):
        record = RunFolder(folder).read()
        return record is not None and record["status"] == "ok" and (folder / "weights.safetensors").is_file()
    return False


def stored_orders(folders: list[Path], overrides: list[str], pool: Pool) -> list[Order]:
    """The orders of the folders' runs with another evaluation, each resolved in a process of its own.

    Raises:
        BenchError: the code, the data or the folder have changed so that the run would be another one.
    """
    orders = []
    for number, folder in enumerate(folders):
        content = resolved(folder, overrides, pool)
        order = Order(Setting(**content["setting"]), content["seed"], number, content["command"])
        if order.run_id != folder.name:
            now = f"code, options or data are no longer those of the run; they make {order.run_id}"
            raise BenchError(f"{folder.name}: {now}")
        orders.append(order)
    return orders


def resolved(folder: Path, overrides: list[str], pool: Pool) -> dict[str, Any]:
    """Setting, seed and command of a stored run.

    Raises:
        BenchError: it cannot be resolved.
    """
    process, watch = pool.start({"do": "resolve", "folder": str(folder), "overrides": overrides}), Watch(None)
    while True:
        for event in pool.events(watch.patience()):
            if event.process is not process:
                continue
            if event.message is None:
                raise BenchError(f"{folder.name}: {reason_of(process, watch)['error']}")
            ((kind, content),) = event.message.items()
            if kind == "stored":
                plain: dict[str, Any] = content
                return plain
            raise BenchError(f"{folder.name}: {content}")
