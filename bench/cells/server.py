"""The server that each cell's process is forked from: everything is imported, nothing is computed.

It is ready once it has what planning needs, and imports the rest while a child plans. Cells' processes wait for the
rest: what is loaded stands in their rows.

It runs no tensor operation, imports no user's code and opens no CUDA context, so that a child begins as a fresh process
would, in a fraction of the seconds that the imports take. It has one thread, which waits.

Protocol, over a socket of whole messages: `fork`, or `plan` for a child that does not wait for all imports, with three
descriptors (task, messages, output) is answered by the child's number; `<pid> <status>` tells that a child has ended.
"""

import contextlib
import ctypes
import importlib
import os
import pkgutil
import select
import signal
import socket
import sys
from collections.abc import Iterator

FIRST = ("torch", "bench.cells.worker")
"""Modules without which no child can work."""

NEEDED = (
    "torch._dynamo",
    "torch.optim",
    "sklearn.ensemble",
    "sklearn.model_selection",
    "sklearn.datasets",
    "sklearn.mixture",
    "scipy.stats",
    "scipy.optimize",
)
"""Further ones, and those they import, that a cell would import. Adam imports `torch._dynamo` at its first step."""

PACKAGES = ("bench.models", "bench.data")
"""Packages all of whose modules are."""

FORK, PLAN = b"fork", b"plan"
"""Requests: a child with everything, and one at once."""

DESCRIPTORS = 3
SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def preload() -> Iterator[bool]:
    """Imports what cells need, a module a step, and says True after each.

    One whose extra is missing is left out: its cells say so.
    """
    for name in NEEDED:
        importlib.import_module(name)
        yield True
    for package in PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            with contextlib.suppress(ImportError):
                importlib.import_module(f"{package}.{module.name}")
            yield True
    from bench.record.provenance import asked_for, git_commit
    from bench.setup.sources import required_modules

    for remembered in (asked_for, git_commit, required_modules):  # each of them costs a child a tenth of a second
        remembered()
        yield True


def serve(connection: socket.socket) -> None:
    """Forks a child for each request until the other end closes; the children then end with this process."""
    for name in FIRST:
        importlib.import_module(name)
    steps, loading = preload(), True
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    connection.send(b"ready")
    children: set[int] = set()
    while True:
        ready, _, _ = select.select([connection.fileno(), wake], [], [], 0 if loading else None)
        if loading and not ready:
            loading = next(steps, False)
        if wake in ready:
            os.read(wake, 4096)
            for pid, status in ended():
                children.discard(pid)
                connection.send(f"{pid} {status}".encode())
        if connection.fileno() in ready:
            message, descriptors, _, _ = socket.recv_fds(connection, 16, DESCRIPTORS)
            if not message:
                end(children)
                return
            while loading and message != PLAN:
                loading = next(steps, False)
            server = os.getpid()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for descriptor in (connection.fileno(), wake, waker):
                    os.close(descriptor)
                become_cell(descriptors, server)
            children.add(pid)
            for descriptor in descriptors:
                os.close(descriptor)
            connection.send(str(pid).encode())


def ended() -> list[tuple[int, int]]:
    """Numbers and statuses of the children that have ended."""
    over = []
    with contextlib.suppress(ChildProcessError):
        while (result := os.waitpid(-1, os.WNOHANG))[0]:
            over.append(result)
    return over


def end(children: set[int]) -> None:
    """Ends the children and what they have started."""
    for pid in children:
        kill(pid)


def kill(pid: int) -> None:
    """Ends a cell's process and what it has started."""
    for send in (os.killpg, os.kill):  # a process that was forked a moment ago leads no group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def become_cell(descriptors: list[int], server: int) -> None:
    """Turns a forked child into the process of a cell; it does not return.

    The process leads a group of its own, so that an interrupt of the terminal does not reach it and what it starts can
    be ended with it. It dies with the server.
    """
    code = 1
    task, messages, output = descriptors
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != server:
            return  # the server ended before the line above
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        from bench.cells.worker import work

        code = work(task, messages)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def main(connection: str, _: str) -> None:
    """The server's process; `connection` is the number of its socket."""
    serve(socket.socket(fileno=int(connection)))
