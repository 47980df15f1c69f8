"""`bench speed reach`: seconds of training until a method's NLL is the best that FFJORD as published comes to.

Each method trains from the first weights of a seed on its batches; after every few steps one evaluator measures the
validation NLL, which is in nobody's time. FFJORD goes first and until its NLL stops improving; the others until theirs
is as good. Every training is a file of its own, so that an interrupted comparison goes on where it stood. All have the
same learning rate; FFJORD and some others are timed at five times it as well, for not all bear the same, and are set
beside FFJORD at the better rate for it.
"""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.record.store import write_atomically
from bench.speed.cnf_problem import Problem, Setting
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Spread
from bench.speed.ladder.ladder import warm
from bench.speed.ladder.parity import VOID
from bench.speed.ladder.plots import Dot, dot_plot
from bench.speed.ladder.racers import Racer, racers
from bench.speed.ladder.rows import STOCK, Row
from bench.speed.ladder.training import Limits, Training, kept_or_made, step_flops

CASE = "reach"
SEEDS = (0, 1, 2)
NEAR = 0.1
"""Nats above the target of a second one: the last tenth of a nat is where trainings differ by their noise."""


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
    weights = warm(problem)
    summaries = [
        Summary(
            racer,
            found[racer.row.key],
            found[STOCK.key],
            {key: found[key] for key in racer.beside},
            step_flops(racer.row, problem, weights),
        )
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


@dataclass(frozen=True)
class Summary:
    """A row's trainings, one a seed, with those of the same seeds of FFJORD and of the rows that it is set beside.

    Attributes:
        step_flops: floating-point operations of one of its steps.
    """

    racer: Racer
    trainings: list[Training]
    stock: list[Training]
    beside: dict[str, list[Training]]
    step_flops: float | None = None

    def seconds(self, trainings: list[Training], near: float = 0.0) -> list[float | None]:
        """Of each seed, to `near` nats above FFJORD's best; compiling left out."""
        return [one.seconds_to(stock.best + near) for one, stock in zip(trainings, self.stock, strict=True)]

    def flops(self, near: float) -> float | None:
        """Of the median seed to its target, as if each step cost what `step_flops` says."""
        steps = [one.steps_to(stock.best + near) for one, stock in zip(self.trainings, self.stock, strict=True)]
        reached = [each for each in steps if each is not None]
        return self.step_flops * statistics.median(reached) if self.step_flops and reached else None

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
            flops=self.flops(near),
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
