"""A cluster of plain processes of this machine."""

import os
import subprocess
import sys
from pathlib import Path

from bench.cells.pool import Pool
from bench.launch.files import FilePool, State

ROOT = Path(__file__).parents[2]


class Processes:
    """A cluster that begins a command again whose wrapper was killed, `retries` times."""

    def __init__(self, retries: int = 1) -> None:
        self.retries = retries
        self.jobs: dict[str, subprocess.Popen[bytes]] = {}
        self.begun: dict[str, int] = {}
        self.arrays: list[int] = []
        self.cancelled: list[str] = []
        self.forgotten: list[int] = []

    def submit(self, folders: list[Path]) -> list[str]:
        self.arrays.append(len(folders))
        for folder in folders:
            self.begin(str(folder))
        return [str(folder) for folder in folders]

    def begin(self, folder: str) -> None:
        self.begun[folder] = self.begun.get(folder, -1) + 1
        path = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.jobs[folder] = subprocess.Popen([sys.executable, "-m", "bench.launch.remote", folder], env=path)

    def state(self, handle: str) -> tuple[State, str]:
        code = self.jobs[handle].poll()
        if code is None:
            return "running", ""
        if code < 0 and self.begun[handle] < self.retries:
            self.begin(handle)
            return "waiting", ""
        return "ended", f"code {code}"

    def cancel(self, handle: str) -> None:
        self.cancelled.append(handle)
        self.jobs[handle].kill()

    def forget(self, handle: str, status: int) -> None:
        self.forgotten.append(status)

    def close(self) -> None:
        for job in self.jobs.values():
            job.kill()
            job.wait()


class OnProcesses:
    """A launcher on that cluster."""

    def __init__(self, retries: int = 1, detach: bool = False) -> None:
        self.processes, self.cluster, self.detach = 4, Processes(retries), detach

    def threads(self, asked: int | None) -> int | None:
        return None

    def pool(self, study: Path, threads: int, local: Pool) -> FilePool:
        return FilePool(self.cluster, study)
