"""An order: one planned cell in plain words, which a process can be given and the parent can keep without torch."""

import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.config import from_plain as config_from_plain
from bench.record.key import Place, RunKey, configuration_key
from bench.record.runs import FOLDER, run_path
from bench.record.store import Record, RunFolder


@dataclass(frozen=True)
class Setting:
    """All that cells share which differ in nothing but their seed.

    Attributes:
        config: the configuration in plain words, of the first seed.
        place, content, evaluation: of the key, see `bench.record.key.RunKey`.
        pack: a key that cells share which are trained together; None for a cell by itself.
        ended: the row of cells that ended before they could be resolved, but for their identity; None for others.
        width: the size knob that meets the budget, as planning found it; None where it built no entry.
    """

    config: dict[str, Any]
    place: dict[str, Any]
    content: dict[str, Any]
    evaluation: dict[str, Any]
    pack: str | None = None
    ended: Record | None = None
    width: int | None = None

    @cached_property
    def key(self) -> RunKey:
        """The key of the runs."""
        return RunKey(Place(**self.place), self.content, self.evaluation)

    @cached_property
    def unresolved_key(self) -> RunKey:
        """The key under which cells stand that end before they are resolved."""
        return configuration_key(config_from_plain(self.config))


@dataclass(frozen=True)
class Order:
    """One cell.

    Attributes:
        setting: shared by the cells that differ in their seed.
        seed: of the run.
        number: its place in the grid, from 0.
        command: that makes this row again.
        threads: CPU threads where cells run side by side; None leaves the configuration's.
    """

    setting: Setting
    seed: int
    number: int
    command: str
    threads: int | None = None

    @cached_property
    def run_id(self) -> str:
        """`<data>-<model>-s<seed>-<hash8>`."""
        return self.setting.key.run_id(self.seed)

    @cached_property
    def evaluation(self) -> str:
        """The hash of the evaluation's key."""
        return self.setting.key.evaluation_hash(self.seed)

    @property
    def study_folder(self) -> Path:
        """`results/<study>`."""
        return Path(str(self.setting.config["results_dir"])) / str(self.setting.config["study"])

    @property
    def folder(self) -> RunFolder:
        """The folder of the run under `results/<study>/runs`."""
        runs = self.study_folder / FOLDER
        return RunFolder(run_path(runs, self.run_id), runs=runs)

    @property
    def timeout_seconds(self) -> float | None:
        """`budget.timeout_seconds`."""
        seconds: float | None = self.setting.config["budget"]["timeout_seconds"]
        return seconds

    def forget_unresolved(self) -> None:
        """Removes the row that an earlier attempt left because this cell could not be resolved then."""
        earlier = self.setting.unresolved_key.run_id(self.seed)
        if earlier != self.run_id:
            shutil.rmtree(run_path(self.study_folder / FOLDER, earlier), ignore_errors=True)

    def identity(self) -> Record:
        """The first columns of the record, and the command."""
        return {**self.setting.key.identity(self.seed), "command": self.command}

    def finished(self) -> Record | None:
        """The record that counts; None where there is none, or a broken one."""
        try:
            return self.folder.finished(self.evaluation)
        except ValueError:
            return None

    def trained(self) -> bool:
        """True where its run ended ok: what is left to make is another evaluation."""
        try:
            record = self.folder.read()
        except ValueError:
            return False
        return record is not None and record["status"] == "ok" and record.get("evaluation") != self.evaluation

    def plain(self) -> dict[str, Any]:
        """The order as JSON, as `from_plain` reads it."""
        return asdict(self)

    def on(self, threads: int | None) -> "Order":
        """The same order on so many threads."""
        return replace(self, threads=threads)


def from_plain(content: dict[str, Any]) -> Order:
    """The order that `Order.plain` wrote."""
    return Order(**{**content, "setting": Setting(**content["setting"])})
