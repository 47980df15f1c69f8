"""The extras of the bench: what brings a module that is not installed, and a user's files that have its name."""

import importlib.util
import re
import sys
from importlib import metadata

from bench.setup.sources import DISTRIBUTION, normal, requirements


def extras() -> dict[str, str]:
    """Normalised name of a distribution -> the extra that brings it."""
    lines = (
        re.match(r"\s*([A-Za-z0-9._-]+).*extra\s*==\s*['\"]([^'\"]+)", line) for line in requirements(DISTRIBUTION)
    )
    return {normal(line[1]): line[2] for line in lines if line}


def missing_extra(error: Exception) -> str | None:
    """The module that an import missed and what installs it, where an extra of the bench does; None elsewhere."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    module = error.name.partition(".")[0]
    extra = extras().get(normal(module))
    if extra is None:
        return None
    return f"{module}, which is not installed; the extra brings it: pip install -e '.[{extra}]'"


def hide_namesakes() -> None:
    """Makes a user's file with the name of an extra's module, such as triton.py, no module while that is not installed.

    Libraries try such imports and do without where they fail; they would execute the file in its place.
    """
    for distribution in extras():
        module = distribution.replace("-", "_")
        if module in sys.modules or is_installed(distribution):
            continue
        if importlib.util.find_spec(module) is not None:
            sys.modules[module] = None  # type: ignore[assignment]


def is_installed(distribution: str) -> bool:
    """True where the distribution is on Python's path, with its metadata."""
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
