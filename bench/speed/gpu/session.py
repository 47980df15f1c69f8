"""Everything that only a GPU can tell, in ten minutes: `python -m bench.speed.gpu.session OUT [STUDY ...]`.

Runs the tests marked `gpu`, `bench speed --device cuda` and the studies that are named, one after the other, and leaves
all that they write in OUT: a log of each, OUT/results/, and OUT/session.csv with a line for each command. What the time
does not suffice for is interrupted, and a study goes on from there when the same command is given again.
"""

import argparse
import csv
import io
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench.record.store import write_atomically

TIME_TO_STOP = 20.0
CASES_FIRST = ("ladder-plane", "ladder", "pack", "compiled")
"""Of `bench speed`, each a command of its own: what an interrupt cuts short leaves those before it."""


class Step(NamedTuple):
    """One command of the session."""

    name: str
    arguments: list[str]


class Outcome(NamedTuple):
    """How it ended; `exit_code` is empty where no time was left to start it."""

    name: str
    command: str
    seconds: float
    exit_code: int | None
    interrupted: bool


def steps(out: Path, studies: list[str]) -> list[Step]:
    """The commands in their order, what only a GPU can tell before the rest."""
    results = out / "results"
    where = ["device=cuda", f"results_dir={results}"]
    on_gpu = ["--device", "cuda", "--results-dir", str(results)]
    return [
        Step("surroundings", ["-m", "torch.utils.collect_env"]),
        Step("tests", ["-m", "pytest", "-m", "gpu", "-v"]),
        *(Step(f"speed-{case}", ["-m", "bench.cli", "speed", case, *on_gpu]) for case in CASES_FIRST),
        Step("speed", ["-m", "bench.cli", "speed", *on_gpu]),
        *(Step(f"study-{name}", ["-m", "bench.cli", "run", f"study={name}", *where]) for name in studies),
    ]


def session(chosen: list[Step], out: Path, seconds: float) -> list[Outcome]:
    """Runs each step with the time that those before it have left; a step that fails does not stop the next."""
    end = time.monotonic() + seconds
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for step in chosen:
        outcomes.append(attempt(step, out / f"{step.name}.log", end - time.monotonic()))
        write_atomically(out / "session.csv", csv_text(outcomes))
    return outcomes


def hear_interrupts() -> None:
    """Undoes what a background job of a shell inherits: deafness to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def attempt(step: Step, log: Path, seconds: float) -> Outcome:
    """One command, its output in `log`; after `seconds` it is interrupted as by Ctrl-C, and killed if it goes on."""
    command = [sys.executable, *step.arguments]
    if seconds <= 0:
        return Outcome(step.name, " ".join(command), 0.0, None, interrupted=True)
    began = time.monotonic()
    interrupted = False
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, preexec_fn=hear_interrupts)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            interrupted = True
            process.send_signal(signal.SIGINT)
            try:
                process.wait(TIME_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return Outcome(step.name, " ".join(command), round(time.monotonic() - began, 1), process.returncode, interrupted)


def csv_text(outcomes: list[Outcome]) -> str:
    """One line for each command."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(Outcome._fields)
    writer.writerows(outcomes)
    return buffer.getvalue()


def main(argv: list[str] | None = None) -> int:
    """0 when every command ended well in time."""
    parser = argparse.ArgumentParser(description="Everything that only a GPU can tell, within the time given.")
    parser.add_argument("out", type=Path, help="the folder that all files go to")
    parser.add_argument("studies", nargs="*", help="names in conf/study")
    parser.add_argument("--seconds", type=float, default=570.0, help="for everything together")
    arguments = parser.parse_args(argv)
    outcomes = session(steps(arguments.out, arguments.studies), arguments.out, arguments.seconds - TIME_TO_STOP)
    for outcome in outcomes:
        ended = "interrupted" if outcome.interrupted else f"exit code {outcome.exit_code}"
        print(f"{outcome.name:<20} {outcome.seconds:7.1f} s  {ended}")
    return 0 if all(outcome.exit_code == 0 for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
