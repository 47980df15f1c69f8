"""What a tracker is, and how a run tells it of itself: nothing that a tracker does stops or changes a run."""

import csv
import importlib.util
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from bench.errors import BenchError, one_line
from bench.record.store import Record
from bench.training.history import History


class Tracker(Protocol):
    """One run's place in a tool that people watch runs with.

    It is built with the folder of the study and the options of `conf/track/NAME.yaml`, in the process of the run. What
    any of it raises is said in one line, and the run goes on without it.
    """

    def begin(self, run_id: str, settings: Mapping[str, Any]) -> None:
        """Begins the run, anew where it was interrupted: what was tracked of it before is told again.

        Args:
            run_id: `<data>-<model>-s<seed>-<hash8>`.
            settings: dotted name -> value of the resolved configuration.
        """

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes a validation: `train_seconds`, `train_loss_nats` and the validation value by its name."""

    def end(self, row: Record) -> None:
        """Ends the run; `row` is that of table.csv, its `status` among the columns."""


class Tracking:
    """Tells a run to its tracker, if it has one, until that fails."""

    tracker: Tracker | None = None

    def __init__(self, build: Callable[[], Tracker | None], say: Callable[[str], None]) -> None:
        """`build` makes the tracker, None where there is none; `say` takes the line that says that it failed."""
        self.say, self.logged = say, 0
        self.guard(lambda: setattr(self, "tracker", build()))

    def begin(self, run_id: str, config: dict[str, Any]) -> None:
        """Begins a run of this configuration in plain words."""
        if self.tracker is not None:
            tracker, self.logged = self.tracker, 0
            self.guard(lambda: tracker.begin(run_id, flat(config)))

    def report(self, history: History) -> None:
        """Tells the validations that were not told yet; those of a resumed run from its first on."""
        name = "val_nll_nats" if history.by_likelihood else history.selected_by or "validation"
        columns = ("train_seconds", "train_loss_nats", name)
        self._tell([(step, dict(zip(columns, values, strict=False))) for step, *values in history.rows])

    def end(self, row: Record, folder: Path) -> None:
        """Ends the run, after the validations in its folder's history.csv: a pack tells none as it trains."""
        if self.tracker is not None:
            self.guard(lambda: self._tell(stored_validations(folder)))
        if self.tracker is not None:
            tracker = self.tracker
            self.guard(lambda: tracker.end(row))

    def _tell(self, validations: list[tuple[int, dict[str, float]]]) -> None:
        if self.tracker is not None:
            tracker, new = self.tracker, validations[self.logged :]
            self.logged = max(self.logged, len(validations))

            def tell() -> None:
                for step, values in new:
                    tracker.log(step, values)

            self.guard(tell)

    def guard(self, call: Callable[[], object]) -> None:
        """Makes a call; where that fails, says so and tracks no more. The run's random numbers stay as they were."""
        try:
            with torch.random.fork_rng():
                call()
        except (Exception, SystemExit) as error:
            self.tracker = None
            self.say(f"warning: tracking ended, the run goes on: {one_line(error)}")


def stored_validations(folder: Path) -> list[tuple[int, dict[str, float]]]:
    """Step and numbers of each validation in a run's history.csv; none where it has none."""
    path = folder / "history.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [(int(row.pop("step")), {name: float(value) for name, value in row.items() if value}) for row in rows]


def needs(package: str) -> None:
    """Refuses a tracker whose package, which has the name of its extra, is not installed.

    Raises:
        BenchError: the line that says how to install it.
    """
    if importlib.util.find_spec(package) is None:
        extra = f"the extra brings it: pip install -e '.[{package}]'"
        raise BenchError(f"track={package} needs {package}, which is not installed; {extra}")


def flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Dotted name -> value of nested settings, the grid and empty ones left out."""
    settings: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            settings |= flat(value, f"{before}{name}.")
        elif value is not None and name != "grid":
            settings[f"{before}{name}"] = value
    return settings


def numbers(row: Record) -> dict[str, float]:
    """The finite numbers of a row."""
    plain = {name: value for name, value in row.items() if isinstance(value, (int, float))}
    return {name: float(value) for name, value in plain.items() if math.isfinite(value)}
