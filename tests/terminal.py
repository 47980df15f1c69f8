"""A command on a real pseudo-terminal, and the screen that a person would see."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from pathlib import Path
from typing import NamedTuple

import pyte

from tests.helpers import environment


class Shown(NamedTuple):
    """What a terminal showed.

    Attributes:
        code: the exit code of the command.
        frames: screens in turn, each its lines without blanks behind them.
        raw: all bytes.
        cursor_hidden: whether the cursor is left hidden.
    """

    code: int
    frames: list[list[str]]
    raw: bytes
    cursor_hidden: bool

    @property
    def last(self) -> str:
        """The last screen."""
        return "\n".join(self.frames[-1])

    def ever(self, *words: str) -> bool:
        """True where all words stand in one line of a screen."""
        return any(all(word in line for word in words) for frame in self.frames for line in frame)


class Terminal:
    """A process on a pseudo-terminal of its own."""

    def __init__(self, folder: Path, words: list[str], columns: int, lines: int = 40, **env: str) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.frames: list[list[str]] = []
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            inherited = {name: value for name, value in environment().items() if name not in ("COLUMNS", "LINES")}
            time.sleep(0.2)  # until the terminal has its size
            os.execvpe(words[0], words, {**inherited, "TERM": "xterm-256color", **env})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, text: str) -> None:
        """Presses keys."""
        os.write(self.fd, text.encode())

    def read(self, seconds: float) -> bool:
        """Takes what is written within so many seconds; False where the process has closed the terminal."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                continue
            try:
                content = os.read(self.fd, 1 << 16)
            except OSError:  # Linux's word for the end of a pseudo-terminal
                return False
            if not content:
                return False
            self.raw += content
            self.stream.feed(content)
            frame = [line.rstrip() for line in self.screen.display]
            if not self.frames or frame != self.frames[-1]:
                self.frames.append(frame)
        return True

    def wait_for(self, text: str, seconds: float = 60.0) -> str:
        """The screen once a text stands on it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            alive = self.read(0.1)
            shown = "\n".join(self.frames[-1]) if self.frames else ""
            if text in shown:
                return shown
            assert alive, f"the process ended before {text!r}: {shown}"
        raise AssertionError(f"{text!r} did not come: {shown}")

    def end(self, seconds: float = 300.0) -> Shown:
        """Reads until the process ends."""
        end = time.monotonic() + seconds
        while self.read(1.0):
            assert time.monotonic() < end, "the command does not end"
        os.close(self.fd)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return Shown(code, self.frames, self.raw, self.screen.cursor.hidden)
