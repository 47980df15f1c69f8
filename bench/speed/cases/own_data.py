"""Data of one's own at full size: a large CSV read, diagnosed and split, and an epoch of rows streamed from disk."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.speed.figure import Figure, Target
from bench.speed.memory_limit import memory_limit, within

CASE = "own-data"
COLUMNS = 64
READ_TARGET, SIZE_TARGET, STREAM_TARGET = Target(60.0), Target(3.0), Target(2048.0)
PIECE = 100_000
"""Rows written at a time."""
BATCH = 4096
GIVEN = 0.7
"""Share of the rows that is the training split."""
SHORT = "model=vae budget.parameters=20000 eval.test_examples=1000 train.validation_examples=1000 eval.sample_size=1000"

READ = """
import resource, sys, time
from bench.data.inspection import inspect
from bench.data.table.table import table

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
if inspect(table("table", path=sys.argv[1])).refusals:
    sys.exit("the table was refused")
print(time.perf_counter() - began, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def own_data(csv_rows: int, streamed_rows: int) -> Iterator[Figure]:
    """Figures of a CSV of `csv_rows` x 64 and of an array of `streamed_rows` x 64, 6 GB on disk at full size."""
    with tempfile.TemporaryDirectory() as folder:
        yield from read_figures(Path(folder) / "large.csv", csv_rows)
    with tempfile.TemporaryDirectory() as folder:
        yield streamed_figure(Path(folder), streamed_rows)


def read_figures(path: Path, rows: int) -> Iterator[Figure]:
    """Seconds of a table's reading, diagnosis and split in a process of its own, and its peak memory over its size."""
    write_csv(path, rows)
    ended = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    seconds, grown = map(float, ended.stdout.split())
    what = f"a CSV of {rows:,} x {COLUMNS}"
    yield Figure(CASE, f"{what} read, diagnosed and split", "s", seconds, target=READ_TARGET, note="one call")
    size = rows * COLUMNS * 8
    note = f"peak of {grown / 2**20:,.0f} MiB beyond the imports, over {size / 2**20:,.0f} MiB of float64"
    yield Figure(CASE, f"{what}: peak memory", "x its size", grown / size, target=SIZE_TARGET, note=note)


def streamed_figure(folder: Path, rows: int) -> Figure:
    """Peak memory beyond the page cache of an epoch over rows that stay on disk, all processes of the run together.

    Where a control group can be made, they may use `STREAM_TARGET` and no more, the page cache included.
    """
    path = folder / "large.npy"
    write_array(path, rows)
    steps = max(1, int(GIVEN * rows) // BATCH)
    words = f"{SHORT} train.batch_size={BATCH} budget.steps={steps} data=array data.resident=false".split()
    places = [f"data.path={path}", f"data_root={folder}", f"results_dir={folder}/results"]
    began = time.perf_counter()
    command = [sys.executable, "-m", "bench.cli", "run", *words, *places]
    with (
        memory_limit(int(STREAM_TARGET.limit) * 2**20) as group,
        subprocess.Popen(within(group, command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(anonymous_bytes, tree(process.pid))))
            time.sleep(0.05)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    limit = f"at most {STREAM_TARGET.limit:g} MiB with the page cache" if group else "no limit on the page cache"
    took = f"{time.perf_counter() - began:.0f} s from the file's first byte read"
    note = f"an epoch of {steps:,} batches of {BATCH}, {took}; {limit}; looked at every 50 ms"
    what = f"{rows:,} x {COLUMNS} float32 streamed: peak memory"
    return Figure(CASE, what, "MiB", peak / 2**20, target=STREAM_TARGET, note=note)


def write_csv(path: Path, rows: int) -> None:
    """Numbers of eight digits, drawn by a fixed seed, under a header."""
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(",".join(f"x{place}" for place in range(COLUMNS)).encode() + b"\n")
        for start in range(0, rows, PIECE):
            size = (min(PIECE, rows - start), COLUMNS, 9)
            digits = generator.integers(ord("0"), ord("9") + 1, size=size, dtype=np.uint8)
            digits[:, :, 1], digits[:, :, 8], digits[:, -1, 8] = ord("."), ord(","), ord("\n")
            file.write(digits.tobytes())


def write_array(path: Path, rows: int) -> None:
    """Normal numbers, drawn by a fixed seed."""
    generator = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=(rows, COLUMNS))
    for start in range(0, rows, PIECE):
        array[start : start + PIECE] = generator.normal(size=(min(PIECE, rows - start), COLUMNS))
    array.flush()


def tree(pid: int) -> list[int]:
    """A process and all that descend from it; without those that end meanwhile."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in tree(int(child)))]


def anonymous_bytes(pid: int) -> int:
    """Bytes of a process that no file backs; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
