"""A pool whose processes run elsewhere: tasks, messages and ends are files of a folder that all machines share."""

import contextlib
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from bench.cells.process import Event, Process
from bench.errors import BenchError
from bench.launch.remote import ENDED, OUTPUT, TASK, messages_of
from bench.record.runs import SHARD, listed
from bench.record.writing import write_atomically

FOLDER = "launch"
"""In a study's folder: `launch/59/59340f21...`, a folder for each process, gone when it has ended."""

State = Literal["waiting", "running", "ended"]
LOOK = 0.2
"""Seconds between two looks at the files."""
ASK = 2.0
"""Seconds between two questions to the cluster."""
LATE = 30.0
"""Seconds that a file system may take to show what a process of another machine wrote last."""


ARRAY = 1_000
"""Processes that are handed over together at most: SLURM's own largest array has 1,001."""
ONCE_MORE = 10.0
"""Seconds behind which a cluster is asked again that has refused processes."""
PATIENCE = 600.0
"""Seconds for which a cluster may refuse all processes while none of this command runs."""


class Cluster(Protocol):
    """What runs the commands, and what a handle of it stands for."""

    def submit(self, folders: list[Path]) -> list[str]:
        """Runs `bench.launch.remote.run` for each folder, now or when there is room; a handle each.

        Raises:
            BenchError: it refuses them, for now or for ever.
        """
        ...

    def state(self, handle: str) -> tuple[State, str]:
        """Whether it waits, runs or has ended, and the cluster's word on how it ended."""
        ...

    def cancel(self, handle: str) -> None:
        """Ends it."""
        ...

    def forget(self, handle: str, status: int) -> None:
        """Lets go of what has ended with that exit code, or signal; of what ended well no file is left."""
        ...

    def close(self) -> None:
        """Leaves the cluster."""
        ...


@dataclass(eq=False)
class Remote(Process):
    """A process elsewhere.

    Attributes:
        folder: that it shares with this one.
        handle: of the cluster; empty before it was submitted.
        attempt, read: number of the attempt whose messages were read last, and bytes of them.
        gone: when the cluster said that it has ended, by the monotonic clock.
    """

    folder: Path = field(default_factory=Path)
    handle: str = ""
    cluster: Cluster | None = None
    attempt: int = 0
    read: int = 0
    gone: float | None = None

    def kill(self) -> None:
        """Ends it."""
        if self.cluster is not None and self.handle:
            self.cluster.cancel(self.handle)

    def printed(self) -> str:
        """What it printed, its beginning and end."""
        with contextlib.suppress(OSError):
            self.keep((self.folder / OUTPUT).read_bytes())
        return super().printed()

    def new_messages(self) -> Iterator[dict[str, Any]]:
        """The whole messages that have come since the last look, of each attempt."""
        while messages_of(self.folder, self.attempt).exists():
            with open(messages_of(self.folder, self.attempt), "rb") as file:
                file.seek(self.read)
                content = file.read()
            self.read += len(content)
            yield from self.lines(content)
            if not messages_of(self.folder, self.attempt + 1).exists():
                return
            self.attempt, self.read, self.unread = self.attempt + 1, 0, b""


class FilePool:
    """Processes on a cluster; see `bench.launch.launcher.CellPool`.

    Attributes:
        handed: whether the cluster has taken any.
        refused: when it refused some last, and first since it took any, by the monotonic clock; None where it took
            the last ones.
    """

    queues = True

    def __init__(self, cluster: Cluster, study: Path, parallel: int = sys.maxsize) -> None:
        """Of what is handed over together the cluster itself runs `parallel` at a time."""
        self.cluster, self.place, self.parallel = cluster, (study / FOLDER).absolute(), parallel
        self.running: list[Remote] = []
        self.asked = 0.0
        self.handed = False
        self.refused: tuple[float, float] | None = None

    def start(self, task: dict[str, Any]) -> Process:
        """A process for the task; the cluster gets it with the next look at what happens."""
        name = secrets.token_hex(8)
        folder = self.place / name[:2] / name
        surroundings = {"environment": dict(os.environ), "folder": os.getcwd(), "path": sys.path}
        words = json.dumps({**task, "surroundings": surroundings})
        write_atomically(folder / TASK, words, within=self.place.parent, private=True)  # an environment has secrets
        process = Remote(0, -1, -1, folder=folder, cluster=self.cluster)
        self.running.append(process)
        return process

    def submit(self) -> None:
        """Hands processes that were started to the cluster. One that refuses is asked again while others run.

        Raises:
            BenchError: it refuses the first ones, or has refused all for `PATIENCE`.
        """
        now = time.monotonic()
        last, first = self.refused or (-ONCE_MORE, now)
        if now - last < ONCE_MORE:
            return
        try:
            self.hand_over(self.room())
            self.refused = None
        except BenchError as error:
            runs = any(process.handle for process in self.running)
            if not self.handed or (not runs and now - first > PATIENCE):
                raise
            if self.refused is None:
                print(f"warning: {error}; asked again every {ONCE_MORE:g} s", file=sys.stderr)
            self.refused = now, first

    def hand_over(self, most: int) -> None:
        """Hands so many processes at most to the cluster, all at once.

        Raises:
            BenchError: it refuses them.
        """
        new = [process for process in self.running if not process.handle][:most]
        for process, handle in zip(new, self.cluster.submit([each.folder for each in new]) if new else [], strict=True):
            process.handle = handle
            self.handed = True

    def room(self) -> int:
        """How many processes the cluster is given now: an array, and behind it only as many as run at a time.

        A later array knows nothing of those before it: both together would run more.
        """
        there = sum(bool(process.handle) for process in self.running)
        return ARRAY if there == 0 else max(0, min(ARRAY, self.parallel - there))

    def events(self, seconds: float) -> Iterator[Event]:
        """What happens within so many seconds; at once what has happened already."""
        self.submit()
        over = time.monotonic() + seconds
        while True:
            happened = list(self.look())
            if happened or time.monotonic() >= over:
                yield from happened
                return
            time.sleep(min(LOOK, seconds))

    def look(self) -> Iterator[Event]:
        """Reads all messages, and finds the processes that have ended."""
        now = time.monotonic()
        ask = now - self.asked >= ASK
        if ask:
            self.asked = now
        for process in tuple(self.running):
            yield from (Event(process, message) for message in process.new_messages())
            if not process.handle:
                continue
            if ask or process.gone is not None:
                self.settle(process, now)
            elif (process.folder / ENDED).exists():
                process.status = how_ended(process.folder)
            if process.status is not None:
                yield from (Event(process, message) for message in process.new_messages())
                self.running.remove(process)
                self.cluster.forget(process.handle, process.status)
                yield Event(process, None)
                shutil.rmtree(process.folder, ignore_errors=True)

    def settle(self, process: Remote, now: float) -> None:
        """Asks the cluster whether the process lives, and waits a while for the last files of one that does not."""
        process.status = how_ended(process.folder)
        if process.status is not None:
            return
        state, word = self.cluster.state(process.handle)
        if state != "ended":
            process.gone = None
            return
        process.gone = process.gone or now
        process.status = how_ended(process.folder)
        if process.status is None and now - process.gone > LATE:
            process.status = 1
            process.lost = f"the cluster ended it: {word}" if word else "the cluster lost it"

    def leave(self) -> None:
        """Hands what was started to the cluster and leaves it there; each process removes its own folder.

        Raises:
            BenchError: the cluster refuses some; those that it took stay.
        """
        try:
            while any(not process.handle for process in self.running):
                self.hand_over(ARRAY)
        finally:
            self.running = [process for process in self.running if not process.handle]
            self.end()

    def end(self) -> None:
        """Ends all processes and leaves the cluster."""
        for process in self.running:
            process.kill()
            shutil.rmtree(process.folder, ignore_errors=True)
        self.running = []
        remove_empty(self.place)
        self.cluster.close()


def remove_empty(place: Path) -> None:
    """Removes those of the 256 folders of `launch/` in which nothing is left, and it; no link is followed."""
    if place.is_symlink():
        return
    for folder in (*(place / name for name in listed(place) if SHARD.fullmatch(name)), place):
        with contextlib.suppress(OSError):
            folder.rmdir()


def how_ended(folder: Path) -> int | None:
    """The exit code that a process left, or minus the signal; None where it has left none."""
    try:
        return int(json.loads((folder / ENDED).read_text()))
    except (OSError, ValueError):
        return None
