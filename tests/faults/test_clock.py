"""Clocks that are set while something runs: no lock is lost to it, no run ends early, and no number changes."""

import json
import os
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench.cells import lock as module
from bench.cells.lock import Holder, Lock
from tests.faults.study import STUDY, command, ended, made
from tests.helpers import environment, start

HOUR = 3600.0
SET = """
import itertools
import time

true, hours = time.time, itertools.cycle((0, 3600, -3600, 90000))
time.time = lambda: true() + next(hours)
"""
"""A clock that jumps forth and back with every look at it."""


@pytest.mark.long
def test_a_study_under_a_clock_that_is_set_forth_and_back(
    own_conf: Path, tmp_path: Path, whole: dict[str, Any]
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SET)
    path = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    words = command(own_conf, 0.05, "budget.timeout_seconds=60", "workers=2")
    answer = ended(start(tmp_path, *words, more={"PYTHONPATH": path}))
    assert answer.code == 0, answer
    found = made(tmp_path / STUDY)
    assert {weights for _, weights in found.values()} == {weights for _, weights in whole.values()}
    assert all(0 < row["eval_seconds"] < HOUR for row in map(json.loads, texts(tmp_path / STUDY)))


def texts(study: Path) -> list[str]:
    """The records of a study."""
    return [path.read_text() for path in study.glob("runs/*/*/record.json")]


ELSEWHERE = Holder("elsewhere", "another boot", 1, 0)


def held_elsewhere(folder: Path, offset: float) -> Path:
    """A lock of the folder's run `a` that another machine seems to have touched so many seconds from now."""
    path = folder / ".a.lock"
    path.write_text(json.dumps(asdict(ELSEWHERE)))
    moment = time.time() + offset
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize("offset", [-HOUR, HOUR])
def test_the_lock_of_a_living_holder_elsewhere_survives_a_clock_that_is_set(
    offset: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's clock was set: the last touch seems to be an hour away, until the next one comes."""
    monkeypatch.setattr(module, "WATCHED", 3.0)
    threading.Timer(1.0, os.utime, [held_elsewhere(tmp_path, offset)]).start()
    assert Lock(tmp_path / "a").take() == ELSEWHERE


@pytest.mark.parametrize("offset", [-HOUR, HOUR])
def test_the_lock_of_a_dead_holder_elsewhere_is_taken_over(
    offset: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCHED", 1.0)
    held_elsewhere(tmp_path, offset)
    began = time.monotonic()
    assert Lock(tmp_path / "a").take() is None
    assert time.monotonic() - began >= 1.0
