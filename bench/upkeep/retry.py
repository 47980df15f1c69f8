"""`bench retry`: runs of a study that ended in some way are made again by the commands that asked for them."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.cells.plans import Plan, plans_of
from bench.errors import BenchError, unknown
from bench.record.columns import STATUSES
from bench.upkeep.cells import TRIALS, cells_of

DEFAULT = ("failed", "timeout")
STATES = tuple(status for status in STATUSES if status != "ok")


def retry_command(
    study: Path, states: list[str], error: str, run: Callable[[Plan, set[str]], int], say: Callable[[str], None]
) -> int:
    """Makes runs of these states again whose error holds the text; the exit code of the worst command.

    Trials of tuning are left to the command that asked for them, which is said.

    Args:
        study: the folder.
        states: of records; none for those that failed or timed out.
        error: a part of the error, in any case of letters; empty takes all.
        run: makes these runs of a plan anew.
        say: takes a line.

    Raises:
        BenchError: no such study or state, no such run, or none that a known command asked for.
    """
    if not study.is_dir():
        raise BenchError(f"no study in {study}: there is nothing to try again")
    for state in states:
        if state not in STATES:
            raise unknown("state", state, STATES, "--state")
    wanted = states or list(DEFAULT)
    chosen = chosen_of(study, wanted, error)
    if not chosen:
        none = f"{study.name}: no run is {' or '.join(wanted)}{f' with {error!r} in its error' * bool(error)}"
        raise BenchError("; ".join([none, *trials_lines(study, wanted, error)]))
    codes: list[int] = []
    for plan in plans_of(study):
        due = chosen & {run_id for run_id, _ in plan.cells}
        chosen -= due
        if due:
            say(f"{len(due)} runs again: {plan.command}")
            codes.append(run(plan, due))
    if not codes:
        raise BenchError(
            f"{study.name}: its plans/ name no command for these runs; run them with bench run ... --again"
        )
    if chosen:
        say(f"{len(chosen)} more are in no plan of this study; bench run ... --again makes them anew")
    for line in trials_lines(study, wanted, error):
        say(line)
    return max(codes)


def chosen_of(study: Path, states: list[str], error: str) -> set[str]:
    """Ids of the cells of a folder that are in one of these states, with the text in their error."""
    cells = cells_of(study)
    named = {run_id for run_id, state in cells.states.items() if state in states}
    return {run_id for run_id in named if error.lower() in cells.errors.get(run_id, "").lower()}


def trials_lines(study: Path, states: list[str], error: str) -> Iterator[str]:
    """The commands that make trials of these states again, as they do without being told to."""
    tried = [state for state in DEFAULT if state in states]
    chosen = chosen_of(study / TRIALS, tried, error)
    for plan in plans_of(study / TRIALS):
        due = chosen & {run_id for run_id, _ in plan.cells}
        chosen -= due
        if due:
            how = " or ".join(tried)
            yield f"{len(due)} trials of tuning are {how}; their own command makes them again: {plan.command}"


@contextlib.contextmanager
def as_given_in(folder: Path) -> Iterator[None]:
    """What a command meets that is given in a folder: paths begin there, and its modules are found, last.

    Raises:
        BenchError: the folder is gone.
    """
    if not folder.is_dir():
        raise BenchError(f"its command was given in {folder}, which is gone; give it again where your files are now")
    path = [*sys.path]
    try:
        with contextlib.chdir(folder):
            sys.path.append(str(folder))
            yield
    finally:
        sys.path[:] = path
