"""A race: one method's training on the ladder's problem until its validation NLL is as good as FFJORD's, in a file.

After every few steps the same evaluator measures the NLL of every method; its time is not counted.
"""

import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.errors import Diverged, one_line
from bench.machine.clock import Stopwatch
from bench.record.provenance import device_name
from bench.record.writing import write_atomically
from bench.speed.cnf_problem import Problem, Weights, next_batches
from bench.speed.ladder.rows import Row
from bench.speed.method import Method


@dataclass(frozen=True)
class Limits:
    """Bounds at which a race ends.

    Attributes:
        every: steps between two measurements: what a time to reach an NLL is rounded up to.
        patience: measurements without improvement after which FFJORD ends.
        most_seconds: of FFJORD's training.
        slack: times FFJORD's seconds after which another method gives up.
        stale: measurements without improvement after which another method gives up.
    """

    every: int = 5
    patience: int = 20
    most_seconds: float = 300.0
    slack: float = 2.0
    stale: int = 400

    def measured(self, seldom: int) -> "Limits":
        """Limits of the same numbers of steps for a race that is measured `seldom` times less often."""
        return replace(self, every=self.every * seldom, stale=self.stale // seldom)


@dataclass(frozen=True)
class Race:
    """One method's way to the target.

    Attributes:
        of: its identity: row, seed, setting, limits, device, threads, target.
        curve: `[seconds, steps, validation NLL in nats]` of each measurement.
        compile_seconds: before the first step; None where nothing is compiled.
        ended: `reached`, `stopped improving`, `gave up`, or why it failed.
        evaluator_error: nats between the best measurement and one of the same weights on a grid four times as fine.
    """

    of: dict[str, Any]
    curve: list[list[float]]
    compile_seconds: float | None
    ended: str
    evaluator_error: float | None = None

    @property
    def best(self) -> float:
        """The lowest NLL."""
        return min((nll for *_, nll in self.curve), default=math.inf)

    def seconds_to(self, target: float) -> float | None:
        """Training seconds at the first measurement at or below `target`; None where there is none."""
        return next((seconds for seconds, _, nll in self.curve if nll <= target), None)

    def steps_to(self, target: float) -> float | None:
        """Steps at the first measurement at or below `target`; None where there is none."""
        return next((steps for _, steps, nll in self.curve if nll <= target), None)


def stored_or_new(path: Path, row: Row, problem: Problem, limits: Limits, seed: int, stock: Race | None) -> Race:
    """The race in the file, if its row, setting, limits and machine are these; else a new one, written there."""
    of = {
        "row": row.name,
        "seed": seed,
        "setting": asdict(problem.setting),
        "limits": asdict(limits),
        "device": device_name(problem.device),
        "threads": torch.get_num_threads(),
        "target": None if stock is None else stock.best,
        "most_seconds": limits.most_seconds if stock is None else limits.slack * stock.curve[-1][0],
    }
    of = json.loads(json.dumps(of))  # tuples become lists, as in the file
    if path.exists():
        stored = Race(**json.loads(path.read_text()))
        if stored.of == of:
            return stored
    new = race(row, problem, limits, seed, of)
    write_atomically(path, json.dumps(asdict(new), indent=1) + "\n")
    last = f"{new.best:.2f} nats after {new.curve[-1][0]:.1f} s" if new.curve else "no step taken"
    print(f"reach: {row.name}, seed {seed}: {new.ended}, {last}", file=sys.stderr, flush=True)
    return new


def race(row: Row, problem: Problem, limits: Limits, seed: int, of: dict[str, Any]) -> Race:
    """Trains until the target of `of` is reached, or where it has none until nothing improves any more."""
    method: Method | None = None
    curve: list[list[float]] = []
    compile_seconds = evaluator_error = None
    best: Weights | None = None
    try:
        method = row.start(problem)
        batches, start = problem.batches(seed), problem.first_weights(seed)
        method.load(start, seed)
        method.take(next_batches(batches, limits.every))
        method.begin()
        compile_seconds = method.compile()
        method.load(start, seed)
        method.begin()
        watch = Stopwatch(problem.device)
        ended = ""
        while not ended:
            with watch:
                method.run()
            weights = method.weights()
            curve.append([watch.seconds, limits.every * (len(curve) + 1), problem.nll(weights)])
            if curve[-1][-1] == min(nll for *_, nll in curve):
                best = weights
            ended = end(curve, limits, of["target"], of["most_seconds"])
            method.take(next_batches(batches, limits.every))
        if best is not None:
            evaluator_error = abs(problem.nll(best, finer=4) - min(nll for *_, nll in curve if math.isfinite(nll)))
    except Exception as error:  # of another library's, any kind: this training failed, the others go on
        ended = one_line(error) if not isinstance(error, Diverged) else str(error)
    finally:
        if method is not None:
            method.close()
    return Race(of, [row for row in curve if math.isfinite(row[-1])], compile_seconds, ended, evaluator_error)


def end(curve: list[list[float]], limits: Limits, target: float | None, most_seconds: float) -> str:
    """Reason to end a race after these measurements; empty while there is none."""
    values = [nll for *_, nll in curve]
    if not math.isfinite(values[-1]):
        return "diverged"
    if target is not None and values[-1] <= target:
        return "reached"
    if len(values) - 1 - values.index(min(values)) >= (limits.patience if target is None else limits.stale):
        return "stopped improving"
    return "gave up" if curve[-1][0] >= most_seconds else ""


def step_flops(row: Row, problem: Problem, weights: Weights) -> float | None:
    """Floating-point operations of a step at these weights; None, and a line why, for a row that cannot take one."""
    method: Method | None = None
    try:
        method = row.start(problem)
        method.load(weights, 0)
        method.take(next_batches(problem.batches(1), 1))
        method.begin()
        return method.work().flops
    except Exception as error:  # of another library's, any kind: the others' are counted
        print(f"reach: {row.name}: no share of the peak: {one_line(error)}", file=sys.stderr, flush=True)
        return None
    finally:
        if method is not None:
            method.close()
