"""The folder of a study of one's own data: named by the data and by their content, so that no two share a page."""

import hashlib
import importlib.util
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from bench.config import NOT_IDENTITY, Config
from bench.setup.sources import fingerprint

FILES = ("path", "split")
"""Options of a data set that may name a file or a folder; the first names the study."""

FUNCTION = "function"
"""The option that names what returns the data, where no file does."""

NAME_LENGTH = 40
"""Characters of a file's name that stand in a folder's."""

HASH_LENGTH = 8


def place_study(config: Config) -> None:
    """Gives a study that is `by_data` the name of its data and of their content: `<study>-<file>-<hash8>`.

    Files count by their bytes, a function by its name and the source of its module, other options of the data by their
    words; those that are null do not count. Where a file is not there its word counts: what makes the data says so
    later.
    """
    if not config.by_data:
        return
    options = {name: value for name, value in config.data.items() if counts(name, value)}
    content = {name: content_of(name, value) for name, value in options.items()}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:HASH_LENGTH]
    named = options.get(FILES[0]) or options.get(FUNCTION) or config.data["name"]
    config.study = f"{config.study}-{plain_name(str(named))}-{digest}"


def counts(name: str, value: Any) -> bool:
    """True for an option that decides the data."""
    return value is not None and (name in (*FILES, FUNCTION) or f"data.{name}" not in NOT_IDENTITY)


def plain_name(path: str) -> str:
    """A file's name without its endings, of letters, digits, `-` and `_`."""
    stem = Path(path).name.lstrip(".").partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:NAME_LENGTH] or "data"


def content_of(name: str, value: Any) -> Any:
    """What an option of the data stands for."""
    if name in FILES:
        return file_content(value)
    return [value, module_source(str(value).partition(":")[0])] if name == FUNCTION else value


def module_source(module: str) -> str | None:
    """The fingerprint of a module's source; None where it is not found, or has none."""
    try:
        spec = importlib.util.find_spec(module)
    except Exception:  # of a package of the user's, which is imported on the way; what makes the data says it
        return None
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return fingerprint(Path(spec.origin).read_bytes())


def file_content(value: Any) -> Any:
    """The hash of a file's bytes, or a folder's names with those of its files; any other value as it is."""
    path = Path(str(value)).expanduser()
    if path.is_file():
        return hash_of(path)
    if path.is_dir():
        files = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
        return sorted((str(file.relative_to(path)), hash_of(file)) for file in files)
    return value


def hash_of(path: Path) -> str:
    """The hash of a file's bytes as they are now."""
    state = path.stat()
    return bytes_hash(str(path.resolve()), state.st_size, state.st_mtime_ns)


@cache
def bytes_hash(path: str, size: int, changed: int) -> str:
    """SHA-256 of a file, computed once for each state of it; size and time of change tell those apart."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
