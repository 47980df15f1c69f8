"""A task in a process of its own, its lines shown: a user's code that leaves ends no command in silence."""

import sys
from collections.abc import Callable
from typing import Any

from bench.cells.ends import GARBLED, LONGEST_WAIT
from bench.cells.pool import Pool
from bench.cells.process import Process
from bench.errors import BenchError


def verdict(task: dict[str, Any], say: Callable[[str], None]) -> bool:
    """Does a task of `bench.cells.worker` that says lines and a verdict; False where the verdict is, or there is none.

    Args:
        task: `check` or `list`.
        say: takes the lines; the last one says how the process ended where that was before its verdict.

    Raises:
        BenchError: the command is mistaken.
    """
    pool = Pool()
    try:
        process = pool.start(task)
        sound, end = None, None
        while process.status is None or process.pid in pool.running:
            for event in pool.events(LONGEST_WAIT):
                if event.process is not process or event.message is None:
                    continue
                ((kind, content),) = event.message.items()
                if kind == "say":
                    say(content)
                elif kind == "verdict":
                    sound = bool(content)
                elif kind == "mistake":
                    raise BenchError(content)
                else:
                    end = content if kind == "raised" else GARBLED
                    process.kill()
    finally:
        pool.end()
    sys.stderr.write(process.printed())
    if sound is None or end is not None:
        say(f"fails: {end or last_words(process)}")
    return bool(sound) and end is None


def last_words(process: Process) -> str:
    """How a process ended before its verdict."""
    assert process.status is not None
    if process.status < 0:
        return f"killed by signal {-process.status}"
    return f"exited with code {process.status} before the verdict"
