"""What a sweep on Ray costs beyond its cells: tasks that write a record of nothing, driven as any others."""

import contextlib
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.cells.order import Order, from_plain
from bench.cells.sweep import sweep
from bench.cells.worker import setting_of
from bench.launch.files import FilePool
from bench.launch.ray import Ray, RayCluster
from bench.launch.remote import ENDED, TASK, messages_of
from bench.record.runs import FOLDER
from bench.record.writing import make_folder, write_atomically
from bench.setup.cell import resolve
from bench.setup.compose import compose
from bench.speed.figure import Figure, Target
from bench.speed.generated_study import measured

CASE = "driver"
TARGET = Target(0.05)


def driver(cells: int) -> Iterator[Figure]:
    """Seconds a cell of a sweep of so many on a private cluster of this machine: the driver's own, and of the clock."""
    with tempfile.TemporaryDirectory() as folder:
        orders = orders_of(Path(folder), cells)
        launcher = Ray()
        launcher.ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
        cluster = RayCluster(launcher.ray, cpus=1.0, gpus=0.0, retries=0, work=dry)
        pool = FilePool(cluster, orders[0].study_folder)
        began, used = time.perf_counter(), time.process_time()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                swept = sweep(orders, pool, processes=launcher.processes)
        finally:
            pool.end()
        seconds, own = time.perf_counter() - began, time.process_time() - used
    assert swept.outcomes == {"ok": cells}
    note = f"{cells:,} cells whose task writes a record of nothing; a private cluster of this machine; one call"
    yield Figure(CASE, "a cell on Ray, the driver's CPU", "s", own / cells, target=TARGET, note=note)
    yield Figure(CASE, "a cell on Ray, by the clock", "s", seconds / cells, note=note)


def orders_of(folder: Path, cells: int) -> list[Order]:
    """Cells that differ in their seed."""
    config = compose(["model=gaussian", "data=moons", f"results_dir={folder}"])
    setting = setting_of(resolve(config))
    make_folder(folder / config.study / FOLDER)
    return [Order(setting, seed, seed, "bench run") for seed in range(cells)]


def dry(folder: str) -> int:
    """In place of a cell's process: its record, its messages and its end."""
    place = Path(folder)
    (plain,) = json.loads((place / TASK).read_text())["orders"]
    order = from_plain(plain)
    record = {**order.identity(), **measured(2.5, "flow"), "evaluation": order.evaluation}
    order.folder.write_record(record)
    told = [{"began": {"run_id": order.run_id, "elapsed": 0.0}}, {"record": record}]
    messages_of(place, 0).write_text("".join(json.dumps(message) + "\n" for message in told))
    write_atomically(place / ENDED, "0", within=place)
    return 0
