"""`bench speed reach`: seconds of training until a method's NLL is the best that FFJORD as published comes to.

Each method trains from the first weights of a seed on its batches; after every few steps one evaluator measures the
validation NLL, whose time is not counted. FFJORD goes first and until its NLL stops improving; the others until theirs
is as good. Every training is a file of its own, so that an interrupted comparison goes on where it stood. All have the
same learning rate; FFJORD and some others are timed at five times it as well, for not all bear the same, and are set
beside FFJORD at the better rate for it.
"""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.record.writing import write_atomically
from bench.speed.cnf_problem import Problem, Setting
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Spread
from bench.speed.ladder.ladder import warm
from bench.speed.ladder.parity import VOID
from bench.speed.ladder.plot_dots import Dot, dot_plot
from bench.speed.ladder.race import Limits, Race, step_flops, stored_or_new
from bench.speed.ladder.racers import Racer, racers
from bench.speed.ladder.rows import STOCK, Row

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

    Races lie in results_dir/speed/reach; those of the same setting, device and number of threads are not repeated.
    """
    field = field or racers()
    assert field[0].row is STOCK
    problem, limits = Problem(setting or Setting(), device), limits or Limits()
    folder = results_dir / "speed" / "reach"
    here = [racer for racer in field if racer.row.missing(device) is None]
    races: dict[str, list[Race]] = {racer.row.key: [] for racer in here}
    for seed in seeds:
        for racer in here:
            row = racer.row
            stock = races[STOCK.key][-1] if row is not STOCK else None
            path = folder / f"{device.type}-{row.key}-s{seed}.json"
            races[row.key].append(stored_or_new(path, row, problem, limits.measured(racer.seldom), seed, stock))
    weights = warm(problem)
    summaries = [
        Summary(
            racer,
            races[racer.row.key],
            races[STOCK.key],
            {key: races[key] for key in racer.beside},
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
    """A row's races, one a seed, with those of the same seeds of FFJORD and of the rows that it is set beside.

    Attributes:
        step_flops: floating-point operations of one of its steps.
    """

    racer: Racer
    races: list[Race]
    stock: list[Race]
    beside: dict[str, list[Race]]
    step_flops: float | None = None

    def seconds(self, races: list[Race], nats_above: float = 0.0) -> list[float | None]:
        """Seconds of each seed to FFJORD's best NLL plus `nats_above`, compiling left out; None: not reached."""
        return [one.seconds_to(stock.best + nats_above) for one, stock in zip(races, self.stock, strict=True)]

    def flops(self, nats_above: float) -> float | None:
        """Operations of the median seed to its target, as if each step cost what `step_flops` says."""
        steps = [one.steps_to(stock.best + nats_above) for one, stock in zip(self.races, self.stock, strict=True)]
        reached = [each for each in steps if each is not None]
        return self.step_flops * statistics.median(reached) if self.step_flops and reached else None

    def figures(self, setting: Setting) -> list[Figure]:
        """Seconds without compiling and, where the row compiles, with it; the same to `NEAR` nats above the target."""
        figures = []
        for nats_above in (0.0, NEAR):
            name = what(self.racer.row) + (f" + {nats_above:g}" if nats_above else "")
            figures.append(self.figure(name, self.seconds(self.races, nats_above), nats_above, setting))
            if any(one.compile_seconds for one in self.races):
                figures.append(
                    self.figure(f"{name}, compiling included", self.with_compiling(nats_above), nats_above, setting)
                )
        return figures

    def with_compiling(self, nats_above: float) -> list[float | None]:
        """Seconds of each seed with those of compiling."""
        seconds = self.seconds(self.races, nats_above)
        return [
            None if each is None else each + (one.compile_seconds or 0.0)
            for each, one in zip(seconds, self.races, strict=True)
        ]

    def figure(self, name: str, seconds: list[float | None], nats_above: float, setting: Setting) -> Figure:
        """Median seconds to the target beside those of the fastest rival; without a value unless every seed got there.

        Args:
            name: of the figure.
            seconds: of each seed, None where it did not reach the target.
            nats_above: how far the target lies above FFJORD's best NLL.
            setting: of the problem, for the note.
        """
        reached = [each for each in seconds if each is not None]
        target = None if self.racer.times is None else Target(1 / self.racer.times)
        note = self.targets(len(reached), nats_above, setting)
        error = self.evaluator_error()
        if error is not None and not error <= VOID:
            note = f"void: the evaluator is {error:.2g} nats off; {note}"
            return Figure(CASE, name, "s", None, target=target, note=note)
        if len(reached) < len(seconds):
            note += "; " + ", ".join(f"{one.ended} at {one.best:.2f}" for one in self.races)
            return Figure(CASE, name, "s", None, target=target, note=note, missed=True)
        rival, theirs = self.fastest(nats_above)
        if len(self.beside) > 1:
            note += f"; beside {rival}"
        evaluator = "" if error is None else f"; evaluator within {error:.1e} nats"
        ratio = [a / b for a, b in zip(reached, theirs, strict=True)]
        several = len(ratio) > 1  # one seed has no spread, and is held against no target
        return Figure(
            CASE,
            name,
            "s",
            statistics.median(reached),
            statistics.median(theirs),
            Spread.of(ratio) if several else None,
            target if several else None,
            f"{note}; {min(reached):.3g} to {max(reached):.3g} s{evaluator}",
            flops=self.flops(nats_above),
            compile_seconds=self.compile_seconds(),
        )

    def targets(self, reached: int, nats_above: float, setting: Setting) -> str:
        """The data, the targets in nats and how many seeds reached theirs."""
        nats = ", ".join(f"{one.best + nats_above:.2f}" for one in self.stock)
        note = f"{' '.join(setting.data)}, {reached} of {len(self.races)} seeds reached {nats} nats (model space)"
        if any(one.ended != "stopped improving" for one in self.stock):
            note += f"; FFJORD: {', '.join(one.ended for one in self.stock)}"
        return note

    def evaluator_error(self) -> float | None:
        """The largest error, in nats, of the NLLs that are compared; NaN where one is, None where none is known."""
        races = (*self.races, *self.stock, *(one for rival in self.beside.values() for one in rival))
        errors = [one.evaluator_error for one in races if one.evaluator_error is not None]
        return max(errors, key=lambda error: (math.isnan(error), error), default=None)

    def compile_seconds(self) -> float | None:
        """Seconds of compiling of the median seed; None where nothing is compiled."""
        seconds = [one.compile_seconds for one in self.races if one.compile_seconds is not None]
        return statistics.median(seconds) if seconds else None

    def fastest(self, nats_above: float) -> tuple[str, list[float]]:
        """The row of `beside` that gets to the target first, and when in each seed; FFJORD always does."""
        seconds = {key: self.seconds(races, nats_above) for key, races in self.beside.items()}
        reached = {key: [each for each in of_seeds if each is not None] for key, of_seeds in seconds.items()}
        arrived = {key: of_seeds for key, of_seeds in reached.items() if len(of_seeds) == len(self.races)}
        return min(arrived.items(), key=lambda item: statistics.median(item[1]))

    def dot(self) -> Dot | None:
        """The row in the plot: median seconds to `NEAR`, an open marker with compiling; None if a seed falls short."""
        reached = [each for each in self.seconds(self.races, NEAR) if each is not None]
        if len(reached) < len(self.races):
            return None
        middle = statistics.median(reached)
        compiles = any(one.compile_seconds for one in self.races)
        ring = statistics.median(each for each in self.with_compiling(NEAR) if each is not None) if compiles else None
        text = f"{middle:.3g} s" + (f", {ring:.3g} s from scratch" if ring is not None else "")
        return Dot(self.racer.row.name, self.racer.row.library, middle, min(reached), max(reached), text, ring)


def what(row: Row) -> str:
    """The row's name in the table of figures."""
    return f"{row.name}: time to FFJORD's best NLL"
