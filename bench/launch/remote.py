"""The process of a cell on another machine: files of a shared folder in place of pipes.

The folder has `task.json`; `messages.0` and `output` grow while the cell's process says and prints something; `ended`
is written last, with how the process ended. A cluster may begin the task again: then there is a `messages.1`. With
SLURM it has `job` too, the id of its job.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from bench.cells.lock import BEAT, Lock, read
from bench.cells.order import from_plain
from bench.cells.pool import interpreter
from bench.cells.process import Process
from bench.launch.detached import close
from bench.record.runs import runs_above
from bench.record.writing import write_atomically

TASK, OUTPUT, ENDED, JOB = "task.json", "output", "ended", "job"
SOON = 2.0
"""Seconds within which a scheduler's signal has reached all processes of a job."""
KILLED = 120.0
"""Seconds within which a scheduler ends what does not end by itself: SLURM's own are 30."""
OWN = "task.here.json"
"""The task with the environment of the machine that does it."""


def run(folder: Path, is_stopped: Callable[[], bool] = lambda: False) -> int:
    """Does the task of a folder in a process of its own, and touches its locks; the exit code, or minus the signal.

    Args:
        is_stopped: whether the scheduler has told this process to end too. It then says itself whether the task is over
            or begins again: how the cell ended is not written, and the scheduler's next signal is waited for.
    """
    words: dict[str, Any] = json.loads((folder / TASK).read_text())
    try:
        process = attempt(folder, words, is_stopped)
        if process is None:
            return -signal.SIGTERM
        assert process.status is not None
        write_atomically(folder / ENDED, json.dumps(process.status), within=folder)
        if words.get("detached"):
            leave_rows(folder, words, process)
    except Exception:
        remove(folder, words)
        raise
    remove(folder, words)
    return process.status


def attempt(folder: Path, words: dict[str, Any], is_stopped: Callable[[], bool]) -> Process | None:
    """Does the task once; its process, which has ended, or None where the scheduler has told it to end.

    Raises:
        OSError: the process cannot be started.
        CannotWrite: the folder cannot be written.
    """
    given = words["surroundings"]
    given["environment"] = {**given["environment"], **os.environ}  # a scheduler's own variables are this machine's
    own = folder / OWN
    write_atomically(own, json.dumps(words), within=folder, private=True)
    lifeline, kept = os.pipe()
    with (
        open(own) as task,
        open(messages_of(folder, attempts(folder)), "xb") as messages,
        open(folder / OUTPUT, "ab") as output,
    ):
        descriptors = f"{task.fileno()},{messages.fileno()}"
        process = subprocess.Popen(
            interpreter("worker", descriptors, str(lifeline)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(task.fileno(), messages.fileno(), lifeline),
            start_new_session=True,
            cwd=given["folder"],
        )
    os.close(lifeline)
    over = threading.Event()
    threading.Thread(target=keep_fresh, args=(words, given["folder"], process.pid, over), daemon=True).start()
    try:
        status = process.wait()
        if status == -signal.SIGTERM and becomes(is_stopped, SOON):
            becomes(lambda: False, KILLED)
            return None
    finally:
        over.set()
        os.close(kept)
    return Process(process.pid, -1, -1, status=status)


def leave_rows(folder: Path, words: dict[str, Any], process: Process) -> None:
    """Writes the rows of the cells that the process of a detached task left none of.

    Raises:
        CannotWrite: the results folder is not writable or full.
    """
    process.keep((folder / OUTPUT).read_bytes())
    said = messages_of(folder, attempts(folder) - 1).read_bytes()
    with contextlib.chdir(words["surroundings"]["folder"]):
        close(words, process, said)


def remove(folder: Path, words: dict[str, Any]) -> None:
    """Removes the folder of a detached task, which nobody reads, and those above it where it was the last."""
    if words.get("detached"):
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # others may lie there
            folder.parent.rmdir()
            runs_above(folder).rmdir()


def becomes(true: Callable[[], bool], seconds: float) -> bool:
    """Waits so long for something to become true; whether it is."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return true()


def messages_of(folder: Path, attempt: int) -> Path:
    """The file of the messages of one attempt, counted from 0."""
    return folder / f"messages.{attempt}"


def attempts(folder: Path) -> int:
    """How often the task was begun."""
    return next(number for number in count() if not messages_of(folder, number).exists())


def keep_fresh(words: dict[str, Any], folder: str, pid: int, over: threading.Event) -> None:
    """Touches the locks that the process holds, until it is over: other machines go by that."""
    paths = [Path(folder) / from_plain(order).folder.path for order in words.get("orders", [])]
    while not over.wait(BEAT):
        for lock in map(Lock, paths):
            with contextlib.suppress(OSError):
                if read(lock.path).pid == pid:
                    lock.touch()


if __name__ == "__main__":
    sys.exit(0 if run(Path(sys.argv[1])) >= 0 else 1)
