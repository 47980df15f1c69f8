"""A run on random rows in mapped files, and the most memory that it took beyond the page cache.

python -m tests.training.streamed_run FOLDER ROWS STEPS prints the run's row and `peak_bytes` as JSON. By hand it makes
the epoch over 10,000,000 rows that a test is too short for.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from bench.data.dataset import Dataset
from bench.data.spaces import Identity
from bench.data.stream import stored
from bench.record.writing import make_folder
from bench.run import run
from bench.setup.cell import resolve
from bench.setup.compose import compose
from bench.spec import DataSpec

DIM = 64
BATCH = 4096
OTHERS = 2_000
SHORT = ["threads=1", "eval.sample_size=200", "eval.trees=2", "eval.projections=8", "train.validate_every=1000"]
EVERY_SECONDS = 0.5
"""Each look walks the whole mapping."""


def load(name: str, folder: str, rows: int, streamed: bool) -> Dataset:
    """Standard normal rows, written at the first call."""

    def split(part: str, seed: int, n: int) -> torch.Tensor:
        draws = np.random.default_rng(seed)
        pieces = (min(100_000, n - start) for start in range(0, n, 100_000))
        drawn = (torch.from_numpy(draws.standard_normal((size, DIM), np.float32)) for size in pieces)
        return stored(Path(folder) / f"{part}-{n}.npy", (n, DIM), drawn)

    splits = split("train", 0, rows), split("validation", 1, OTHERS), split("test", 2, OTHERS)
    kept = splits if streamed else tuple(part.clone() for part in splits)
    return Dataset(name, DataSpec((DIM,)), Identity(), *kept, streamed=streamed)


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Bytes of anonymous memory of this process, the most of many looks, in a list of one."""
    peak, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(EVERY_SECONDS):
            lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
            peak[0] = max(peak[0], next(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:")))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def main(folder: str, rows: int, steps: int, streamed: bool = True) -> None:
    """Writes the files, then makes the run and prints its row."""
    conf = Path(folder) / "conf" / "data"
    conf.mkdir(parents=True, exist_ok=True)
    options = f"folder: {folder}\nrows: {rows}\nstreamed: {str(streamed).lower()}\n"
    (conf / "rows.yaml").write_text(f"# rows\n_target_: tests.training.streamed_run.load\nname: rows\n{options}")
    load("rows", folder, rows, streamed=True)
    words = ["data=rows", "model=realnvp", f"budget.steps={steps}", f"train.batch_size={BATCH}", *SHORT]
    with peak_memory() as peak:
        config = compose([*words, "budget.parameters=20_000", f"results_dir={folder}/results"], Path(folder) / "conf")
        cell = resolve(config)
        make_folder(cell.folder.path.parent)
        row = run(cell, lambda history, share: None)
    print(json.dumps({**row, "peak_bytes": peak[0]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] != ["resident"])
