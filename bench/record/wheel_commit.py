"""A hook of the build: writes the checkout's commit into the wheel, where `bench.record.provenance` reads it."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INSIDE = "bench/record/commit.txt"


class CommitHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Adds `commit.txt` to the package where the source is a git checkout."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before the files are gathered."""
        commit = commit_of(Path(self.root))
        if commit and self.target_name == "wheel" and version == "standard":
            with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
                file.write(commit + "\n")
            build_data["force_include"][file.name] = INSIDE


def commit_of(root: Path) -> str | None:
    """The commit of a checkout, with `+` when files had changed; None elsewhere."""

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)

    try:
        head, changed = git("rev-parse", "--short=12", "HEAD"), git("status", "--porcelain", "--", "bench", "conf")
    except FileNotFoundError:
        return None
    return None if head.returncode else head.stdout.strip() + ("+" if changed.stdout.strip() else "")
