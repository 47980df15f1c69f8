"""One fair, repeatable comparison of VAEs, normalizing flows and continuous flows.

The names below are loaded when they are first used: `import bench` needs neither torch nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.models.entry import Entry, LogProb
    from bench.models.optimise import GradientStep
    from bench.report.frames import summary, table
    from bench.spec import DataSpec
    from bench.use.load import load
    from bench.use.train import train

__version__ = "0.2.0"

__all__ = [
    "DataSpec", "Dataset", "Entry", "GradientStep", "LogProb", "__version__", "load", "summary", "table", "train",
]  # fmt: skip

_HOMES = {
    "DataSpec": "bench.spec",
    "Dataset": "bench.data.dataset",
    "Entry": "bench.models.entry",
    "GradientStep": "bench.models.optimise",
    "LogProb": "bench.models.entry",
    "load": "bench.use.load",
    "summary": "bench.report.frames",
    "table": "bench.report.frames",
    "train": "bench.use.train",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    """A public name, imported from its home (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names beside what is loaded."""
    return sorted({*globals(), *__all__})
