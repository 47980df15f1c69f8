"""A large table is read, diagnosed and split within its time and its memory."""

import subprocess
import sys

import numpy as np
import pytest

from tests.helpers import ROOT, environment

pytestmark = pytest.mark.long

ROWS, COLUMNS = 200_000, 64
MEASURED = """
import resource, sys, time
from bench.data.inspection import inspect
from bench.data.table.table import table

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
data = table("table", path=sys.argv[1])
assert inspect(data).refusals == ()
print(time.process_time() - began, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def test_a_million_rows_of_64_columns_would_take_a_minute_and_three_times_their_size(tmp_path) -> None:
    """A fifth of them in a fifth of the time; 27 s of a processor for all, and 1.8 times their float64."""
    digits = np.random.default_rng(0).integers(48, 58, size=(ROWS, COLUMNS, 9), dtype=np.uint8)
    digits[:, :, 1], digits[:, :, 8], digits[:, -1, 8] = ord("."), ord(","), ord("\n")
    path = tmp_path / "large.csv"
    path.write_bytes(",".join(f"x{place}" for place in range(COLUMNS)).encode() + b"\n" + digits.tobytes())
    words = [sys.executable, "-c", MEASURED, str(path)]
    ended = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    seconds, grown = map(float, ended.stdout.split())
    assert seconds < 60 / 5
    assert grown < 3 * ROWS * COLUMNS * 8
