"""Processes that draw: the same plots as one process draws, and matplotlib in them alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.report import drawers
from bench.report.report import report
from tests.report.synthetic import write_study


def test_processes_draw_what_one_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plots = {}
    for processes in (1, 3):
        monkeypatch.setattr(drawers, "cores", lambda processes=processes: processes)
        folder = tmp_path / str(processes)
        write_study(folder / "made")
        report("made", folder)
        plots[processes] = {path.name: path.read_bytes() for path in (folder / "made/plots").iterdir()}
    assert len(plots[1]) > 16
    assert plots[1] == plots[3]


def test_the_process_of_the_report_does_not_wait_for_matplotlib() -> None:
    code = "import sys, bench.report.report; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
