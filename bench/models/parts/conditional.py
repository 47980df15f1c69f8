"""The training step of an entry that is given a context, such as labels, with each batch."""

import inspect
from typing import Protocol, cast, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError
from bench.models.optimise import GradientStep, Trainer


@runtime_checkable
class ConditionalTrainer(Trainer, Protocol):
    """A trainer whose step takes the batch's context beside its examples."""

    def step(
        self, x: Float[Tensor, "batch *event"], progress: float, context: Float[Tensor, "batch context"] | None = None
    ) -> Float[Tensor, ""]:
        """Learns from one batch as `Trainer.step` does; `context` has one row for each example."""
        ...


def with_context(trainer: Trainer) -> ConditionalTrainer:
    """Check that the trainer's step accepts a context, and return the trainer.

    Raises:
        BenchError: its step takes none.
    """
    try:
        inspect.signature(trainer.step).bind(None, 0.0, None)
    except TypeError:
        raise BenchError(
            f"the data have a context, and {type(trainer).__name__}.step takes none: "
            "write step(x, progress, context=None), as ConditionalStep in bench/models/parts/conditional.py does"
        ) from None
    return cast(ConditionalTrainer, trainer)


class ConditionalStep(GradientStep):
    """The usual gradient step on `loss(x, context)`."""

    packs = True
    context: Tensor | None = None

    def step(
        self, x: Float[Tensor, "batch *event"], progress: float, context: Float[Tensor, "batch context"] | None = None
    ) -> Float[Tensor, ""]:
        """One forward, backward and update."""
        self.context = context
        try:
            return super().step(x, progress)
        finally:
            self.context = None

    def objective(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """The mean of `loss(x, context)`, nats."""
        mean: Tensor = self.entry.loss(x, self.context).mean()  # type: ignore[operator]
        return mean
