"""Fixtures of the tests of launchers."""

import pytest

from bench.launch import files
from tests.launch.processes_here import OnProcesses


@pytest.fixture
def on_processes(monkeypatch: pytest.MonkeyPatch) -> OnProcesses:
    made = OnProcesses()
    monkeypatch.setattr("bench.launch.launched.launcher_of", lambda launch: made)
    monkeypatch.setattr(files, "ASK", 0.2)
    monkeypatch.setattr(files, "LATE", 0.5)
    return made
