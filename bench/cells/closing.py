"""The last lines of a sweep: how many runs ended how, what failed and why, and the commands that go on from there."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.cells.order import Order
from bench.cells.terminal import waiting
from bench.errors import BenchError
from bench.record.columns import STATUSES
from bench.record.store import Record
from bench.record.typed import cut, printable

SHOWN = 20
"""Kinds of failure that are said; there may be thousands."""

LENGTH = 200
"""Characters of an error that are said."""


class Reports(NamedTuple):
    """What is said of a study behind its runs, by a room that this one does not import.

    Attributes:
        page: makes the page of a study in a results folder; the lines to say.
        ranked: a study's tables with the runs of these ids, each with the name of its data set; the lines to say.
    """

    page: Callable[[str, Path], Iterable[str]]
    ranked: Callable[[str, Path, Mapping[str, str]], Iterable[str]]


class Swept(NamedTuple):
    """What a sweep came to.

    Attributes:
        outcomes: runs that ended with each status.
        bad: those that did not end well, with status and error.
        left: those that a cluster has been given, and that nobody waits for.
    """

    outcomes: Counter[str]
    bad: Sequence[tuple[Order, Record]] = ()
    left: int = 0


def counts_line(swept: Swept) -> str:
    """The number of runs of each status that occurred."""
    counts = ", ".join(f"{swept.outcomes[status]} {status}" for status in STATUSES if swept.outcomes[status])
    return f"{swept.outcomes.total()} runs: {counts}"


def failure_lines(bad: Iterable[tuple[Order, Record]]) -> Iterator[str]:
    """A line for each data set, model and error that runs ended with, and where the traceback of one of them lies."""
    kinds: dict[tuple[str, str, str, str], list[Order]] = defaultdict(list)
    for order, record in bad:
        place = order.setting.place
        error = printable(cut(str(record.get("error") or ""), LENGTH))
        kinds[place["data"], place["model"], record["status"], error].append(order)
    for (data, model, status, error), orders in list(kinds.items())[:SHOWN]:
        seeds = sorted({order.seed for order in orders})
        seed = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
        yield f"  {data} {model}, {seed}: {status}: {error}"
        traceback = orders[0].folder.path / "error.txt"
        if traceback.is_file():
            yield f"    traceback: {traceback}"
    if len(kinds) > SHOWN:
        yield f"  and {len(kinds) - SHOWN} kinds more; records in runs/ say all"


def next_lines(bad: Iterable[tuple[Order, Record]], command: str | None) -> Iterator[str]:
    """How to go on from runs that did not end well; each command has a line of its own, to be pasted."""
    statuses = {record["status"] for _, record in bad}
    if command is None or not statuses:
        return
    if statuses & {"failed", "timeout"}:
        yield "runs that failed or timed out are tried again by the same command, finished ones are kept:"
        yield command
    if "timeout" in statuses:
        yield "with a larger budget.timeout_seconds a run that timed out goes on from its last validation"
    if "diverged" in statuses:
        yield "a diverged run would only diverge again; a lower rate may help: train.optimiser.learning_rate="


def command_of(
    arguments: Sequence[str], multirun: bool, config_dir: Path | None, called: Sequence[str] = ("run",)
) -> str:
    """The words of a command, as a shell takes them; `called` are those behind `bench`, as in `bench tune STUDY`."""
    options = [*["-m"] * multirun, *([] if config_dir is None else ["--config-dir", str(config_dir)])]
    return shlex.join(["bench", *called, *options, *arguments])


def report_command(study: str, results_dir: str) -> str:
    """The command that makes a study's page."""
    where = [] if results_dir == "results" else ["--results-dir", results_dir]
    return shlex.join(["bench", "report", study, *where])


def closing_lines(
    swept: Swept, orders: list[Order], reports: Reports | None, paged: bool = False, command: str | None = None
) -> Iterable[str]:
    """What a person needs who comes back to a sweep: tables, what failed and why, how to go on, how to see the page.

    Nothing where runs were left to a cluster: they have yet to begin.
    """
    if swept.left:
        return
    config = orders[0].setting.config
    study, folder = str(config["study"]), str(config["results_dir"])
    if reports is not None and not paged:
        yield ""
        try:
            with waiting("report"):
                lines = list(
                    reports.ranked(study, Path(folder), {one.run_id: one.setting.place["data"] for one in orders})
                )
            yield from lines
        except BenchError as error:
            yield f"no table: {error}"
        yield ""
    yield counts_line(swept)
    yield from failure_lines(swept.bad)
    yield from next_lines(swept.bad, command)
    if reports is not None and paged:
        with waiting("report"):
            lines = list(reports.page(study, Path(folder)))
        yield from lines
    else:
        yield report_command(study, folder)
