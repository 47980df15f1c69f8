"""What a launcher is, and the one that a configuration names."""

import importlib
import inspect
from pathlib import Path
from typing import Any, Protocol, get_type_hints

from bench.cells.pool import Pool
from bench.cells.process import CellPool
from bench.errors import BenchError, unknown
from bench.launch.kinds import fitted
from bench.launch.workers import Workers
from bench.trusted import check_trusted


class Launcher(Protocol):
    """Where the cells of a command run.

    Attributes:
        processes: that are begun side by side; those of a cluster may wait there for their place.
        detach: whether cells are left to the cluster, and the command ends.
    """

    processes: int
    detach: bool

    def threads(self, asked: int | None) -> int | None:
        """CPU threads of each cell for a configuration's `threads`; None leaves those of the configuration."""
        ...

    def pool(self, study: Path, threads: int, local: Pool) -> CellPool:
        """The processes of the cells of a study, each of so many CPU threads; `local` are those of this machine.

        Raises:
            BenchError: the cluster cannot be reached, or could never run such a cell.
        """
        ...


def launcher_of(launch: dict[str, Any]) -> Launcher:
    """The launcher that a configuration's `launch` names.

    Raises:
        BenchError: it may not be named, has no such class or option, or an option of a wrong kind or out of range.
    """
    options = dict(launch)
    target = options.pop("_target_", None)
    if not launch:
        return Workers()
    if target is None:
        raise BenchError("launch: its YAML has no _target_; give it the dotted path of a class")
    module, _, name = str(target).rpartition(".")
    check_trusted(module, "launch")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BenchError(f"launch: {target} cannot be imported: {error}") from error
    known = list(inspect.signature(cls).parameters)
    for option in options:
        if option not in known:
            raise unknown("option", option, known, "launch")
    hints = get_type_hints(cls.__init__)
    made: Launcher = cls(**{name: fitted(name, value, hints.get(name)) for name, value in options.items()})
    return made
