"""The cells of a study by what its folder says of them, read without their records being understood whole."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cells.lock import Holder, alive, read
from bench.cells.plans import plans_of
from bench.cells.progress import Progress, progress_in
from bench.record.reading import RECORD_BYTES, Unreadable, opened
from bench.record.runs import FOLDER, entries, run_paths
from bench.record.store import committed_statuses

RUNNING, WAITING, BROKEN = "running", "waiting", "broken"
"""States beside the statuses of a record: locked by a process that lives, asked for and not begun, a record that is
none."""

TRIALS = "tuning"
"""In a study's folder: that of its trials, with runs/ of its own."""

HEAD = 32_768
"""Bytes of a record in which status and error stand: they are among its first columns."""
STATUS = re.compile(r'^ "status": "(\w+)",$', re.MULTILINE)
ERROR = re.compile(r'^ "error": (?:null|"((?:[^"\\]|\\.)*)"),?$', re.MULTILINE)


@dataclass(frozen=True)
class Running:
    """A cell that a process holds.

    Attributes:
        run_id: of the cell.
        holder: the process.
        beat: seconds since it was last heard of.
        progress: where it is; None where it has not said.
    """

    run_id: str
    holder: Holder
    beat: float
    progress: Progress | None


@dataclass
class Cells:
    """The cells of a study's folder.

    Attributes:
        states: run id -> status of its record or of its row, `running`, `waiting` or `broken`.
        errors: run id -> error of a record that did not end ok.
        running: those that are held.
        planned: ids that commands asked for.
        stale: locks whose holder is dead.
    """

    states: dict[str, str]
    errors: dict[str, str]
    running: list[Running]
    planned: set[str]
    stale: list[Path]


def cells_of(study: Path) -> Cells:
    """The cells of a study, or of its trials where the folder is theirs.

    Raises:
        BenchError: the study's table cannot be read.
    """
    wanted = {cell for plan in plans_of(study) for cell in plan.cells}
    planned = {run_id for run_id, _ in wanted}
    states = dict.fromkeys(planned, WAITING)
    states |= {run: status for (run, evaluation), status in committed_statuses(study).items()}
    errors: dict[str, str] = {}
    for run_id, text in heads(study / FOLDER):
        status, error = STATUS.search(text), ERROR.search(text)
        states[run_id] = status[1] if status else BROKEN
        if error and error[1]:
            errors[run_id] = unquoted(error[1])
    running, stale = held(study / FOLDER)
    states |= dict.fromkeys((one.run_id for one in running), RUNNING)
    return Cells(states, errors, running, planned, stale)


def unquoted(text: str) -> str:
    """The text that stands between the quotes of a JSON string; as it stands where it is none."""
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except json.JSONDecodeError:
        return text


def heads(runs: Path) -> Iterator[tuple[str, str]]:
    """The id and the beginning of the record of each run that has one; nothing of one that cannot be read."""
    for path in run_paths(runs):
        try:
            with opened(path / "record.json", RECORD_BYTES) as file:
                text = file.read(HEAD).decode(errors="replace")
        except FileNotFoundError:
            continue
        except (Unreadable, OSError):
            if not path.is_dir():
                continue
            text = ""
        yield path.name, text


def held(runs: Path) -> tuple[list[Running], list[Path]]:
    """The cells that living processes hold, and the locks of dead ones."""
    running, stale, now = list[Running](), list[Path](), time.time()
    for path in entries(runs):
        if not (path.name.startswith(".") and path.name.endswith(".lock")):
            continue
        run_id = path.name[1:].removesuffix(".lock")
        try:
            holder, touched = read(path), path.lstat().st_mtime
            if not alive(holder, path):
                stale.append(path)
                continue
        except OSError:  # gone, or not to be read now
            continue
        progress = progress_in(path.with_name(run_id))
        heard = max(touched, progress.at if progress else 0.0)
        running.append(Running(run_id, holder, max(0.0, now - heard), progress))
    return sorted(running, key=lambda one: one.run_id), stale
