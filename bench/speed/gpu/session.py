"""The measurements that need a GPU, in three calls of ten minutes: `python -m bench.speed.gpu.session CALL OUT`.

A call runs its steps one after the other, each within a limit of its own: the tests before everything else, then
timings in the order of what they tell. OUT gets four files: log.txt with the output of all steps, session.csv with a
line for each, and, packed again after every step, results.tgz and the table of `bench speed` so far. What a limit or
the call's end cuts short therefore keeps what came before it.
"""

import argparse
import csv
import io
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.record.writing import write_atomically

TIME_TO_STOP = 20.0
"""Seconds that an interrupted step has before it is killed."""

FIRST_MODELS = ("realnvp", "vae", "cnf_fast", "maf", "flow_matching", "svae")
SMALL = ("data=8gaussians", "budget.parameters=20000")


class Step(NamedTuple):
    """One command of Python's, and the seconds after which it is interrupted."""

    name: str
    arguments: list[str]
    seconds: float


class Outcome(NamedTuple):
    """The end of a step; `exit_code` is empty where no time was left to start it."""

    name: str
    command: str
    seconds: float
    exit_code: int | None
    interrupted: bool


def steps(call: int, device: str, results: Path) -> list[Step]:
    """The steps of one of `CALLS`, in their order."""
    return CALLS[call](device, results)


def tests_and_first_runs(device: str, results: Path) -> list[Step]:
    """The tests marked `gpu`, then six entries trained and evaluated, compiled as their device has it."""
    short = ["budget.steps=400", "eval.sample_size=500", "eval.test_examples=1000", "compile=auto"]
    own = [f"device={device}", f"results_dir={results}"]
    return [
        Step("machine", ["-m", "torch.utils.collect_env"], 30),
        Step("tests", ["-m", "pytest", "-m", "gpu", "-n", "8", "-q", "-rA", "--durations=20", "tests"], 300),
        *(
            Step(f"run {model}", ["-m", "bench.cli", "run", f"model={model}", *SMALL, *short, *own], 40)
            for model in FIRST_MODELS
        ),
    ]


def plane_packs_and_compiled_steps(device: str, results: Path) -> list[Step]:
    """The plane's ladder, whose Triton kernels and CUDA graphs run nowhere else; packs; compiled steps."""
    limits = {"ladder-plane": 260.0, "pack": 110.0, "compiled": 160.0}
    return [timing(case, device, results, seconds) for case, seconds in limits.items()]


def ladder_and_study(device: str, results: Path) -> list[Step]:
    """The ladder on digits; three entries with three seeds each, packed; their report."""
    grid = ["model=vae,realnvp,cnf_fast", "seed=0,1,2", "pack=seeds", "compile=auto"]
    own = ["budget.steps=2000", "eval.sample_size=1000", f"device={device}", f"results_dir={results}"]
    return [
        timing("ladder", device, results, 300),
        Step("study", ["-m", "bench.cli", "run", "-m", *grid, *SMALL, *own], 190),
        Step("report", ["-m", "bench.cli", "report", "scratch", "--results-dir", str(results)], 40),
    ]


CALLS = {1: tests_and_first_runs, 2: plane_packs_and_compiled_steps, 3: ladder_and_study}
"""The steps of each call."""


def timing(case: str, device: str, results: Path, seconds: float) -> Step:
    """A case of `bench speed`."""
    options = ["--device", device, "--results-dir", str(results)]
    return Step(f"speed {case}", ["-m", "bench.cli", "speed", case, *options], seconds)


def session(chosen: list[Step], out: Path, results: Path, seconds: float) -> list[Outcome]:
    """Runs each step within its limit and the time left; a step that fails does not stop the next."""
    end = time.monotonic() + seconds
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for step in chosen:
        outcomes.append(run_step(step, out / "log.txt", min(step.seconds, end - time.monotonic())))
        write_atomically(out / "session.csv", csv_text(outcomes))
        pack_results(results, out)
    return outcomes


def pack_results(results: Path, out: Path) -> None:
    """Puts all results so far into OUT/results.tgz, and the tables of `bench speed` beside it."""
    if not results.exists():
        return
    with tarfile.open(out / "results.tgz", "w:gz") as archive:
        archive.add(results, ".")
    for device in ("cpu", "cuda"):
        table = results / "speed" / f"{device}.csv"
        if table.exists():
            shutil.copy(table, out)


def hear_interrupts() -> None:
    """Undoes what a background job of a shell inherits: deafness to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_step(step: Step, log: Path, seconds: float) -> Outcome:
    """One command, its output added to `log`; interrupted after `seconds` as by Ctrl-C, and killed if it goes on."""
    command = [sys.executable, *step.arguments]
    if seconds <= 0:
        return Outcome(step.name, " ".join(command), 0.0, None, interrupted=True)
    began = time.monotonic()
    interrupted = False
    with log.open("ab") as file:
        file.write(f"\n=== {step.name}: {' '.join(command)}\n".encode())
        file.flush()
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
    parser = argparse.ArgumentParser(description="The measurements that need a GPU, in three calls of ten minutes.")
    parser.add_argument("call", type=int, choices=CALLS, help="which of the three")
    parser.add_argument("out", type=Path, help="the folder that gets log.txt, session.csv, results.tgz and the table")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu rehearses the commands")
    parser.add_argument("--seconds", type=float, default=570.0, help="for the whole call")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and their limits, run nothing")
    arguments = parser.parse_args(argv)
    if arguments.dry_run:
        for step in steps(arguments.call, arguments.device, arguments.out / "results"):
            print(f"{step.seconds:4.0f} s  {step.name}: python {' '.join(step.arguments)}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results")
        chosen = steps(arguments.call, arguments.device, results)
        outcomes = session(chosen, arguments.out, results, arguments.seconds - TIME_TO_STOP)
    for outcome in outcomes:
        ended = "interrupted" if outcome.interrupted else f"exit code {outcome.exit_code}"
        print(f"{outcome.name:<20} {outcome.seconds:7.1f} s  {ended}")
    return 0 if all(outcome.exit_code == 0 for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
