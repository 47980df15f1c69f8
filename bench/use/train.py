"""`bench.train`: one run from Python, by the words of `bench run`."""

import sys
from pathlib import Path

from bench.cells.planning import planned
from bench.cells.pool import Pool
from bench.cells.sweep import sweep
from bench.cells.terminal import say
from bench.errors import BenchError
from bench.record.runs import FOLDER
from bench.record.writing import make_folder
from bench.use.load import load
from bench.use.loaded import LoadedRun


def train(*words: str, config_dir: str | Path | None = None, again: bool = False) -> LoadedRun:
    """Trains and evaluates one run, as `bench run` does with these words, and loads it.

    A finished run is not made again. Its folder lies in `results/scratch/runs`, or where `study=` and `results_dir=`
    say.

    Args:
        words: overrides, such as `model=realnvp`, `data=moons` and `seed=0`.
        config_dir: a folder of your own with model/, data/ or study/; modules beside it can be imported.
        again: makes a finished run anew.

    Raises:
        BenchError: a mistake in the words, more than one run, or a run that did not end ok; its error is told.
    """
    if config_dir is not None and (beside := str(Path(config_dir).absolute().parent)) not in sys.path:
        sys.path.append(beside)
    pool = Pool()
    try:
        task = {"arguments": list(words), "multirun": False, "config_dir": config_dir and str(config_dir)}
        orders = planned(task, pool, say)
        if orders.refusals:
            raise BenchError(orders.refusals[0].reason)
        if len(orders.cells) != 1 or orders.untuned:
            raise BenchError(f"{' '.join(words)}: {len(orders.cells)} runs; bench.train makes one, bench run a study")
        (order,) = orders.cells
        make_folder(order.study_folder / FOLDER)
        sweep([order], pool, again=again)
    finally:
        pool.end()
    record = order.folder.read()
    if record is None:
        raise BenchError(f"{order.run_id}: its row stands in a table and its folder is not here; say again=True")
    if record["status"] != "ok":
        raise BenchError(f"{order.run_id}: {record['status']}: {record['error']}")
    return load(order.folder.path, trust_sources=False)
