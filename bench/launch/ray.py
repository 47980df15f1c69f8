"""Cells as tasks of a Ray cluster, one a cell, on machines that share the results folder."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.cells.pool import Pool
from bench.errors import MOST_SHOWN, BenchError
from bench.launch.files import FilePool, State
from bench.record.typed import cut

PRIVATE = "local"
OF_RAY = {PRIVATE, "auto"}
"""Addresses that Ray itself knows what to do with."""
CONNECT = 3.0
"""Seconds in which a cluster takes a connection, and in which it answers; Ray itself tries for minutes."""
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What a client of gRPC sends first: the preface of HTTP/2 and an empty frame of settings."""
SETTINGS = 4
"""Kind of the frame that a server of gRPC answers with; it is the fourth byte."""
IN_FLIGHT = 1_000
"""Cells that are handed to the cluster at a time; the rest wait here."""


class Ray:
    """Cells on Ray: a cluster that runs, by its address, or a private one of this machine."""

    detach = False

    def __init__(
        self,
        address: str = PRIVATE,
        cpus: float | None = None,
        gpus: float = 0.0,
        retries: int = 2,
        exclusive: bool = False,
        processes: int = IN_FLIGHT,
    ) -> None:
        """Keeps the options.

        Args:
            address: of a running cluster, `auto` for that of this machine; `local` starts a private one.
            cpus: of each cell; null takes as many as it has threads.
            gpus: of each cell, or a fraction of one.
            retries: how often a cell is begun again whose worker or machine died.
            exclusive: gives each cell all CPUs that a machine of the cluster has, of those with the GPUs, so that no
                two share one.
            processes: cells that are handed to the cluster at a time.

        Raises:
            BenchError: Ray is not installed, or a number is out of range.
        """
        for name, value in {"cpus": cpus or 0.0, "gpus": gpus, "retries": retries, "processes": processes - 1}.items():
            if value < 0:
                raise BenchError(f"launch.{name}: give {'at least 1' if name == 'processes' else '0 or more'}")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise BenchError(f"launch=ray needs Ray ({error}); pip install -e '.[ray]'") from error
        self.ray: Any = ray
        self.address, self.cpus, self.gpus, self.retries = address, cpus, gpus, retries
        self.processes, self.exclusive = processes, exclusive

    def threads(self, asked: int | None) -> int:
        """As asked for, else one for each of its CPUs."""
        return asked or max(1, int(self.cpus or 1))

    def pool(self, study: Path, threads: int, local: Pool) -> FilePool:
        """Tasks on the cluster.

        Raises:
            BenchError: it cannot be reached, or no machine of it has what a cell asks for.
        """
        check_listens(self.address)
        try:
            self.ray.init(address=self.address, include_dashboard=False, log_to_driver=False, logging_level="error")
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise BenchError(f"launch.address={self.address}: no Ray cluster there: {reason}") from error
        try:
            asked = float(threads) if self.cpus is None else self.cpus
            cpus = cpus_of_a_cell(self.ray.nodes(), None if self.exclusive else asked, self.gpus)
        except BenchError:
            self.ray.shutdown()
            raise
        return FilePool(RayCluster(self.ray, cpus, self.gpus, self.retries), study)


def cpus_of_a_cell(nodes: list[dict[str, Any]], asked: float | None, gpus: float) -> float:
    """CPUs that each cell takes: as many as asked for, where one machine has these and the GPUs too.

    Args:
        nodes: as `ray.nodes()` lists them.
        asked: CPUs; None takes all that a machine has, of those with the GPUs the one with most.
        gpus: of each cell.

    Raises:
        BenchError: no living machine has both, so that a cell would wait for ever.
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    machines = sorted({(has.get("CPU", 0.0), has.get("GPU", 0.0)) for has in alive})
    least = 1.0 if asked is None else asked
    fit = [cpus for cpus, there in machines if cpus >= least and there >= gpus]
    if not fit:
        what = "launch.exclusive=true" if asked is None else f"launch.cpus={asked:g}"
        kinds = cut("; ".join(f"{cpus:g} CPUs and {there:g} GPUs" for cpus, there in machines), MOST_SHOWN)
        raise BenchError(f"{what} launch.gpus={gpus:g}: no machine of the cluster has both, only {kinds}; ask for less")
    return max(fit) if asked is None else asked


def check_listens(address: str) -> None:
    """Refuses an address of a cluster, `host:port` or `ray://host:port`, where nobody takes a connection and answers.

    Under `RAY_USE_TLS` the answer is not looked at: it is encrypted.

    Raises:
        BenchError: it is no such address, nobody listens there, or what listens is no server of gRPC, as Ray's are.
    """
    if address in OF_RAY:
        return
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        where = place.hostname, place.port
    except ValueError:
        where = None, None
    if not all(where):
        raise BenchError(f"launch.address={address}: no address of a cluster; give host:port, auto or local")
    try:
        with socket.create_connection(where, timeout=CONNECT) as connection:
            answered = bool(os.environ.get("RAY_USE_TLS")) or answers(connection)
    except (OSError, UnicodeError) as error:
        raise BenchError(f"launch.address={address}: no Ray cluster there: {error}; start it, or give auto") from error
    if not answered:
        raise BenchError(f"launch.address={address}: no Ray cluster there, another program; give that of its head")


def answers(connection: socket.socket) -> bool:
    """True where the other side is a server of gRPC.

    Raises:
        OSError: it says nothing in time, or goes.
    """
    connection.sendall(HELLO)
    with connection.makefile("rb") as stream:
        return stream.read(4)[3:] == bytes([SETTINGS])


def do(folder: str) -> int:
    """The task: a cell's process, in the worker's own machine."""
    from bench.launch.remote import run

    return run(Path(folder))


class RayCluster:
    """See `bench.launch.files.Cluster`; `work` is the task of a folder."""

    def __init__(self, ray: Any, cpus: float, gpus: float, retries: int, work: Callable[[str], int] = do) -> None:
        self.ray = ray
        options = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": retries}
        self.task = ray.remote(**options)(work)
        self.refs: dict[str, Any] = {}

    def submit(self, folders: list[Path]) -> list[str]:
        """A task for each folder."""
        for folder in folders:
            self.refs[folder.name] = self.task.remote(str(folder))
        return [folder.name for folder in folders]

    def state(self, handle: str) -> tuple[State, str]:
        """Whether a task is done; Ray does not tell one that waits from one that runs."""
        ref = self.refs[handle]
        done, _ = self.ray.wait([ref], timeout=0)
        if not done:
            return "running", ""
        try:
            self.ray.get(ref)
        except Exception as error:  # whatever Ray says of a task, a cell is told by its record
            return "ended", f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        return "ended", ""

    def cancel(self, handle: str) -> None:
        """Ends a task and its process."""
        self.ray.cancel(self.refs[handle], force=True)

    def forget(self, handle: str, status: int) -> None:
        """Frees what a task gave back."""
        self.refs.pop(handle, None)

    def close(self) -> None:
        """Leaves the cluster; a private one ends."""
        self.ray.shutdown()
