"""A way to train the field: takes steps on given batches from given weights, in this process or in another."""

from typing import NamedTuple, Protocol

import torch
import torch._inductor.config
from jaxtyping import Float
from torch import Tensor, nn

from bench.config import Optimiser
from bench.machine.clock import synchronise
from bench.metrics.compute import count_flops
from bench.models.entry import Entry, field_evaluations
from bench.models.optimise import GradientStep
from bench.ode.field import ConcatSquashField
from bench.speed.cnf_problem import Weights, copied
from bench.training.batch_buffer import BatchBuffer
from bench.training.compile_step import compile_step, eager_step


class Work(NamedTuple):
    """The operations of a step.

    Attributes:
        flops: floating-point operations of its matrix products.
        evaluations: of the field; None for a method that does not count them.
    """

    flops: float
    evaluations: int | None


class Method(Protocol):
    """One row of the ladder at work.

    `load` and `take` hand over what `begin` and `run` work with, so that handing over is not timed.
    """

    def load(self, weights: Weights, seed: int) -> None:
        """Keeps the weights to begin from, and the seed of all later draws."""
        ...

    def take(self, batches: Float[Tensor, "n batch dim"]) -> None:
        """Keeps the batches to run through."""
        ...

    def begin(self) -> None:
        """Goes back to the loaded weights, with the optimiser's memory empty."""
        ...

    def run(self) -> None:
        """One optimisation step on each batch taken, done when it returns."""
        ...

    def weights(self) -> Weights:
        """The field's parameters now."""
        ...

    def loss(self, x: Float[Tensor, "batch dim"]) -> float:
        """Mean loss in nats at the weights now; a probe of the divergence is the next draw of torch's generator."""
        ...

    def compile(self) -> float | None:
        """Seconds of compiling for the batches taken, before any step; None where nothing is compiled."""
        ...

    def work(self) -> Work:
        """The operations of one step on the first batch."""
        ...

    def close(self) -> None:
        """Frees what the method holds."""
        ...


class FieldLoss(nn.Module):
    """A loss of a field's, `(batch,)` nats, by one solver. `nfe` counts evaluations of the field, one per batch."""

    def __init__(self, field: ConcatSquashField) -> None:
        super().__init__()
        self.field = field
        self.nfe = 0

    def loss(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """The loss whose mean a step descends."""
        raise NotImplementedError(f"{type(self).__name__} must define loss(x)")


class InProcess:
    """A field's loss or an entry of the bench, and the trainer that all entries share.

    Attributes:
        module: what is trained.
        mode: of `bench.training.compile_step`: `off`, `step` or `graph`.
    """

    def __init__(self, module: FieldLoss | Entry, settings: Optimiser, mode: str = "off") -> None:
        self.module, self.mode = module, mode
        self.trainer = trainer(module, settings)
        self.buffer: BatchBuffer | None = None

    @property
    def field(self) -> ConcatSquashField:
        """That of the module."""
        field = self.module.field
        assert isinstance(field, ConcatSquashField)
        return field

    def load(self, weights: Weights, seed: int) -> None:
        """Keeps the weights to begin from, and seeds torch's generator."""
        self.start = {name: value.clone() for name, value in weights.items()}
        torch.manual_seed(seed)

    def take(self, batches: Float[Tensor, "n batch dim"]) -> None:
        """Keeps the batches to run through, side by side in one buffer."""
        if self.buffer is None:
            self.buffer = BatchBuffer(batches[0], len(batches))
        laid = self.buffer.lay(batches.flatten(0, 1))
        self.batches = list(laid.split(batches.shape[1]))  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """Goes back to the loaded weights, with the optimiser's memory empty."""
        self.field.load_state_dict(self.start)
        for memory in self.trainer.adam.state.values():
            for value in memory.values():
                value.zero_()  # in place: a CUDA graph has learnt where it lies

    def run(self) -> None:
        """One optimisation step on each batch taken."""
        for x in self.batches:
            self.trainer.step(x, 0.0)
        synchronise(self.batches[0].device)

    def weights(self) -> Weights:
        """The field's parameters now."""
        return copied(self.field)

    def loss(self, x: Float[Tensor, "batch dim"]) -> float:
        """Mean loss in nats, compiled where the step is; its gradient is left in the field's parameters."""
        self.module.zero_grad()
        mean = (self.trainer.objective_by or self.trainer.objective)(x)
        mean.backward()  # type: ignore[no-untyped-call]
        return float(mean.detach())

    def compile(self) -> float | None:
        """Seconds without anything of earlier compilations; those who come after find none of this one either."""
        if self.mode == "off":
            return None
        with torch._inductor.config.patch(force_disable_caches=True):
            compiled = compile_step(self.trainer, self.mode, self.batches[0], self.buffer)
            if not self.trainer.settled():
                self.trainer.step(self.batches[0], 0.0)
            return compiled.seconds

    def work(self) -> Work:
        """Counted in an eager step on the first batch."""
        before = field_evaluations(self.module)
        with eager_step(self.trainer):
            flops = count_flops(lambda: self.trainer.step(self.batches[0], 0.0))
        after = field_evaluations(self.module)
        return Work(flops, None if before is None or after is None else after - before)

    def close(self) -> None:
        """Nothing is held."""


def trainer(module: FieldLoss | Entry, settings: Optimiser) -> GradientStep:
    """An entry's own, or the gradient step that entries share."""
    step = module.trainer(settings) if isinstance(module, Entry) else GradientStep(module, settings)
    assert isinstance(step, GradientStep)
    return step
