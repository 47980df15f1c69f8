"""`bench retime STUDY`: the time of a training step of each of a study's entries, alone on the machine, interleaved.

The clock of a sweep is no measure of an entry: other cells run beside it, and hours lie between two of them. Here the
entries of a data set take turns, block by block, each by the loop that trains it. The blocks go through the whole
schedule, as one entry takes other steps at its end than at its beginning.
"""

import json
import shlex
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from bench.cells.verify import words_of
from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, Diverged, NotApplicable
from bench.machine.clock import Neighbours
from bench.machine.deadline import Deadline
from bench.machine.device import chosen_device
from bench.machine.heap import keep_freed_memory
from bench.machine.threads import set_threads
from bench.record.provenance import device_name, git_commit, now
from bench.record.reading import Unreadable
from bench.record.runs import FOLDER, run_paths
from bench.record.steps import STEPS, StepTime, steps_csv
from bench.record.store import RunFolder, check_writable, divided, table_rows
from bench.record.writing import write_table
from bench.setup import build
from bench.setup.compose import Composer
from bench.speed.interleave import Block, Effort, Spread, interleave, smoothed_mean
from bench.speed.loops import ENDLESS
from bench.training.history import History
from bench.training.loop import Loop

ROUNDS = 15
BLOCK = 20
"""Steps of a block: with `ROUNDS` of them a few hundred steps."""
MOST_SECONDS = 30.0
"""For which an entry is timed; the blocks of slow ones have fewer steps."""
QUIET_SECONDS = 2.0
"""For which the machine is watched before."""

Row = dict[str, Any]


@dataclass
class Timed:
    """An entry whose step is timed.

    Attributes:
        config: of a run whose rate stays at its full height.
        width: the size knob.
        runs: ids of the study's runs that take such steps.
        blocks: milliseconds of a step in each block.
        evaluations: of the field in each block, mean per step; none where no ODE is solved.
        failure: why it could not be timed.
    """

    config: Config
    width: int
    runs: list[str]
    blocks: list[float] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)
    loop: Loop | None = None
    failure: str | None = None

    @property
    def name(self) -> str:
        """Data, model and width."""
        return f"{self.config.data['name']} {self.config.model['name']} of width {self.width}"

    def begin(self, dataset: Dataset, device: torch.device) -> None:
        """Builds the loop, compiles its step as the runs do, and sizes the blocks by the first two steps.

        Raises:
            BenchError: the entry cannot be built or compiled.
            Diverged: a loss is NaN or infinite.
            NotApplicable: the entry cannot model these data.
        """
        torch.manual_seed(0)
        cls = build.entry_class(self.config)
        own = dataset.as_asked(*cls.picture_form(self.config.model))
        entry = build.entry_of_width(self.config, own.spec, self.width).to(device)
        self.loop = Loop(entry, own.to(device), self.with_block(2), History(), Deadline(None))
        self.loop.compile()
        self.loop.interval()
        slow = int(MOST_SECONDS * 1e3 / ROUNDS / self.loop.typical_milliseconds)
        block = max(2, min(BLOCK, slow))
        self.loop.config = self.with_block(block, (ROUNDS + 2) * block)  # two: these first steps, and the warm-up

    def with_block(self, steps: int, budget: int = ENDLESS) -> Config:
        """The configuration with blocks of so many steps and a budget in steps."""
        train = replace(self.config.train, validate_every=steps)
        return replace(self.config, train=train, budget=replace(self.config.budget, steps=budget))

    def block(self) -> None:
        """Steps on, on the clock of training; an entry that diverged stands still."""
        assert self.loop is not None
        history = self.loop.history
        seconds, step, evaluations = history.seconds, history.step, history.field_evaluations
        try:
            if self.failure is None:
                self.loop.interval()
        except Diverged as reason:
            self.failure = str(reason)
        if self.failure is not None:
            return
        self.blocks.append(1e3 * (history.seconds - seconds) / (history.step - step))
        if history.field_evaluations is not None:
            self.evaluations.append((history.field_evaluations - (evaluations or 0)) / (history.step - step))

    def times(self, shared: bool | None) -> Iterator[StepTime]:
        """A row for each of the runs."""
        assert self.loop is not None
        history = self.loop.history
        timed, spread = self.blocks[1:], Spread.of(self.blocks[1:])  # the first warms up
        evaluations = statistics.fmean(self.evaluations[1:]) if self.evaluations else None
        for run in self.runs:
            yield StepTime(
                run, self.config.data["name"], self.config.model["name"], self.width, smoothed_mean(timed), spread.low,
                spread.high, evaluations, history.step, device_name(self.loop.device), torch.get_num_threads(), shared,
                now(), git_commit(),
            )  # fmt: skip


def retime(study: str, results_dir: Path, *, busy: bool, say: Callable[[str], None]) -> int:
    """Measures the step of each entry of a study's rows and writes steps.csv; the exit code, 1 where one has none.

    Args:
        study: a folder of `results_dir`, with a table or runs.
        results_dir: of all studies.
        busy: whether to go on where others use the machine; the rows then say so.
        say: takes a line for each entry.

    Raises:
        BenchError: no row took a step, a command that cannot be read, or another process uses the machine.
    """
    folder = results_dir / study
    check_writable(folder)
    rows = trained_rows(folder)
    if not rows:
        raise BenchError(f"{folder}: no row of it took a step; make some with: bench run study={shlex.quote(study)}")
    entries = timed_entries(rows)
    if not busy:
        check_quiet()
    times: list[StepTime] = []
    failed = 0
    for group in entries.values():
        shared = take_turns(group)
        for entry in group:
            if entry.failure is not None:
                failed += 1
                say(f"{entry.name}: not timed: {entry.failure}")
                continue
            of_entry = list(entry.times(shared))
            say(line(of_entry[0], entry.name))
            times += of_entry
    if not times:
        raise BenchError(f"{folder}: none of its entries could be timed")
    path = write_table(folder / STEPS, steps_csv(sorted(times)))
    say(f"{path}: {len(times)} runs; bench report {shlex.quote(study)}")
    return 1 if failed else 0


def line(one: StepTime, name: str) -> str:
    """An entry's time in words."""
    solved = "" if one.evaluations is None else f", {one.evaluations:.1f} field evaluations"
    shared = "  (others used the machine)" if one.shared_machine else ""
    where = f"{one.device}, {one.threads} thread{'s' * (one.threads > 1)}"
    spread = f"{one.low:.3g} to {one.high:.3g}"
    return f"{name}: {one.milliseconds:.3g} ms a step ({spread}), {one.steps} steps{solved}, {where}{shared}"


def check_quiet() -> None:
    """Refuses a machine that others use.

    Raises:
        BenchError: another process used more than a tenth of a core.
    """
    watch = Neighbours()
    time.sleep(QUIET_SECONDS)
    if watch.shared():
        raise BenchError(
            "another process uses the machine, and would be in the times; let it end, or add --busy, which marks them"
        )


def trained_rows(study: Path) -> list[Row]:
    """The rows of a study that ended ok after steps, of its table and of its runs, one for each run."""
    rows: dict[str, Row] = {divided(row["run_id"])[0]: row for row in table_rows(study) if row.get("run_id")}
    for folder in run_paths(study / FOLDER):
        try:
            record = RunFolder(folder).read()
        except Unreadable:
            continue
        if record is not None:
            rows[folder.name] = record
    return [
        {**row, "run_id": run_id}
        for run_id, row in rows.items()
        if row.get("status") == "ok" and row.get("steps") and row.get("command")
    ]


def timed_entries(rows: Iterable[Row]) -> dict[str, list[Timed]]:
    """The entries of rows, those that take turns together: of one data set, device and number of threads.

    Raises:
        BenchError: a command that cannot be composed.
    """
    composers: dict[Path | None, Composer] = {}
    entries: dict[str, Timed] = {}
    groups: dict[str, list[Timed]] = defaultdict(list)
    for row in rows:
        words, config_dir = words_of(row["command"])
        if config_dir is not None and str(config_dir.absolute().parent) not in sys.path:
            sys.path.append(str(config_dir.absolute().parent))
        composer = composers.setdefault(config_dir, Composer(config_dir))
        config, width = stepping(composer.config(words)), int(row["width"])
        data = {name: value for name, value in config.data.items() if name != "root"}
        together = json.dumps([data, config.device, config.threads], sort_keys=True, default=str)
        step = [together, config.model, width, config.train.batch_size, config.compile, asdict(config.train.optimiser)]
        key = json.dumps(step, sort_keys=True, default=str)
        if key not in entries:
            entries[key] = Timed(config, width, [])
            groups[together].append(entries[key])
        entries[key].runs.append(row["run_id"])
    return groups


def stepping(config: Config) -> Config:
    """The configuration with what does not decide a step's time at one value, the rate at its full height.

    Where the rate falls to nothing all steps meet the same weights, and those of an ODE's field get no harder. The
    budget gets its end with the size of the blocks.
    """
    optimiser = replace(config.train.optimiser, learning_rate=RATE, warmup=0.0, final=1.0)
    budget = replace(config.budget, steps=ENDLESS, seconds=None, flops=None)
    return replace(config, budget=budget, train=replace(config.train, optimiser=optimiser), pack=None)


RATE = 1e-3
"""The learning rate of timed steps: every entry takes it."""


def take_turns(group: list[Timed]) -> bool | None:
    """Times the entries of a group in turn; whether others used the machine meanwhile, None where none can tell."""
    config = group[0].config
    set_threads(config.threads)
    keep_freed_memory()
    device = chosen_device(config.device)
    dataset = build.dataset(config).of_seed(config.seed)
    for entry in group:
        try:
            entry.begin(dataset, device)
        except (BenchError, Diverged, NotApplicable) as reason:
            entry.failure = str(reason)
    watch = Neighbours()
    ready: list[Block] = [entry.block for entry in group if entry.failure is None]
    if ready:
        interleave(ready, device, Effort(seconds=0.0, rounds=ROUNDS))
    return watch.shared()
