"""The versions of entries and of training, as the code has them now."""

from functools import cache

import yaml

from bench.errors import BenchError
from bench.paths import conf_dir
from bench.record.key import TRAINING_VERSION
from bench.setup.build import imported


@cache
def versions_of(model: str) -> tuple[int, int] | None:
    """The version of one of the project's entries, and that of training; None for a user's or an unknown name."""
    try:
        content = yaml.safe_load((conf_dir() / "model" / f"{model}.yaml").read_text())
        entry = imported(content["_target_"], "model")
    except (OSError, BenchError):
        return None
    version: int = getattr(entry, "version", 1)
    return version, TRAINING_VERSION
