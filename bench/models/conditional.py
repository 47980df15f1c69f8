"""How an entry with a context learns from one batch."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from bench.models.optimise import GradientStep, Trainer


@runtime_checkable
class ConditionalTrainer(Trainer, Protocol):
    """A trainer whose step takes the batch's context beside its examples."""

    def step(
        self, x: Float[Tensor, "batch *event"], progress: float, context: Float[Tensor, "batch context"] | None = None
    ) -> Float[Tensor, ""]:
        """Learns from one batch as `Trainer.step` does; `context` has one row for each example."""
        ...


class ConditionalStep(GradientStep):
    """The usual gradient step on `loss(x, context)`."""

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
