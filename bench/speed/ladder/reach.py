"""`bench speed reach`: seconds of training until a method's NLL is the best that FFJORD as published comes to.

Each method trains from the first weights of a seed on its batches; after every few steps one evaluator measures the
validation NLL, which is in nobody's time. FFJORD goes first and until its NLL stops improving; the others until theirs
is as good. Every training is a file of its own, so that an interrupted comparison goes on where it stood. All have the
same learning rate; FFJORD and some others are timed at ten times it as well, for not all bear the same, and are set
beside FFJORD at the better rate for it.
"""

import json
import math
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.clock import Stopwatch
from bench.errors import Diverged, one_line
from bench.provenance import device_name
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Spread
from bench.speed.ladder.method import Method
from bench.speed.ladder.parity import VOID
from bench.speed.ladder.plots import Dot, dot_plot
from bench.speed.ladder.racers import Racer, racers
from bench.speed.ladder.rows import STOCK, Row
from bench.speed.ladder.setting import Problem, Setting, Weights, next_batches
from bench.store import write_atomically

CASE = "reach"
SEEDS = (0, 1, 2)
NEAR = 0.1
"""Nats above the target of a second one: the last tenth of a nat is where trainings differ by their noise."""


@dataclass(frozen=True)
class Limits:
    """When a training ends.

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
        """The same in steps, measured so many times less often."""
        return replace(self, every=self.every * seldom, stale=self.stale // seldom)


@dataclass(frozen=True)
class Training:
    """One method's way to the target.

    Attributes:
        of: what it was, to know it again: setting, limits, device, threads, target.
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


def reach(
    device: torch.device,
    results_dir: Path,
    setting: Setting | None = None,
    limits: Limits | None = None,
    field: tuple[Racer, ...] | None = None,
    seeds: tuple[int, ...] = SEEDS,
) -> list[Figure]:
    """Two figures for each row, twice as many where it compiles; draws results_dir/speed/<device>-reach.png.

    Trainings lie in results_dir/speed/reach; those of the same setting, device and number of threads are not repeated.
    """
    field = field or racers()
    assert field[0].row is STOCK
    problem, limits = Problem(setting or Setting(), device), limits or Limits()
    folder = results_dir / "speed" / "reach"
    here = [racer for racer in field if racer.row.missing(device) is None]
    found: dict[str, list[Training]] = {racer.row.key: [] for racer in here}
    for seed in seeds:
        for racer in here:
            row = racer.row
            stock = found[STOCK.key][-1] if row is not STOCK else None
            path = folder / f"{device.type}-{row.key}-s{seed}.json"
            found[row.key].append(kept_or_made(path, row, problem, limits.measured(racer.seldom), seed, stock))
    summaries = [
        Summary(racer, found[racer.row.key], found[STOCK.key], {key: found[key] for key in racer.beside})
        for racer in here
    ]
    axis = f"seconds of training to within {NEAR:g} nats of FFJORD's best NLL"
    picture = dot_plot([dot for dot in (one.dot() for one in summaries) if dot is not None], axis)
    write_atomically(results_dir / "speed" / f"{device.type}-reach.png", picture)
    absent = [racer.row for racer in field if racer not in here]
    return [
        *(figure for one in summaries for figure in one.figures(problem.setting)),
        *(Figure(CASE, what(row), "s", None, note=row.missing(device) or "") for row in absent),
    ]


def kept_or_made(path: Path, row: Row, problem: Problem, limits: Limits, seed: int, stock: Training | None) -> Training:
    """The training in the file, if it is the one that is wanted; else a new one, written there."""
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
        kept = Training(**json.loads(path.read_text()))
        if kept.of == of:
            return kept
    made = trained(row, problem, limits, seed, of)
    write_atomically(path, json.dumps(asdict(made), indent=1) + "\n")
    last = f"{made.best:.2f} nats after {made.curve[-1][0]:.1f} s" if made.curve else "no step taken"
    print(f"reach: {row.name}, seed {seed}: {made.ended}, {last}", file=sys.stderr, flush=True)
    return made


def trained(row: Row, problem: Problem, limits: Limits, seed: int, of: dict[str, Any]) -> Training:
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
    return Training(of, [row for row in curve if math.isfinite(row[-1])], compile_seconds, ended, evaluator_error)


def end(curve: list[list[float]], limits: Limits, target: float | None, most_seconds: float) -> str:
    """Why a training is over after these measurements; empty while it is not."""
    values = [nll for *_, nll in curve]
    if not math.isfinite(values[-1]):
        return "diverged"
    if target is not None and values[-1] <= target:
        return "reached"
    if len(values) - 1 - values.index(min(values)) >= (limits.patience if target is None else limits.stale):
        return "stopped improving"
    return "gave up" if curve[-1][0] >= most_seconds else ""


@dataclass(frozen=True)
class Summary:
    """A row's trainings, one a seed, with those of the same seeds of FFJORD and of the rows that it is set beside."""

    racer: Racer
    trainings: list[Training]
    stock: list[Training]
    beside: dict[str, list[Training]]

    def seconds(self, trainings: list[Training], near: float = 0.0) -> list[float | None]:
        """Of each seed, to `near` nats above FFJORD's best; compiling left out."""
        return [one.seconds_to(stock.best + near) for one, stock in zip(trainings, self.stock, strict=True)]

    def figures(self, setting: Setting) -> list[Figure]:
        """Seconds without compiling and, where the row compiles, with it; the same to `NEAR` nats above the target."""
        made = []
        for near in (0.0, NEAR):
            name = what(self.racer.row) + (f" + {near:g}" if near else "")
            made.append(self.figure(name, self.seconds(self.trainings, near), near, setting))
            if any(one.compile_seconds for one in self.trainings):
                made.append(self.figure(f"{name}, compiling included", self.whole(near), near, setting))
        return made

    def whole(self, near: float) -> list[float | None]:
        """Seconds of each seed with those of compiling."""
        seconds = self.seconds(self.trainings, near)
        return [
            None if each is None else each + (one.compile_seconds or 0.0)
            for each, one in zip(seconds, self.trainings, strict=True)
        ]

    def figure(self, name: str, seconds: list[float | None], near: float, setting: Setting) -> Figure:
        """One of them; empty unless every seed reached the target, and its ratio unless those beside it did."""
        reached = [each for each in seconds if each is not None]
        target = None if self.racer.times is None else Target(1 / self.racer.times)
        note = f"{' '.join(setting.data)}, {len(reached)} of {len(seconds)} seeds reached "
        note += f"{', '.join(f'{one.best + near:.2f}' for one in self.stock)} nats (model space)"
        if any(one.ended != "stopped improving" for one in self.stock):
            note += f"; FFJORD: {', '.join(one.ended for one in self.stock)}"
        trainings = (*self.trainings, *self.stock, *(one for rival in self.beside.values() for one in rival))
        errors = [one.evaluator_error for one in trainings if one.evaluator_error is not None]
        off = max(errors, key=lambda error: (math.isnan(error), error), default=0.0)
        if not off <= VOID:
            return Figure(
                CASE, name, "s", None, target=target, note=f"void: the evaluator is {off:.2g} nats off; {note}"
            )
        if len(reached) < len(seconds):
            note += "; " + ", ".join(f"{one.ended} at {one.best:.2f}" for one in self.trainings)
            return Figure(CASE, name, "s", None, target=target, note=note, missed=True)
        rival, theirs = self.fastest(near)
        evaluator = f"; evaluator within {off:.1e} nats" if errors else ""
        compiling = [one.compile_seconds for one in self.trainings if one.compile_seconds is not None]
        ratio = [a / b for a, b in zip(reached, theirs, strict=True)]
        if len(self.beside) > 1:
            note += f"; beside {rival}"
        return Figure(
            CASE,
            name,
            "s",
            statistics.median(reached),
            statistics.median(theirs),
            Spread.of(ratio) if len(ratio) > 1 else None,
            target if len(ratio) > 1 else None,
            f"{note}; {min(reached):.3g} to {max(reached):.3g} s{evaluator}",
            compile_seconds=statistics.median(compiling) if compiling else None,
        )

    def fastest(self, near: float) -> tuple[str, list[float]]:
        """The row of `beside` that gets to the target first, and when in each seed; FFJORD always does."""
        seconds = {key: self.seconds(trainings, near) for key, trainings in self.beside.items()}
        whole = {key: [each for each in found if each is not None] for key, found in seconds.items()}
        arrived = {key: found for key, found in whole.items() if len(found) == len(self.trainings)}
        return min(arrived.items(), key=lambda item: statistics.median(item[1]))

    def dot(self) -> Dot | None:
        """The row in the plot: median seconds to `NEAR`, an open marker with compiling; None if a seed falls short."""
        reached = [each for each in self.seconds(self.trainings, NEAR) if each is not None]
        if len(reached) < len(self.trainings):
            return None
        middle = statistics.median(reached)
        compiles = any(one.compile_seconds for one in self.trainings)
        ring = statistics.median(each for each in self.whole(NEAR) if each is not None) if compiles else None
        text = f"{middle:.3g} s" + (f", {ring:.3g} s from scratch" if ring is not None else "")
        return Dot(self.racer.row.name, self.racer.row.library, middle, min(reached), max(reached), text, ring)


def what(row: Row) -> str:
    """What is timed, as the table names it."""
    return f"{row.name}: time to FFJORD's best NLL"
