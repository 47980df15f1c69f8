"""Where the folders of a study's runs lie: `runs/59/moons-realnvp-s0-59340f21`, by two digits of the hash.

No folder gets long: of 100,000 runs each of 256 folders holds some 400. Runs of earlier versions lie in `runs/` itself,
and stay there. Processes on a cluster have their folders in `launch/` so too, by two digits of their names.
"""

import os
import re
from pathlib import Path

from bench.record.writing import there

FOLDER = "runs"
"""In a study's folder, and in that of its trials: all of their runs."""

SHARD = re.compile(r"[0-9a-f]{2}")
HASHED = re.compile(r".+-([0-9a-f]{2})[0-9a-f]{6}")


def run_path(runs: Path, run_id: str) -> Path:
    """The folder of a run, whether it is there or not."""
    direct, hashed = runs / run_id, HASHED.fullmatch(run_id)
    return direct if hashed is None or there(direct) else runs / hashed[1] / run_id


def runs_above(path: Path) -> Path:
    """The folder of all runs that a run's folder lies under."""
    return path.parent.parent if SHARD.fullmatch(path.parent.name) else path.parent


def entries(runs: Path) -> list[Path]:
    """What lies in `runs/`, by name: folders of runs, their locks, and scratch files; of two of one name that in it.

    Raises:
        OSError: a folder cannot be listed.
    """
    names = listed(runs)
    shards = [name for name in names if SHARD.fullmatch(name) and not (runs / name).is_symlink()]
    found = {inner: runs / shard / inner for shard in shards for inner in listed(runs / shard)}
    found |= {name: runs / name for name in names if name not in shards}
    return [found[name] for name in sorted(found)]


def run_paths(runs: Path) -> list[Path]:
    """The folders of all runs, by name; files and links among them too, where a hand has put some there.

    Raises:
        OSError: a folder cannot be listed.
    """
    return [path for path in entries(runs) if not path.name.startswith(".")]


def stranger(folder: Path) -> Path | None:
    """The first in a run's folder that is neither a plain file nor a folder; the folder itself where it is a link."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink() or (path.exists() and not path.is_dir() and not path.is_file()):
            return path
    return None


def listed(folder: Path) -> list[str]:
    """The names in a folder; none where it is none."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
