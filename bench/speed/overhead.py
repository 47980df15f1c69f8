"""What the harness costs: the share of a training step that is not forward, backward or optimiser."""

import math
import statistics
from dataclasses import dataclass

import torch

from bench import build
from bench.config import Config
from bench.metrics.compute import count_flops
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, Spread, interleave
from bench.speed.loops import endless, loop_on
from bench.train import COUNT_EVERY

MODELS = ("vae", "realnvp", "cnf")
TARGET = Target(0.03)


def overhead(device: torch.device, effort: Effort) -> list[Figure]:
    """Four figures for each model on digits, at the default budget, the study quick's."""
    return [figure for model in MODELS for figure in shares(endless([f"model={model}", "data=digits"]), device, effort)]


def shares(config: Config, device: torch.device, effort: Effort) -> list[Figure]:
    """The share of one model's step that is harness, and its parts: the batch, the FLOP count and the rest.

    A round takes as many steps as lie between two validations, through `Loop.interval` and through the same trainer on
    batches made before; it makes that many batches alone, and takes one step under the FLOP counter. Near the start of
    an endless warm-up the learning rate stays so small that all of them meet the same weights.
    """
    loop = loop_on(build.dataset(config), config, device)
    steps = config.train.validate_every
    batches = [loop.batches.next() for _ in range(steps)]

    def plain() -> None:
        loop.interval(deadline=math.inf)
        loop.history.step = steps  # so that no interval but the first, the warm-up, counts FLOPs

    def bare() -> None:
        for x in batches:
            loop.trainer.step(x, 0.0)

    def gather() -> None:
        for _ in range(steps):
            loop.batches.next()

    def counted() -> None:
        count_flops(lambda: loop.trainer.step(batches[0], 0.0))

    seconds = interleave([plain, bare, gather, counted], device, effort)
    rounds = [Round(steps, *each) for each in zip(*seconds, strict=True)]
    step = 1e3 / steps * statistics.median(each.whole for each in rounds)
    step_alone = 1e3 / steps * statistics.median(each.bare for each in rounds)
    name = config.model["name"]
    note = f"{config.data['name']}, batch {config.train.batch_size}, {len(rounds)} rounds of {steps} steps"
    harness = Spread.of([each.harness for each in rounds])
    parts = {
        "the batch": Spread.of([each.batch for each in rounds]),
        "the FLOP count": Spread.of([each.flop_count for each in rounds]),
        "the rest": Spread.of([each.rest for each in rounds]),
    }
    return [
        Figure("overhead", f"{name}: harness", "ms/step", step, step_alone, harness, TARGET, note),
        *(
            Figure("overhead", f"{name}: of it {part}", "ms/step", share.median * step, None, share)
            for part, share in parts.items()
        ),
    ]


@dataclass(frozen=True)
class Round:
    """Seconds of one round, and the shares of its whole that they make.

    Attributes:
        steps: in `plain`, `bare` and `batches`.
        plain: through the loop, FLOPs not counted.
        bare: forward, backward and optimiser.
        batches: gathered and dequantised.
        counted: one step under the FLOP counter.
    """

    steps: int
    plain: float
    bare: float
    batches: float
    counted: float

    @property
    def counting(self) -> float:
        """Seconds that counted steps take beyond plain ones: one in `COUNT_EVERY` intervals is counted."""
        return (self.counted - self.bare / self.steps) / COUNT_EVERY

    @property
    def whole(self) -> float:
        """Seconds of an interval of a run."""
        return self.plain + self.counting

    @property
    def harness(self) -> float:
        """Everything but forward, backward and optimiser."""
        return 1 - self.bare / self.whole

    @property
    def batch(self) -> float:
        """Making the batches."""
        return self.batches / self.whole

    @property
    def flop_count(self) -> float:
        """Counting FLOPs."""
        return self.counting / self.whole

    @property
    def rest(self) -> float:
        """Bookkeeping, by difference: noise can take it below 0."""
        return self.harness - self.batch - self.flop_count
