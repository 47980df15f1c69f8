"""Signals that come twice: the command ends, no process is left, and the same words go on to the same study."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from bench.cells.lock import started
from tests.faults.study import CHECKPOINT, STUDY, command, ended, left_over, made, wait_for
from tests.helpers import start

pytestmark = pytest.mark.long


def descendants(pid: int) -> set[int]:
    """The numbers of all processes that a process has begun, and of those that these have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return set()
    own = set(map(int, children))
    return own.union(*map(descendants, own))


@pytest.mark.parametrize("pause", [0.0, 0.3])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_comes_twice(
    number: signal.Signals, pause: float, own_conf: Path, tmp_path: Path, whole: dict[str, Any]
) -> None:
    process = start(tmp_path, *command(own_conf), "workers=2")
    wait_for(lambda: list((tmp_path / STUDY).glob(CHECKPOINT)), process)
    below = descendants(process.pid)
    assert below
    for _ in range(2):
        if process.poll() is None:
            process.send_signal(number)
            time.sleep(pause)
    answer = ended(process)
    assert answer.code not in (0, 1), answer
    assert "Traceback" not in answer.err
    end = time.monotonic() + 10
    while any(started(pid) is not None for pid in below):
        assert time.monotonic() < end, "a process is left"
        time.sleep(0.05)
    assert made(tmp_path / STUDY).items() <= whole.items()
    assert ended(start(tmp_path, *command(own_conf), "workers=2")).code == 0
    assert made(tmp_path / STUDY) == whole
    assert left_over(tmp_path / STUDY) == set()
