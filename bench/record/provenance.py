"""The origin of a record: the code's commit, the libraries, the machine and the time. It is in no key."""

import functools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from importlib import metadata
from pathlib import Path

import torch

from bench.paths import PACKAGE, project_dir

CODE = ("bench", "conf", "pyproject.toml")

COMMIT_FILE = PACKAGE / "record" / "commit.txt"
"""In a wheel: the commit that it was built from."""

DISTRIBUTION = "generative-bench"


@functools.cache
def git_commit() -> str | None:
    """The checkout's commit, with `+` when code or configuration has changed since.

    A wheel has the commit that it was built from. A copy of the project without its repository has the commit that the
    environment's BENCH_COMMIT names, or none.
    """
    named = os.environ.get("BENCH_COMMIT") or built_from()
    project = project_dir()
    if project is None:
        return named

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", "-C", str(project), *words], capture_output=True, text=True, check=False)

    try:
        root = git("rev-parse", "--show-toplevel")
        head = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--", *CODE)
    except FileNotFoundError:
        return named
    ours = root.returncode == 0 and Path(root.stdout.strip()).resolve() == project.resolve()
    if head.returncode or not ours:
        return named
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def built_from() -> str | None:
    """The commit that this package's wheel was built from; None where that is not known."""
    return COMMIT_FILE.read_text().strip() or None if COMMIT_FILE.is_file() else None


def versions(others: Iterable[str] = ()) -> str:
    """Python and the loaded distributions that the bench asks for, such as `python=3.11.7 torch=2.13.0+cpu`.

    Args:
        others: more distributions, such as those that a user's modules belong to.
    """
    names = ["python", *sorted({*asked_for(), *others}, key=str.lower)]
    return " ".join(f"{name}={version_of(name)}" for name in names)


def version_of(name: str) -> str:
    """The version of Python, or of an installed distribution.

    Raises:
        PackageNotFoundError: there is no such distribution.
    """
    return platform.python_version() if name == "python" else metadata.version(name)


@functools.cache
def asked_for() -> frozenset[str]:
    """The distributions that the bench's metadata names, for whatever extra but `dev`, and that are loaded."""
    try:
        lines = [line for line in metadata.requires(DISTRIBUTION) or [] if "'dev'" not in line]
    except metadata.PackageNotFoundError:
        lines = ["torch", "nflows", "torchdiffeq", "zuko", "numpy"]
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines}
    tops = {name.partition(".")[0] for name in sys.modules}
    loaded = {name for top, found in metadata.packages_distributions().items() if top in tops for name in found}
    return frozenset(name for name in loaded if name.lower().replace("_", "-") in {one.lower() for one in names})


def now() -> str:
    """The time to the second, with its zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def memory_bytes() -> int | None:
    """Memory of the machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def device_name(device: torch.device) -> str:
    """The GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
