"""`bench cancel`: ends the commands that drive a study, and the jobs that such have left to SLURM.

What was begun goes on from its checkpoints when the command is given again.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from bench.cells.lock import started
from bench.cells.plans import Plan, plans_of
from bench.errors import BenchError
from bench.launch.files import remove_empty
from bench.launch.jobs import ENDED, Job, cancelled, jobs_of
from bench.record.runs import runs_above
from bench.record.store import FINISHED
from bench.upkeep.cells import TRIALS, cells_of

PATIENCE = 20.0
"""Seconds that a command has to end after each signal."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
"""An interrupt first, as from a keyboard: the command then says how to go on."""


def cancel_command(study: Path, say: Callable[[str], None], patience: float = PATIENCE) -> int:
    """Ends the living drivers of a study, those that tune too, and jobs that are left; 1 where one is out of reach.

    Raises:
        BenchError: there is no such study, no command drives it and SLURM has no job of it.
    """
    if not study.is_dir():
        raise BenchError(f"no study in {study}: nothing was run there yet")
    plans = {plan.driver: plan for part in (study / TRIALS, study) for plan in driving(part)}.values()
    here = [plan for plan in plans if plan.drives()]
    others = [plan for plan in plans if plan not in here]
    if not here and not others and not left_jobs(study):
        raise BenchError(f"no command drives {study.name} now; bench status {study.name} says what is left")
    alive = [plan for plan in here if not ended(plan, patience)]
    for plan in here:
        how = "still runs" if plan in alive else "ended"
        say(f"{how}: process {plan.driver.pid}, {plan.command}")
    for plan in others:
        say(f"not reached: process {plan.driver.pid} on {plan.driver.host}, if it still runs: bench cancel there")
    jobs_too = all_ended(left_jobs(study), say)
    return 0 if jobs_too and not alive and not others else 1


def driving(study: Path) -> list[Plan]:
    """The plans of a study, or of its trials, whose commands run here, or may run elsewhere: some cells remain."""
    plans = [plan for plan in plans_of(study) if plan.drives() is not False]
    if not plans:
        return []
    states = cells_of(study).states
    over = {run_id for run_id, state in states.items() if state in FINISHED}
    return [plan for plan in plans if plan.drives() or not {run_id for run_id, _ in plan.cells} <= over]


def left_jobs(study: Path) -> list[Job]:
    """The jobs of a study and of its trials that SLURM has not ended, as far as it says so."""
    return [job for part in (study / TRIALS, study) for job in jobs_of(part) if job.state != ENDED]


def all_ended(jobs: list[Job], say: Callable[[str], None]) -> bool:
    """Ends jobs and removes the folders of their processes; True where SLURM could be told, or there are none."""
    if not jobs:
        return True
    if not cancelled(jobs):
        say(f"not reached: {len(jobs)} jobs of SLURM, such as {jobs[0].handle}: bench cancel on a machine with scancel")
        return False
    for job in jobs:
        shutil.rmtree(job.folder, ignore_errors=True)
    for place in {runs_above(job.folder) for job in jobs}:
        remove_empty(place)
    say(f"ended: {len(jobs)} jobs of SLURM, such as {jobs[0].handle}")
    return True


def ended(plan: Plan, patience: float) -> bool:
    """True where the driver of a plan is gone, after as many signals as it took."""
    for number in SIGNALS:
        if not plan.drives():
            return True
        try:
            os.kill(plan.driver.pid, number)
        except ProcessLookupError:
            return True
        over = time.monotonic() + patience
        while plan.drives() and time.monotonic() < over:
            time.sleep(min(0.05, patience))
    return started(plan.driver.pid) != plan.driver.start
