"""The origin of a record: the code's commit, the libraries and the machine."""

import functools
import os
import platform
import subprocess
from pathlib import Path

import torch

from bench.paths import project_dir

CODE = ("bench", "conf", "pyproject.toml")


@functools.cache
def git_commit() -> str | None:
    """The checkout's commit, with `+` when code or configuration has changed since.

    A copy of the project without its repository has the commit that the environment's BENCH_COMMIT names, or none.
    """
    named = os.environ.get("BENCH_COMMIT") or None
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
