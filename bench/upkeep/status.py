"""`bench status`: where a study stands, from its folder alone."""

import json
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.cells.dry_run import clock
from bench.cells.plans import Plan, plans_of
from bench.errors import BenchError
from bench.launch.jobs import ENDED, UNKNOWN, jobs_of
from bench.record.columns import STATUSES
from bench.record.typed import cut, in_one_line, printable
from bench.upkeep.cells import BROKEN, RUNNING, TRIALS, WAITING, Cells, Running, cells_of

ORDER = (*STATUSES, BROKEN, RUNNING, WAITING)
UNFINISHED = frozenset({"failed", "timeout", BROKEN, WAITING})
"""States that the same command would work on."""
FAILED = frozenset({"failed", "timeout", "diverged"})
SHOWN, LENGTH, NAMED = 20, 160, 10
"""Kinds of failure that are said, characters of each, and runs of each that are named."""
EVERY = 2.0
"""Seconds between two looks of `--watch`."""


@dataclass(frozen=True)
class Failures:
    """Runs that ended with one error.

    Attributes:
        status, error: of their records; of an error of several lines the last, which says what went wrong.
        runs: their ids.
    """

    status: str
    error: str
    runs: list[str]


@dataclass(frozen=True)
class Status:
    """Where a study stands.

    Attributes:
        study: its name.
        counts: cells by state.
        trials: trials of its tuning by state.
        running: cells under way, trials among them.
        failures: grouped, the largest group first.
        commands: that go on with what remains, those of trials first, then the last begun, each with the number of its
            cells that remain.
        stale: locks of dead processes, which the next command takes over.
        jobs: of SLURM, its trials' too, by state; `unknown` where it gives no answer.
        driven: whether a command of this machine drives it.
    """

    study: str
    counts: dict[str, int]
    trials: dict[str, int]
    running: list[Running]
    failures: list[Failures]
    commands: list[tuple[str, int]]
    stale: int
    jobs: dict[str, int]
    driven: bool

    def plain(self) -> dict[str, Any]:
        """The same as JSON can hold it; of each running cell with the seconds that it has left, null where unknown."""
        left = [one.progress and one.progress.seconds_left() for one in self.running]
        content = asdict(self)
        for one, seconds in zip(content["running"], left, strict=True):
            one["seconds_left"] = seconds
        return content


def status_of(study: Path) -> Status:
    """Where the study in a folder stands.

    Raises:
        BenchError: there is no such study, or its table cannot be read.
    """
    if not study.is_dir():
        raise BenchError(f"no study in {study}: nothing was run there yet; bench list studies names those there are")
    cells, trials = cells_of(study), cells_of(study / TRIALS)
    plans, plans_of_trials = plans_of(study), plans_of(study / TRIALS)
    jobs = Counter(job.state for part in (study, study / TRIALS) for job in jobs_of(part))
    del jobs[ENDED]
    return Status(
        study.name,
        counted(cells),
        counted(trials),
        [*trials.running, *cells.running],
        grouped(cells),
        commands([(plans_of_trials, trials), (plans, cells)]),
        len(cells.stale) + len(trials.stale),
        dict(sorted(jobs.items())),
        any(plan.drives() for plan in (*plans_of_trials, *plans)),
    )


def counted(cells: Cells) -> dict[str, int]:
    """The number of cells in each state that occurs, in the order of `ORDER`."""
    counts = Counter(cells.states.values())
    return {state: counts[state] for state in sorted(counts, key=lambda state: (*ORDER, state).index(state))}


def grouped(cells: Cells) -> list[Failures]:
    """The failures, those of one status and error together, whatever their data set and model."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for run_id, state in cells.states.items():
        if state in FAILED:
            last = cells.errors.get(run_id, "").strip().rpartition("\n")[2]
            groups[state, printable(cut(last, LENGTH))].append(run_id)
    found = [Failures(status, error, sorted(runs)) for (status, error), runs in groups.items()]
    return sorted(found, key=lambda one: (-len(one.runs), one.runs))


def commands(parts: Iterable[tuple[list[Plan], Cells]]) -> list[tuple[str, int]]:
    """The commands of which cells remain, of trials and of runs; each cell counts for the last begun."""
    remaining: Counter[str] = Counter()
    for plans, cells in parts:
        seen: set[str] = set()
        for plan in plans:
            left = {run_id for run_id, _ in plan.cells if cells.states.get(run_id) in UNFINISHED} - seen
            seen |= left
            if left:
                elsewhere = f"cd {shlex.quote(plan.folder)} && " if Path(plan.folder) != Path.cwd() else ""
                remaining[elsewhere + plan.command] += len(left)
    return list(remaining.items())


def lines(status: Status) -> Iterator[str]:
    """The status for people."""
    yield f"{status.study}: {words(status.counts) or 'no runs'}"
    if status.trials:
        yield f"trials of its tuning: {words(status.trials)}"
    if status.jobs:
        answer = "" if UNKNOWN not in status.jobs else "; it gives no answer here"
        yield f"jobs of SLURM: {words(status.jobs)}{answer}"
    if status.running:
        yield "running:"
    for one in status.running:
        yield f"  {one.run_id}  on {one.holder.host} (process {one.holder.pid})  {progress_words(one)}"
    if status.failures:
        yield "did not end well:"
    for group in status.failures[:SHOWN]:
        more = f" and {len(group.runs) - NAMED} more" if len(group.runs) > NAMED else ""
        named = ", ".join(group.runs[:NAMED]) + more
        yield f"  {len(group.runs)} {group.status}: {group.error}  ({named})"
    if len(status.failures) > SHOWN:
        yield f"  and {len(status.failures) - SHOWN} kinds more"
    if status.stale:
        yield f"{status.stale} locks of processes that died; the next command takes them over"
    if status.commands:
        yield "to go on:"
    for command, left in status.commands:
        yield f"  {command}    # {left} left"


def words(counts: dict[str, int]) -> str:
    """Counts in words."""
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def progress_words(one: Running) -> str:
    """Where a cell is, how long it takes and when it was last heard of."""
    heard = f"heard of {one.beat:.0f} s ago"
    if one.progress is None:
        return heard
    progress = one.progress
    share = "" if progress.share is None else f" {progress.share:.0%}"
    left = progress.seconds_left()
    rest = "" if left is None else f", {clock(left)} left"
    return f"{progress.phase}{share}  {progress.value}{rest}, {heard}"


def status_command(
    study: Path, watch: bool, as_json: bool, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> int:
    """`bench status`: says where a study stands; with `watch` again and again while something runs or waits for it.

    Raises:
        BenchError: there is no such study.
    """
    while True:
        status = status_of(study)
        say(json.dumps(status.plain()) if as_json else "\n".join(map(in_one_line, lines(status))))
        if not watch or not (status.running or status.jobs or status.driven):
            return 0
        sleep(EVERY)
