"""Compiling the training step: `compile=step` by torch.compile, `compile=graph` as one CUDA graph.

Either replaces a part of the trainer and nothing else, so that loop, checkpoints and records are those of an eager run:
`step` the objective's forward and backward pass, `graph` all from gathering the batch to Adam's update. Inductor draws
random numbers as eager torch does, and a graph replays from the same generator: results agree to rounding.
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
from bench.training.deck import Deck

REPLACED: tuple[str, ...] = ("objective", "update")
"""What of a `GradientStep` is compiled, the one or the other."""

GRADIENT_TOLERANCE, ROUNDING = 1e-3, 1e-5
"""How far a compiled gradient may be from the eager one, as a share of the parameter's and of the whole gradient's.

Rounding is some 1e-7 of the whole. Inductor has more than one pass that is wrong.
"""

MOST_COMPILED = 64
"""Variants of a step that a run may compile: more than there are grids of different length."""

WARM_UPS = 3
"""Steps before a capture, in which libraries choose their kernels and allocate what they keep."""


def chosen_mode(asked: str, entry: Entry, device: torch.device) -> str:
    """`off`, `step` or `graph`: what is asked for, or for `auto` what pays on the device.

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
    """What stands in the place of a part of a trainer: compiled anew for each of `GradientStep.sizes` when it is met.

    Attributes:
        seconds: of all compiling so far.
    """

    def __init__(
        self, trainer: GradientStep, make: Callable[[GradientStep, Tensor], Callable[[Tensor], Tensor]]
    ) -> None:
        self.trainer, self.make = trainer, make
        self.made: dict[tuple[int, ...], Callable[[Tensor], Tensor]] = {}
        self.seconds = 0.0

    def __call__(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """What the part gives for x; compiles where nothing is compiled yet for what the trainer has come to."""
        self.prepare(x)
        return self.made[self.trainer.sizes()](x)

    def prepare(self, x: Float[Tensor, "batch *event"]) -> None:
        """Compiles for the trainer's present sizes; its state and the random state are as before.

        Raises:
            BenchError: no compiler works here, the step cannot be compiled whole, or its gradient is not the eager
                one's.
        """
        if self.trainer.sizes() in self.made:
            return
        synchronise(x.device)
        began = time.perf_counter()
        with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
            self.made[self.trainer.sizes()] = self.make(self.trainer, x)
        synchronise(x.device)
        self.seconds += time.perf_counter() - began


def compile_step(trainer: Trainer, mode: str, x: Float[Tensor, "batch *event"], deck: Deck | None = None) -> Compiled:
    """Compiles the trainer's step, now if it is known what the next one is like, else in the next; see `Compiled`.

    Args:
        trainer: with the state from which it goes on; changed in place.
        mode: `step` or `graph`.
        x: a batch of the size and place of those to come; nothing is learnt from it.
        deck: where a graph finds the batches to come; without one each is copied to where it reads.

    Raises:
        BenchError: the trainer is no `GradientStep`, or as `Compiled.prepare`.
    """
    if not isinstance(trainer, GradientStep):
        raise BenchError(f"compile={mode}: {type(trainer).__name__} takes a step of its own; use compile=off")
    if mode == "step":
        prepare_compiler()
        name, compiled = "objective", Compiled(trainer, compiled_objective)
    else:
        trainer.hold_rate_on_device()
        name, compiled = "update", Compiled(trainer, functools.partial(captured_update, deck or Deck(x)))
    if trainer.settled():
        compiled.prepare(x)
    vars(trainer)[name] = compiled
    return compiled


@contextmanager
def uncompiled(trainer: Trainer) -> Iterator[None]:
    """The trainer's own eager step inside, for a count of its operations."""
    own = vars(trainer)
    compiled: dict[str, object] = {name: own.pop(name) for name in REPLACED if name in own}
    try:
        yield
    finally:
        own.update(compiled)


def prepare_compiler() -> None:
    """Has Inductor draw as eager torch does, and forgets what was compiled before."""
    import torch._inductor.config as inductor

    inductor.fallback_random = True
    torch._dynamo.config.recompile_limit = MOST_COMPILED
    torch._dynamo.reset()


@contextmanager
def compiler_refusals(what: str) -> Iterator[None]:
    """Makes one line of what torch.compile says when it cannot compile `what`.

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
    objective = functools.partial(type(trainer).objective, trainer)  # its own, where a compiled one stands in its place
    name = type(trainer.entry).__name__
    eager = gradient(objective, trainer, x)
    compiled = torch.compile(objective, fullgraph=True, dynamic=False)
    with compiler_refusals(name):
        found = gradient(compiled, trainer, x)
    check_gradient(found, eager, name)
    return compiled


def gradient(objective: Callable[[Tensor], Tensor], trainer: GradientStep, x: Tensor) -> tuple[Tensor, ...]:
    """Of the objective at x, by the draws of one seed, parameter by parameter."""
    torch.manual_seed(0)
    return torch.autograd.grad(objective(x), trainer.parameters, allow_unused=True, materialize_grads=True)


def check_gradient(found: Sequence[Tensor], eager: Sequence[Tensor], what: str) -> None:
    """Refuses a compiled gradient that is not the eager one, parameter by parameter.

    Adam undoes the size of a parameter's gradient, so that a small one must be as right as a large one.

    Raises:
        BenchError: a part is further off than `GRADIENT_TOLERANCE` of itself and `ROUNDING` of the whole, or NaN.
    """
    lengths = [float(part.double().norm()) for part in eager]
    whole = sum(length**2 for length in lengths) ** 0.5
    for one, other, length in zip(found, eager, lengths, strict=True):
        off = float((one.double() - other.double()).norm())
        if not off <= GRADIENT_TOLERANCE * length + ROUNDING * whole:
            raise BenchError(
                f"compile=step: a part of the compiled gradient of {what} is {off:.1e} off the eager one, of length "
                f"{length:.1e}, by an error of the compiler's; use compile=off"
            )


def warm_up(update: Callable[[], object]) -> None:
    """Takes `WARM_UPS` updates beside the stream that is captured later."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            update()
    torch.cuda.current_stream().wait_stream(side)


class Replayed:
    """A trainer's update as one CUDA graph, from the gathering of its batch on."""

    def __init__(self, update: Callable[[Tensor], Tensor], deck: Deck) -> None:
        self.deck = deck
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = update(deck.gather())

    def __call__(self, x: Tensor) -> Tensor:
        """The mean loss before the update, as `GradientStep.update` gives it."""
        self.deck.point(x)
        self.graph.replay()
        return self.loss.clone()


def captured_update(deck: Deck, trainer: GradientStep, x: Tensor) -> Replayed:
    """The trainer's update as a CUDA graph.

    The steps that a capture needs before it are taken back: weights and Adam's moments are set to what they were, in
    place, because the graph has learnt where they lie.
    """
    parameters = trainer.parameters
    weights = [p.detach().clone() for p in parameters]
    moments = copy.deepcopy(trainer.adam.state_dict()["state"])
    update = functools.partial(type(trainer).update, trainer)
    warm_up(lambda: update(x))
    trainer.adam.zero_grad(set_to_none=True)
    replayed = Replayed(update, deck)
    with torch.no_grad():
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.copy_(weight)
        for index, parameter in enumerate(parameters):
            for name, value in trainer.adam.state[parameter].items():
                value.copy_(moments[index][name]) if index in moments else value.zero_()
    return replayed
