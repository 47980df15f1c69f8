"""A run on data that stay in their files: its memory does not grow with them, and its row is that of resident data."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.record.columns import COLUMNS
from tests.helpers import ROOT, environment, repeatable
from tests.training.streamed_run import DIM

FEW, MANY = 100_000, 1_100_000


def made(folder: Path, rows: int, steps: int, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.training.streamed_run", str(folder), str(rows), str(steps), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert row["status"] == "ok", row
    return row


@pytest.mark.long
def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    """What grows are places and hashes of rows, some 60 bytes each; rows have 256, of which resident data hold more."""
    few, many = (made(tmp_path, rows, rows // 4096)["peak_bytes"] for rows in (FEW, MANY))
    bytes_more = (MANY - FEW) * DIM * 4
    assert many - few < bytes_more / 2
    resident = made(tmp_path, MANY, 3, "resident")["peak_bytes"]
    assert resident - few > bytes_more


@pytest.mark.long
def test_the_row_is_that_of_resident_data(tmp_path: Path) -> None:
    rows = [made(tmp_path / place, 20_000, 40, *words) for place, words in (("a", ()), ("b", ("resident",)))]
    # A row of `run` lacks the columns that are empty; those of a record's file are all there.
    mapped, resident = (repeatable({**dict.fromkeys(COLUMNS), **row}) for row in rows)
    for row in (mapped, resident):
        del row["peak_bytes"]
    assert mapped == resident
