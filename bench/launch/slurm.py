"""Cells as array jobs of SLURM, by submitit, on machines that share the results folder."""

import contextlib
import io
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.cells.pool import Pool
from bench.errors import BenchError
from bench.launch.files import FilePool, State
from bench.launch.remote import JOB
from bench.record.runs import listed
from bench.record.writing import make_folder

NAME = "bench"
"""Of all jobs."""
LOGS = "logs"
"""In a study's folder: `logs/0000`, ..., what submitit and SLURM write of each job; of jobs that ended well it goes."""
GROUP = 1_000
"""Jobs whose logs lie in one folder."""
IN_FLIGHT = 1_000
"""Cells that are handed to SLURM at a time; the rest wait here."""
REFRESH = 5.0
"""Seconds between two questions to the accounting."""
WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SUSPENDED", "CONFIGURING", "RESIZING"}
"""States of a job that will run, or run again. PREEMPTED is none: one that is put back has a newer record soon."""
RUNNING = {"RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT"}


OWN = {
    **dict.fromkeys(("array", "error", "job_name", "nodes", "ntasks", "ntasks_per_node", "output"), "leave it out"),
    **dict.fromkeys(("no_requeue", "requeue"), "a job goes on when it is put back, so leave it out"),
    "signal": "give launch.signal_seconds",
    "time": "give launch.minutes",
}
"""Options of sbatch that the launcher sets itself and whose other values break it, with what to do."""


class Slurm:
    """Cells through SLURM: one job of an array each. A job that is pre-empted, or whose node fails, is begun again."""

    def __init__(
        self,
        partition: str | None = None,
        account: str | None = None,
        minutes: int = 24 * 60,
        memory_gb: float = 8.0,
        cpus: int | None = None,
        gpus: int = 0,
        parallel: int = 256,
        timeouts: int = 10,
        signal_seconds: int = 90,
        options: dict[str, Any] | None = None,
        detach: bool = False,
        exclusive: bool = False,
        processes: int = IN_FLIGHT,
    ) -> None:
        """Keeps the options.

        Args:
            partition, account: of the jobs; null takes SLURM's own.
            minutes: that a job may take, behind which it is begun again from its checkpoint.
            memory_gb, cpus, gpus: of each cell; cpus null takes as many as it has threads.
            parallel: jobs of an array that run at a time.
            timeouts: how often a job may take its whole time.
            signal_seconds: before the end of its time, or of its place, at which a job is told to stop.
            options: others of sbatch, by their long names with underscores, such as `{qos: low}`.
            detach: submits all cells and leaves; `bench status` then says where the study stands.
            exclusive: gives each cell a machine of its own.
            processes: cells that are handed to SLURM at a time, a thousand at most; the next ones follow when fewer
                than `parallel` are left of them.

        Raises:
            BenchError: submitit or SLURM is not installed, a number is out of range, or an option of sbatch is one
                that the launcher sets itself.
        """
        numbers = {"minutes": minutes, "memory_gb": memory_gb, "parallel": parallel, "processes": processes}
        for name, value in {**numbers, "signal_seconds": signal_seconds}.items():
            if value <= 0:
                raise BenchError(f"launch.{name}={value:g}: give more than 0")
        for name, value in {"cpus": 0 if cpus is None else cpus, "gpus": gpus, "timeouts": timeouts}.items():
            if value < 0:
                raise BenchError(f"launch.{name}={value}: give 0 or more")
        for name in map(str, options or {}):
            if instead := OWN.get(name.replace("-", "_")):
                raise BenchError(f"launch.options: {name} is set by the launcher itself; {instead}")
        try:
            import submitit
        except ImportError as error:
            raise BenchError(f"launch=slurm needs submitit ({error}); pip install -e '.[slurm]'") from error
        if submitit.SlurmExecutor.affinity() < 0:
            raise BenchError("launch=slurm: there is no srun on this machine; run the command on a login node")
        self.submitit: Any = submitit
        self.cpus, self.timeouts, self.detach, self.processes = cpus, timeouts, detach, processes
        self.parameters: dict[str, Any] = {
            "partition": partition,
            "account": account,
            "time": minutes,
            "mem": f"{max(1, round(1024 * memory_gb))}M",
            "array_parallelism": parallel,
            "signal_delay_s": signal_seconds,
            "gpus_per_node": gpus or None,
            "job_name": NAME,
            "exclusive": exclusive or None,
            "additional_parameters": {"requeue": True, **(options or {})},
        }

    def threads(self, asked: int | None) -> int:
        """As asked for, else one for each of its CPUs."""
        return asked or self.cpus or 1

    def pool(self, study: Path, threads: int, local: Pool) -> FilePool:
        """Jobs of SLURM.

        Raises:
            BenchError: sbatch has no such option.
        """
        return FilePool(self.cluster(study, threads), study, self.parameters["array_parallelism"])

    def cluster(self, study: Path, threads: int) -> "SlurmCluster":
        """What hands jobs to SLURM, its logs in the study's folder.

        Raises:
            BenchError: sbatch has no such option.
            CannotWrite: the logs have no place.
        """
        folder = (study / LOGS).absolute()
        make_folder(folder)
        executor = self.submitit.SlurmExecutor(folder, max_num_timeout=self.timeouts)
        try:
            executor.update_parameters(**self.parameters, cpus_per_task=self.cpus or threads)
        except ValueError as error:
            raise BenchError(f"launch: {str(error).splitlines()[0]}") from error
        return SlurmCluster(executor, folder)


class SlurmCluster:
    """See `bench.launch.files.Cluster`.

    Attributes:
        logs: folder of what submitit and SLURM write.
        group, room: the folder in it for the next jobs, and how many more it takes.
        places: job id -> its folder.
        states: job id -> state, as the accounting said last.
        over: jobs that ended well, with the time and their folder, whose logs are still there.
    """

    def __init__(self, executor: Any, logs: Path) -> None:
        self.executor, self.logs = executor, logs
        self.group, self.room = logs, 0
        self.places: dict[str, Path] = {}
        self.handles: set[str] = set()
        self.states: dict[str, str] = {}
        self.asked = 0.0
        self.unanswered = False
        self.over: list[tuple[float, Path, str]] = []

    def submit(self, folders: list[Path]) -> list[str]:
        """One array of a job for each folder.

        Raises:
            BenchError: SLURM refuses it, or its logs have no place.
        """
        group = self.executor.folder = self.group_for(len(folders))
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # what sbatch says stands in the error too
                jobs = self.executor.map_array(Cell(), [str(folder) for folder in folders])
        except Exception as error:  # submitit has a class of its own for what sbatch says
            said = [line for line in str(error).splitlines() if "error" in line.lower()] or [str(error)]
            raise BenchError(f"launch=slurm: {said[0].strip()}") from error
        handles = [str(job.job_id) for job in jobs]
        for array in {handle.split("_")[0] for handle in handles}:  # SLURM has a copy of their scripts
            (group / f"{array}_submission.sh").unlink(missing_ok=True)
        for link in group.glob(".submission_file_*"):
            if not link.exists():
                link.unlink(missing_ok=True)
        for folder, handle in zip(folders, handles, strict=True):
            with contextlib.suppress(OSError):  # a short job has ended by now, and its folder is gone
                (folder / JOB).write_text(handle)
        self.handles |= set(handles)
        self.places |= dict.fromkeys(handles, group)
        return handles

    def group_for(self, jobs: int) -> Path:
        """A folder for the logs of so many jobs: that of the last ones while it has room, else the last by number where
        that is empty, or the next.

        Raises:
            CannotWrite: it cannot be made.
        """
        if self.room < jobs:
            number = max((int(name) for name in listed(self.logs) if name.isdecimal()), default=0)
            taken = listed(self.logs / f"{number:04}")
            self.group, self.room = self.logs / f"{number + bool(taken):04}", GROUP
            make_folder(self.group)
        self.room -= jobs
        return self.group

    def state(self, handle: str) -> tuple[State, str]:
        """Of a job, by the accounting; one that it does not know yet waits."""
        if time.monotonic() - self.asked >= REFRESH:
            self.asked = time.monotonic()
            self.ask()
            self.tidy(time.monotonic() - REFRESH)
        word = self.states.get(handle, "PENDING").split()[0]
        if word in WAITING:
            return "waiting", word
        if word in RUNNING:
            return "running", word
        return "ended", word

    def ask(self) -> None:
        """Brings the states up to date; says once where the accounting gives no answer."""
        try:
            self.states |= accounted(self.handles)
            self.unanswered = False
        except (OSError, subprocess.SubprocessError) as error:
            if not self.unanswered:
                said = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
                what = "jobs that SLURM ends are noticed when it answers again"
                print(f"warning: sacct gives no answer ({said}); {what}", file=sys.stderr)
            self.unanswered = True

    def cancel(self, handle: str) -> None:
        """Ends a job."""
        subprocess.run(["scancel", handle], check=False, capture_output=True)

    def forget(self, handle: str, status: int) -> None:
        """Asks for a job no longer. Of one that ended well the logs go, when submitit has written its last."""
        self.handles.discard(handle)
        self.states.pop(handle, None)
        place = self.places.pop(handle)
        if status == 0:
            self.over.append((time.monotonic(), place, handle))

    def tidy(self, since: float) -> None:
        """Removes the logs of jobs that ended well before then: of ten thousand jobs they would be a long folder."""
        old = [(place, handle) for ended, place, handle in self.over if ended <= since]
        self.over = [each for each in self.over if each[0] > since]
        for path in (path for place, handle in old for path in place.glob(f"{handle}_*")):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Jobs have ended or go on by themselves."""
        self.tidy(time.monotonic())


class Cell:
    """The job: a cell's process where the job runs. Begun again after a signal, it goes on from its checkpoint."""

    def __call__(self, folder: str) -> int:
        """Does the task of the folder.

        SLURM sends SIGTERM to all processes of a job that it cancels, pre-empts or puts back into its queue.
        """
        from bench.launch.remote import run

        stopped = threading.Event()
        before = signal.signal(signal.SIGTERM, lambda number, frame: stopped.set())
        try:
            return run(Path(folder), stopped.is_set)
        finally:
            signal.signal(signal.SIGTERM, before)

    def checkpoint(self, folder: str) -> Any:
        """What is submitted in its place when it is told to stop: itself."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, folder)


def accounted(handles: Iterable[str]) -> dict[str, str]:
    """The states of jobs as `sacct` has them. Those of an array that wait stand in one row and have none.

    Raises:
        OSError: there is no `sacct`.
        SubprocessError: it fails, or does not answer.
    """
    arrays = sorted({handle.split("_")[0] for handle in handles})
    if not arrays:
        return {}
    command = ["sacct", "-n", "-X", "-o", "JobID,State", "--parsable2", "-j", ",".join(arrays)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    rows = (line.split("|") for line in answer.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2 and row[1]}
