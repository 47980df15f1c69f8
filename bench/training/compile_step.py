"""Compiling the training step: `compile=step` by torch.compile, `compile=graph` as one CUDA graph.

Either fills one slot of the `GradientStep` and changes nothing else, so that loop, checkpoints and records are those of
an eager run: `step` fills `objective_by`, forward and backward pass of the objective; `graph` fills `update_by`, all
from gathering the batch to Adam's update. Inductor draws random numbers as eager torch does, and a graph replays from
the same generator: results agree to rounding.
"""

import copy
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError
from bench.machine.clock import synchronise
from bench.models.entry import Entry
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.precision import products
from bench.training.batch_buffer import BatchBuffer

TOLERANCES = {"float32": (1e-3, 1e-5), "bfloat16": (5e-2, 5e-4)}
"""Largest error of a compiled gradient, as a share of the parameter's gradient and of the whole one.

Rounding is some 1e-7 of the whole, in bfloat16 5e-3: what is fused is rounded elsewhere. Inductor has more than one
pass that is wrong.
"""

MOST_COMPILED = 64
"""Variants of a step that a run may compile: more than there are grids of different length."""

WARM_UPS = 3
"""Steps before a capture, in which libraries choose their kernels and allocate what they keep."""


def chosen_mode(asked: str, entry: Entry, device: torch.device) -> str:
    """The mode of compiling, `off`, `step` or `graph`: as asked for, or for `auto` the one that pays on the device.

    Raises:
        BenchError: the entry's step cannot be compiled, or a graph is asked for without CUDA.
    """
    compiles = entry.compiles()
    if asked == "auto":
        if device.type == "cuda":
            return "off" if compiles == "no" else "graph"
        return "step" if compiles == "pays" else "off"
    if asked == "graph" and device.type != "cuda":
        raise BenchError(f"compile=graph: a CUDA graph needs device=cuda, here it is {device.type}; use compile=step")
    if asked != "off" and compiles == "no":
        how = f"; {entry.compiled_with} would let it" if entry.compiled_with else ""
        raise BenchError(
            f"compile={asked}: the training step of {type(entry).__name__}, set as it is, cannot be compiled; "
            f"use compile=off or compile=auto{how}"
        )
    return asked


class Compiled:
    """The compiled objective or update of a `GradientStep`, one variant for each value of its `sizes`.

    A variant is compiled when its sizes are first met.

    Attributes:
        variants: by sizes.
        seconds: of all compiling so far.
    """

    def __init__(
        self, trainer: GradientStep, compile_for: Callable[[GradientStep, Tensor], Callable[[Tensor], Tensor]]
    ) -> None:
        self.trainer, self.compile_for = trainer, compile_for
        self.variants: dict[tuple[int, ...], Callable[[Tensor], Tensor]] = {}
        self.seconds = 0.0

    def __call__(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """The loss at x, by the variant for the trainer's present sizes; compiles it where it is missing."""
        self.prepare(x)
        return self.variants[self.trainer.sizes()](x)

    def prepare(self, x: Float[Tensor, "batch *event"]) -> None:
        """Compiles for the trainer's present sizes; its state and the random state are as before.

        Raises:
            BenchError: no compiler works here, the step is not compiled as one graph, or its gradient is not the
                eager one's.
        """
        if self.trainer.sizes() in self.variants:
            return
        synchronise(x.device)
        began = time.perf_counter()
        with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
            self.variants[self.trainer.sizes()] = self.compile_for(self.trainer, x)
        synchronise(x.device)
        self.seconds += time.perf_counter() - began


def compile_step(
    trainer: Trainer, mode: str, x: Float[Tensor, "batch *event"], buffer: BatchBuffer | None = None
) -> Compiled:
    """Fill the trainer's slot with its compiled objective (`step`) or update (`graph`).

    Compiles at once where the next step's sizes are settled, else within that step.

    Args:
        trainer: with the state from which it goes on; one of its slots is filled.
        mode: `step` or `graph`.
        x: a batch of the size and place of those to come; nothing is learnt from it.
        buffer: holds the batches to come, for a graph to gather from; without one each is copied to where it reads.

    Raises:
        BenchError: the trainer is no `GradientStep`, or as `Compiled.prepare`.
    """
    if not isinstance(trainer, GradientStep):
        raise BenchError(f"compile={mode}: {type(trainer).__name__} takes a step of its own; use compile=off")
    if mode == "step":
        prepare_compiler()
        compiled = Compiled(trainer, compiled_objective)
    else:
        trainer.hold_rate_on_device()
        compiled = Compiled(trainer, functools.partial(captured_update, buffer or BatchBuffer(x)))
    if trainer.settled():
        compiled.prepare(x)
    if mode == "step":
        trainer.objective_by = compiled
    else:
        trainer.update_by = compiled
    return compiled


@contextmanager
def eager_step(trainer: Trainer) -> Iterator[None]:
    """Inside, the slots are empty: the trainer takes its own eager step, whose operations can be counted.

    An argument of `step` would not do: trainers with a step of their own would have to pass it on.
    """
    if not isinstance(trainer, GradientStep):
        yield  # nothing of it is ever compiled
        return
    objective_by, update_by = trainer.objective_by, trainer.update_by
    trainer.objective_by = trainer.update_by = None
    try:
        yield
    finally:
        trainer.objective_by, trainer.update_by = objective_by, update_by


def prepare_compiler() -> None:
    """Set Inductor to draw random numbers as eager torch does, and drop earlier compilations."""
    import torch._inductor.config as inductor

    inductor.fallback_random = True
    torch._dynamo.config.recompile_limit = MOST_COMPILED
    torch._dynamo.reset()


@contextmanager
def compiler_refusals(what: str) -> Iterator[None]:
    """Inside, an error of torch.compile becomes one line that names `what` it could not compile.

    Raises:
        BenchError: it cannot.
    """
    try:
        yield
    except (torch._dynamo.exc.TorchDynamoException, RuntimeError, OSError) as error:
        lines = (line for line in str(error).strip().splitlines() if not line.endswith("raised:"))
        first = next(lines, type(error).__name__)
        raise BenchError(f"compile=step: {what} did not compile here: {first}; use compile=off") from error


def compiled_objective(trainer: GradientStep, x: Tensor) -> Callable[[Tensor], Tensor]:
    """The trainer's objective, both passes compiled for batches like x.

    Raises:
        BenchError: it cannot be compiled, or its gradient is not the eager one's.
    """
    name = type(trainer.entry).__name__
    eager = gradient(trainer.objective, trainer, x)
    # One graph or an error: a graph in pieces would be slow in silence. Batches never change their size.
    compiled = torch.compile(trainer.objective, fullgraph=True, dynamic=False)
    with compiler_refusals(name):
        own = gradient(compiled, trainer, x)
    check_gradient(own, eager, name, trainer.settings.precision)
    return compiled


def gradient(objective: Callable[[Tensor], Tensor], trainer: GradientStep, x: Tensor) -> tuple[Tensor, ...]:
    """The objective's gradient at x, parameter by parameter; its draws are those of seed 0."""
    torch.manual_seed(0)
    with products(trainer.settings.precision, x.device):
        value = objective(x)
    return torch.autograd.grad(value, trainer.parameters, allow_unused=True, materialize_grads=True)


def check_gradient(compiled: Sequence[Tensor], eager: Sequence[Tensor], what: str, precision: str = "float32") -> None:
    """Refuse a compiled gradient that is not the eager one, parameter by parameter.

    Adam undoes the size of a parameter's gradient, so that a small one must be as right as a large one.

    Raises:
        BenchError: a part is further off than `TOLERANCES` of that precision allow, or NaN.
    """
    own, whole = TOLERANCES[precision]
    lengths = [float(part.double().norm()) for part in eager]
    total = sum(length**2 for length in lengths) ** 0.5
    for one, other, length in zip(compiled, eager, lengths, strict=True):
        error = float((one.double() - other.double()).norm())
        if not error <= own * length + whole * total:
            raise BenchError(
                f"compile=step: a part of the compiled gradient of {what} is {error:.1e} off the eager one, of length "
                f"{length:.1e}, by an error of the compiler's; use compile=off"
            )


def warm_up(update: Callable[[], object]) -> None:
    """Take `WARM_UPS` updates on a side stream, as a capture on the main one demands."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            update()
    torch.cuda.current_stream().wait_stream(side)


class Replayed:
    """A trainer's update as one CUDA graph, from the gathering of its batch on."""

    def __init__(self, update: Callable[[Tensor], Tensor], buffer: BatchBuffer) -> None:
        self.buffer = buffer
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = update(buffer.gather())

    def __call__(self, x: Tensor) -> Tensor:
        """The mean loss before the update, as `GradientStep.update` gives it."""
        self.buffer.point(x)
        self.graph.replay()
        return self.loss.clone()


def captured_update(buffer: BatchBuffer, trainer: GradientStep, x: Tensor) -> Replayed:
    """The trainer's update as a CUDA graph.

    The steps that a capture needs before it are taken back: weights, buffers and Adam's moments are set to what they
    were, in place, because the graph has learnt where they lie.
    """
    parameters = trainer.parameters
    tensors = [*parameters, *trainer.entry.buffers()]
    before = [tensor.detach().clone() for tensor in tensors]
    moments = copy.deepcopy(trainer.adam.state_dict()["state"])
    warm_up(lambda: trainer.update(x))
    trainer.adam.zero_grad(set_to_none=True)
    replayed = Replayed(trainer.update, buffer)
    with torch.no_grad():
        for tensor, value in zip(tensors, before, strict=True):
            tensor.copy_(value)
        for index, parameter in enumerate(parameters):
            for name, value in trainer.adam.state[parameter].items():
                value.copy_(moments[index][name]) if index in moments else value.zero_()
    return replayed
