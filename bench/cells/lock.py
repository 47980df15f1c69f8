"""A lock of a run folder that names its holder and dies with it.

The lock is a file beside the folder, made by one hard link, which is atomic on network file systems too. A holder on
this machine is alive while its process is: a child that it leaves behind keeps no lock. A holder on another machine is
alive while the file is touched: one that is silent for long is watched for a while before it is taken over, so that a
clock that was set costs nobody his lock. `flock` only guards the short moment of a take-over; where a file system
refuses it (ENOLCK on NFS), the rename and the look at what was renamed remain.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import CannotWrite
from bench.record.reading import CannotRead, Unreadable, json_object, text_of
from bench.record.runs import runs_above
from bench.record.typed import in_one_line
from bench.record.writing import await_folder, hint, make_folders

BEAT = 15.0
"""Seconds between two touches of a lock."""

STALE = 8 * BEAT
"""Seconds without a touch after which a holder on another machine counts as dead."""

LOCK_BYTES = 4_096
"""Largest lock."""

WATCHED = 3 * BEAT
"""Seconds for which such a lock is watched before it is taken over."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        host: name of its machine, for people.
        machine: a boot of a machine and a space of process numbers within it.
        pid: of the process.
        start: clock ticks from the boot to the process's start, as a number is used again; 0 where unknown.
    """

    host: str
    machine: str
    pid: int
    start: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def before_boot(self) -> bool:
        """True where it was of this machine, by its name, before that was started anew."""
        boots = self.machine.partition(" ")[0], this_machine().partition(" ")[0]
        return self.host == socket.gethostname() and boots[0] != boots[1]


def this_process() -> Holder:
    """The calling process as a holder."""
    return Holder(socket.gethostname(), this_machine(), os.getpid(), started(os.getpid()) or 0)


def this_machine() -> str:
    """The boot of this machine and the space of its process numbers; the name where the system has no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def started(pid: int) -> int | None:
    """Clock ticks from the boot to the start of a process; None where it is gone, 0 where the system does not say."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0 if not Path("/proc/self").exists() and exists(pid) else None
    return None if state in "ZX" else int(rest[18])


def exists(pid: int) -> bool:
    """True where a process of this number is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Lock:
    """The lock of one run folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder.parent / f".{folder.name}.lock"

    def holder(self) -> Holder | None:
        """The process that holds it and is alive; None where there is none."""
        try:
            holder = read(self.path)
            return holder if alive(holder, self.path) else None
        except FileNotFoundError:
            return None

    def take(self) -> Holder | None:
        """Takes it for this process; the living holder where another one has it.

        Raises:
            CannotWrite: the folder that it lies in cannot be written, or is gone for long.
        """
        own = this_process()
        runs = runs_above(self.path)
        await_folder(runs)
        try:
            make_folders(self.path.parent, runs)
            while not create(self.path, own):
                if holder := self.holder():
                    return holder
                remove_stale(self.path)
        except OSError as error:
            raise CannotWrite(f"cannot write {self.path.parent}: {error.strerror}; {hint(error, None)}") from error
        return None

    def release(self, pid: int | None = None) -> None:
        """Removes it where process `pid` of this machine holds it; by default the calling one."""
        with contextlib.suppress(FileNotFoundError):
            holder = read(self.path)
            if (holder.machine, holder.pid) == (this_machine(), pid or os.getpid()):
                self.path.unlink()

    def touch(self) -> None:
        """Says that the holder is alive, to other machines."""
        with contextlib.suppress(OSError):
            os.utime(self.path)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Holder | None]:
    """Holds the lock of a run folder for the time of a `with`; yields the living holder where another one has it.

    Raises:
        CannotWrite: the folder of the study cannot be written.
    """
    lock = Lock(folder)
    other = lock.take()
    try:
        yield other
    finally:
        if other is None:
            lock.release()


def create(path: Path, holder: Holder) -> bool:
    """True where this call made the lock; the file has its content from the first moment on."""
    scratch = path.with_name(f"{path.name}.{holder.host}.{holder.pid}.{secrets.token_hex(4)}")
    text = json.dumps(asdict(holder))
    try:
        scratch.write_text(text)
    except OSError:  # a full disk: the name is there, the text is not
        scratch.unlink(missing_ok=True)
        raise
    try:
        os.link(scratch, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return create_directly(path, text)
    finally:
        scratch.unlink()
    return True


def create_directly(path: Path, text: str) -> bool:
    """As `create`, without a link: for a moment the file is there and empty."""
    try:
        file = open(path, "x")  # noqa: SIM115
    except FileExistsError:
        return False
    try:
        with file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def read(path: Path) -> Holder:
    """The holder that a lock names; nobody where it names none, as one of an earlier version or a pipe does.

    Raises:
        FileNotFoundError: the lock is gone.
        OSError: it cannot be read now.
    """
    try:
        return holder_in(json_object(text_of(path, LOCK_BYTES)))
    except CannotRead as error:
        raise OSError(errno.EIO, str(error)) from error
    except Unreadable:
        return Holder("an unknown machine", "", 0, 0)


def holder_in(content: dict[str, Any]) -> Holder:
    """The holder that the content of a lock names, its host in one printable line.

    Raises:
        Unreadable: it names none.
    """
    match content:
        case {"host": str(host), "machine": str(machine), "pid": int(pid), "start": int(start)}:
            return Holder(in_one_line(host), machine, pid, start)
        case _:
            raise Unreadable("names no holder")


def alive(holder: Holder, path: Path) -> bool:
    """True where the holder's process runs or, on another machine, touched the lock a short while ago.

    Raises:
        FileNotFoundError: the lock is gone.
    """
    if not holder.machine:
        return False
    if holder.machine == this_machine():
        return started(holder.pid) == holder.start
    return abs(file_clock(path) - path.stat().st_mtime) < STALE


def silent(path: Path) -> bool:
    """True where a lock that seems stale is not touched while it is watched; one of this machine needs no watching.

    Raises:
        FileNotFoundError: the lock is gone.
    """
    if read(path).machine in ("", this_machine()):
        return True
    touched, end = path.stat().st_mtime_ns, time.monotonic() + WATCHED
    while time.monotonic() < end:
        time.sleep(min(1.0, WATCHED / 10))
        if path.stat().st_mtime_ns != touched:
            return False
    return True


def file_clock(path: Path) -> float:
    """The time by the clock that stamps the files beside `path`, which may be a server's."""
    probe = path.with_name(f"{path.name}.{secrets.token_hex(4)}.clock")
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)


@contextlib.contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Holds `flock` on a file for the time of a `with`, where it can be had; a pipe is not waited for."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def remove_stale(path: Path) -> None:
    """Moves the lock of a dead holder out of the way; a lock that was taken in the meantime is put back."""
    with contextlib.suppress(FileNotFoundError), guarded(path):
        if alive(read(path), path) or not silent(path):
            return
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.stale")
        os.rename(path, aside)
        if alive(read(aside), aside):
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink()
