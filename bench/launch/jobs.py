"""The jobs of SLURM that a study's folder names: of commands that run, and what detached or dead ones have left."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.cells.order import from_plain
from bench.launch.files import FOLDER
from bench.launch.remote import JOB, TASK
from bench.launch.slurm import NAME
from bench.record.reading import RECORD_BYTES, Unreadable, json_object, text_of
from bench.record.runs import entries

HANDLE = re.compile(r"\d{1,20}(_\d{1,10})?")
ENDED, UNKNOWN = "ended", "unknown"
"""States beside those of SLURM: of a job that is not in its queue, and of one where it gives no answer."""
SECONDS = 60.0
"""For which an answer of SLURM is waited."""
AT_ONCE = 500
"""Jobs that one call of `scancel` names."""


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        folder: of its process.
        handle: SLURM's id of it, such as `12_3`.
        state: SLURM's word in small letters, such as `pending`, else `ENDED` or `UNKNOWN`.
    """

    folder: Path
    handle: str
    state: str

    def runs(self) -> set[str]:
        """Ids of the runs that it makes; none where its task is gone."""
        try:
            task = json_object(text_of(self.folder / TASK, RECORD_BYTES))
            return {from_plain(order).run_id for order in task["orders"]}
        except (OSError, Unreadable, LookupError, TypeError, ValueError, AttributeError):  # no task of the bench's
            return set()


def jobs_of(study: Path) -> list[Job]:
    """The jobs that a study's folder, or that of its trials, names; none where that leads elsewhere by a link."""
    if (study / FOLDER).is_symlink():
        return []
    handles = dict(map(named, entries(study / FOLDER)))
    known = {folder: handle for folder, handle in handles.items() if handle}
    states = in_queue({handle.partition("_")[0] for handle in known.values()}) if known else {}
    return [
        Job(folder, handle, UNKNOWN if states is None else states.get(handle, ENDED))
        for folder, handle in sorted(known.items())
    ]


def named(folder: Path) -> tuple[Path, str]:
    """A folder of a process and the id of its job; empty where it has none."""
    try:
        text = text_of(folder / JOB, 100)
    except (OSError, Unreadable):
        return folder, ""
    return folder, text if HANDLE.fullmatch(text) else ""


def in_queue(arrays: Iterable[str]) -> dict[str, str] | None:
    """The states of the jobs of some arrays that SLURM has not ended, by their ids; None where it gives no answer."""
    command = ["squeue", "-h", "-r", "-o", "%i %T", "-j", ",".join(sorted(arrays))]
    try:
        answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    if answer.returncode and "Invalid job id" not in answer.stderr:  # so it says where all of them are over for long
        return None
    lines = (line.split() for line in answer.stdout.splitlines())
    return {line[0]: line[1].lower() for line in lines if len(line) == 2}


def cancelled(jobs: Iterable[Job]) -> bool:
    """Ends jobs, none of them of another name than the bench's; False where SLURM cannot be told."""
    handles = [job.handle for job in jobs]
    try:
        for first in range(0, len(handles), AT_ONCE):
            command = ["scancel", f"--name={NAME}", *handles[first : first + AT_ONCE]]
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return True
