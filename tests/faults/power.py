"""What a disk has kept when the power fails: written down while a command runs, and played to any moment.

A file has the content that it had when it was last flushed (`fsync`), a folder the names that it had then. All else may
be there or not. The traced processes load `TRACER`; what it writes down lies in one file, an event a line.
"""

import base64
import json
import os
from pathlib import Path

TRACER = '''
import base64, json, os, stat

root, log, true = os.environ.get("TRACED"), os.environ.get("TRACE"), os.fsync


def names():
    """Path -> inode of all below the root, a folder's with a slash behind it."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            try:
                found[os.path.relpath(path, root) + "/" * (name in folders)] = os.lstat(path).st_ino
            except FileNotFoundError:
                pass
    return found


def fsync(descriptor):
    true(descriptor)
    state = os.fstat(descriptor)
    path = os.readlink(f"/proc/self/fd/{descriptor}")
    if not path.startswith(root):
        return
    event = {"inode": state.st_ino, "names": names()}
    if stat.S_ISDIR(state.st_mode):
        event["folder"] = os.path.relpath(path, root)
    else:
        with open(f"/proc/self/fd/{descriptor}", "rb") as file:
            event["content"] = base64.b64encode(file.read()).decode()
    line = (json.dumps(event) + "\\n").encode()
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(out, line)
    os.close(out)


if root is not None:
    os.fsync = fsync
'''
"""A `sitecustomize.py`. Commands that go on have it on their path too, as a user's modules are in a run's key."""


class Disk:
    """What is on the disk for certain after the first so many events, and what may be there besides."""

    def __init__(self, trace: Path, moment: int) -> None:
        self.contents: dict[int, bytes] = {}
        self.names: dict[str, dict[str, int]] = {}
        self.present: dict[str, int] = {}
        self.folders: set[str] = set()
        for line in trace.read_text().splitlines()[:moment]:
            event = json.loads(line)
            self.folders = {name.rstrip("/") for name in event["names"] if name.endswith("/")}
            self.present = {name.rstrip("/"): inode for name, inode in event["names"].items()}
            if "content" in event:
                self.contents[event["inode"]] = base64.b64decode(event["content"])
            else:
                folder = event["folder"]
                self.names[folder] = {
                    name: inode for name, inode in self.present.items() if (os.path.dirname(name) or ".") == folder
                }

    def certain(self, root: Path) -> None:
        """Lays out the names that were flushed; a file that was not is empty."""
        for folder, names in sorted(self.names.items()):
            if self.is_kept(folder):
                for name, inode in names.items():
                    self.lay(root, name, inode)

    def is_kept(self, folder: str) -> bool:
        """True where the name of a folder was flushed, and those of all above it."""
        above = os.path.dirname(folder) or "."
        return folder == "." or (folder in self.names.get(above, {}) and self.is_kept(above))

    def with_names(self, root: Path) -> None:
        """Lays out all names that were there, flushed or not; a file that was not is empty."""
        for name, inode in sorted(self.present.items()):
            self.lay(root, name, inode)

    def lay(self, root: Path, name: str, inode: int) -> None:
        """A file or a folder."""
        path = root / name
        if name in self.folders or name in self.names:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.contents.get(inode, b""))
