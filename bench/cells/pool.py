"""The parent's side of the cells' processes: starts them, reads their messages, tells how they ended.

Imports no torch: the parent only reads, writes to the terminal and waits.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench.cells.process import Event, Process
from bench.cells.server import FORK, PLAN
from bench.errors import BenchError
from bench.paths import project_dir

CHUNK = 65_536

LAST_PORTIONS = 4_096
"""Portions read of a process that has ended: a pipe holds one, a child left behind may go on printing."""

START = "import sys; sys.path[0:0] = sys.argv[3:]; from bench.cells import {0}; {0}.main(*sys.argv[1:3])"


class Pool:
    """Processes for tasks: forked from a server, or spawned where the system cannot fork safely.

    Attributes:
        queues: False: a process begins at once.
        begun: folders of runs that the command has made, or found.
    """

    queues = False

    def __init__(self, spawn: bool = sys.platform != "linux") -> None:
        """`spawn` starts each process anew, which takes seconds more for each."""
        self.server = None if spawn else server()
        self.selector = selectors.DefaultSelector()
        self.begun: set[Path] = set()
        self.running: dict[int, Process] = {}
        self.spawned: dict[int, subprocess.Popen[bytes]] = {}
        self.lifelines: dict[int, int] = {}
        if self.server is not None:
            self.selector.register(self.server.connection, selectors.EVENT_READ)

    def start(self, task: dict[str, Any]) -> Process:
        """A process that does the task, in the folder, with the module path and the environment of this moment."""
        surroundings = {"environment": dict(os.environ), "folder": os.getcwd(), "path": sys.path}
        message_end, messages = os.pipe()
        output_end, output = os.pipe()
        with tempfile.TemporaryFile("w+") as file:
            json.dump({**task, "surroundings": surroundings}, file)
            file.flush()
            file.seek(0)
            given = (file.fileno(), messages, output)
            request = PLAN if task["do"] == "plan" else FORK
            pid = self.spawn(*given) if self.server is None else self.fork(given, request)
        early = [] if self.server is None else self.server.early()
        os.close(messages)
        os.close(output)
        process = Process(pid, message_end, output_end, open={message_end, output_end})
        for descriptor in process.open:
            os.set_blocking(descriptor, False)
            self.selector.register(descriptor, selectors.EVENT_READ, process)
        self.running[pid] = process
        self.reap(early)
        return process

    def fork(self, descriptors: tuple[int, int, int], request: bytes) -> int:
        """A child of the server with the task, of a new server where the old one has ended since."""
        assert self.server is not None
        try:
            return self.server.fork(descriptors, request)
        except ServerEnded:
            return self.new_server().fork(descriptors, request)

    def new_server(self) -> "Server":
        """Another server in place of one that was killed; the processes that were forked from that one end with it.

        Raises:
            ServerEnded: it ended before it had started, as another would.
        """
        assert self.server is not None
        if not self.server.ready:
            raise self.server.ended_error()
        self.selector.unregister(self.server.connection)
        for process in self.running.values():
            process.status = process.status or -signal.SIGKILL
            process.kill()
        self.server = server()
        self.selector.register(self.server.connection, selectors.EVENT_READ)
        return self.server

    def spawn(self, task: int, messages: int, output: int) -> int:
        """A fresh interpreter with the task."""
        lifeline, kept = os.pipe()
        process = subprocess.Popen(
            interpreter("worker", f"{task},{messages}", str(lifeline)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(task, messages, lifeline),
            start_new_session=True,
        )
        os.close(lifeline)
        self.spawned[process.pid], self.lifelines[process.pid] = process, kept
        return process.pid

    def events(self, seconds: float) -> Iterator[Event]:
        """What happens within so many seconds; at once what has happened already.

        Raises:
            ServerEnded: the server cannot start.
        """
        over = any(process.status is not None for process in self.running.values())
        for key, _ in self.selector.select(0.0 if over else min(seconds, 0.05) if self.spawned else seconds):
            if self.server is not None and key.fileobj is self.server.connection:
                try:
                    self.reap(self.server.read())
                except ServerEnded:
                    self.new_server()
            else:
                yield from self.read(key.data, key.fd, portions=1)
        self.reap([(pid, code) for pid, one in self.spawned.items() if (code := one.poll()) is not None])
        for process in [one for one in self.running.values() if one.status is not None]:
            yield from self.close(process)

    def reap(self, ended: list[tuple[int, int]]) -> None:
        """Notes how processes ended; what they started and left behind ends with them."""
        for pid, status in ended:
            if pid in self.running:
                self.running[pid].status = status
                self.running[pid].kill()

    def read(self, process: Process, descriptor: int, portions: int) -> Iterator[Event]:
        """At most so many portions of what a process says or prints."""
        for _ in range(portions):
            try:
                content = os.read(descriptor, CHUNK)
            except BlockingIOError:
                return
            if not content:
                self.forget(process, descriptor)
                return
            if descriptor == process.messages:
                yield from (Event(process, message) for message in process.lines(content))
            else:
                process.keep(content)

    def forget(self, process: Process, descriptor: int) -> None:
        """Closes a descriptor of a process."""
        self.selector.unregister(descriptor)
        os.close(descriptor)
        process.open.discard(descriptor)

    def close(self, process: Process) -> Iterator[Event]:
        """The last messages of a process that has ended, and its end. A child that it left may hold the descriptors."""
        for descriptor in tuple(process.open):
            yield from self.read(process, descriptor, LAST_PORTIONS)
        for descriptor in tuple(process.open):
            self.forget(process, descriptor)
        del self.running[process.pid]
        self.spawned.pop(process.pid, None)
        if process.pid in self.lifelines:
            os.close(self.lifelines.pop(process.pid))
        yield Event(process, None)

    def leave(self) -> None:
        """Nothing of this pool outlives its program."""
        self.end()

    def end(self) -> None:
        """Ends all processes. The server stays for the next pool of this program, and ends with the program."""
        for process in self.running.values():
            process.kill()
        for process in tuple(self.running.values()):
            for descriptor in tuple(process.open):
                self.forget(process, descriptor)
        self.running = {}
        self.selector.close()


class ServerEnded(BenchError):
    """The server is gone: it could not start, or was killed."""


class Server:
    """The process that cells are forked from, see `bench.cells.server`."""

    def __init__(self) -> None:
        self.connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the server
        self.process = subprocess.Popen(
            interpreter("server", str(other.fileno()), ""),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            pass_fds=(other.fileno(),),
            start_new_session=True,
        )
        other.close()
        self.ready = False
        self.ended: list[tuple[int, int]] = []

    def fork(self, descriptors: tuple[int, ...], request: bytes) -> int:
        """The number of a child that has these descriptors; `request` is `FORK` or `PLAN`."""
        while not self.ready:
            self.ready = self.receive() == "ready"
        socket.send_fds(self.connection, [request], list(descriptors))
        while " " in (answer := self.receive()):
            self.ended.append(status_of(answer))
        return int(answer)

    def read(self) -> list[tuple[int, int]]:
        """Numbers and statuses of children that have ended; none where the server only says that it is there."""
        answer = self.receive()
        if answer == "ready":
            self.ready = True
            return []
        return [status_of(answer)]

    def early(self) -> list[tuple[int, int]]:
        """Children whose end came before an answer to `fork`."""
        ended, self.ended = self.ended, []
        return ended

    def receive(self) -> str:
        """One message of the server.

        Raises:
            ServerEnded: the server is gone.
        """
        try:
            answer = self.connection.recv(1024).decode()
        except ConnectionResetError:
            answer = ""
        if not answer:
            self.process.wait()
            server.cache_clear()
            raise self.ended_error()
        return answer

    def ended_error(self) -> "ServerEnded":
        """Its last words."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return ServerEnded(
            f"the process that cells are forked from ended ({lines[-1] if lines else self.process.returncode}); "
            "run the command again"
        )


@cache
def server() -> Server:
    """The server of this program, started once."""
    return Server()


def status_of(answer: str) -> tuple[int, int]:
    """The number of a child and how it ended."""
    pid, status = answer.split()
    return int(pid), os.waitstatus_to_exitcode(int(status))


def interpreter(module: str, first: str, second: str) -> list[str]:
    """A new interpreter that calls `main` of a module of this room; a checkout is found before an installed bench."""
    project = project_dir()
    return [
        sys.executable,
        "-P",
        "-c",
        START.format(module),
        first,
        second,
        *([] if project is None else [str(project)]),
    ]
