"""Shapes are what their annotations say."""

import re
import subprocess
import sys

import pytest

from tests.helpers import ROOT
from tests.shape_run import ROOMS

pytestmark = pytest.mark.long


def test_every_entry_runs_with_all_shapes_checked(tmp_path) -> None:
    """In a process of its own, where the checks reach no other test."""
    command = [sys.executable, "-m", "tests.shape_run", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "vae points ok" in ended.stdout


def test_every_room_with_shapes_is_checked() -> None:
    files = [path for path in (ROOT / "bench").rglob("*.py") if re.search("^from jaxtyping", path.read_text(), re.M)]
    rooms = {path.relative_to(ROOT / "bench").parts[0] for path in files}
    assert rooms - {"speed"} <= set(ROOMS), "timings are taken without checks"
