"""The harness's cost: the share of a training step that is not forward, backward or optimiser."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import torch

from bench.config import Config
from bench.machine.clock import Stopwatch
from bench.metrics.compute import count_flops
from bench.setup import build
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, Spread, interleave
from bench.speed.loops import endless, interval_steps, loop_on
from bench.training.flop_price import COUNT_EVERY

CASE = "overhead"
MODELS = ("vae", "realnvp", "cnf")
TARGET = Target(0.03)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def overhead(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """Five figures for each model on digits, at the small budget of the study quick and at the default one."""
    for config in configurations():
        yield from shares(config, device, effort)


def configurations() -> list[Config]:
    """Each model on digits, first as the study quick trains it and then as a run without options does."""
    studies: tuple[list[str], ...] = (["study=quick"], [])
    return [endless([*study, f"model={model}", "data=digits"]) for study in studies for model in MODELS]


def shares(config: Config, device: torch.device, effort: Effort) -> list[Figure]:
    """The share of one model's step that is harness; its parts: the batch, the FLOP count and the rest; and a check.

    A round takes the steps between two validations through `Loop.interval`, with a watch on the trainer's steps and one
    on the batches: what is outside the trainer is harness. Then it takes as many steps of the same trainer on batches
    made before, and one under the FLOP counter. The check compares the two kinds of step, which were not taken at the
    same time: it shows what the harness costs beyond its own seconds, such as a colder cache, and the machine's noise.
    Near the start of an endless warm-up the learning rate stays so small that all steps meet the same weights.

    On CUDA the watches wait for the device, so that nothing of the harness hides behind it: an upper bound.
    """
    loop = loop_on(build.dataset(config), config, device)
    steps = interval_steps(config)
    batches = [loop.batches.next() for _ in range(steps)]
    step = loop.trainer.step
    on_trainer, on_batches = Stopwatch(device), Stopwatch(device)
    loop.trainer.step = watched(step, on_trainer)  # type: ignore[method-assign]
    loop.batches.next = watched(loop.batches.next, on_batches)  # type: ignore[method-assign]
    inside: list[tuple[float, float]] = []

    def plain() -> None:
        on_trainer.seconds = on_batches.seconds = 0.0
        loop.interval()
        inside.append((on_trainer.seconds, on_batches.seconds))
        loop.history.step = steps  # so that no interval but the first, the warm-up, counts FLOPs

    def bare() -> None:
        for x in batches:
            step(x, 0.0)

    def counted() -> None:
        count_flops(lambda: step(batches[0], 0.0))

    seconds = interleave([plain, bare, counted], device, effort)
    rounds = [Round(steps, *outer, *inner) for *outer, inner in zip(*seconds, inside[1:], strict=True)]
    return figures(config, rounds, loop.history.counted_flops)


def watched(function: Callable[Arguments, Result], watch: Stopwatch) -> Callable[Arguments, Result]:
    """`function`, its seconds added up by `watch`."""

    def call(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        with watch:
            return function(*arguments, **options)

    return call


@dataclass(frozen=True)
class Round:
    """Seconds of one round, and the shares of an interval of a run that they make.

    Attributes:
        steps: in each of `plain` and `bare`.
        plain: through the loop, FLOPs not counted.
        bare: forward, backward and optimiser on batches made before.
        counted: one step under the FLOP counter.
        trainer: forward, backward and optimiser within `plain`.
        batches: gathered and dequantised within `plain`.
    """

    steps: int
    plain: float
    bare: float
    counted: float
    trainer: float
    batches: float

    @property
    def counting(self) -> float:
        """Seconds that counted steps take beyond plain ones: one in `COUNT_EVERY` intervals is counted."""
        return (self.counted - self.bare / self.steps) / COUNT_EVERY

    @property
    def interval(self) -> float:
        """Seconds of an interval of a run."""
        return self.plain + self.counting

    @property
    def harness(self) -> float:
        """Everything but forward, backward and optimiser."""
        return 1 - self.trainer / self.interval

    @property
    def batch(self) -> float:
        """Making the batches."""
        return self.batches / self.interval

    @property
    def flop_count(self) -> float:
        """Counting FLOPs."""
        return self.counting / self.interval

    @property
    def rest(self) -> float:
        """Bookkeeping."""
        return (self.plain - self.trainer - self.batches) / self.interval

    @property
    def difference(self) -> float:
        """`harness` by the bare steps."""
        return 1 - self.bare / self.interval


def figures(config: Config, rounds: list[Round], flops: float) -> list[Figure]:
    """The harness as a share of a step, its three parts, and the check."""
    name, per_step = f"{config.model['name']}, {config.budget.parameters} parameters", 1e3 / rounds[0].steps
    step, trainer, bare = (
        per_step * statistics.median(values)
        for values in zip(*((each.interval, each.trainer, each.bare) for each in rounds), strict=True)
    )
    parts = {
        "the batch": Spread.of([each.batch for each in rounds]),
        "the FLOP count": Spread.of([each.flop_count for each in rounds]),
        "the rest": Spread.of([each.rest for each in rounds]),
    }
    note = f"{config.data['name']}, batch {config.train.batch_size}, {len(rounds)} rounds of {rounds[0].steps} steps"
    harness = Spread.of([each.harness for each in rounds])
    difference = Spread.of([each.difference for each in rounds])
    return [
        Figure(CASE, f"{name}: harness", "ms/step", step, trainer, harness, TARGET, note, flops),
        *(
            Figure(CASE, f"{name}: of it {part}", "ms/step", share.median * step, None, share)
            for part, share in parts.items()
        ),
        Figure(CASE, f"{name}: check by bare steps in turn", "ms/step", step, bare, difference),
    ]
