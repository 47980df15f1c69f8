"""The fixed-grid solve of a narrow field in one launch forward and one backward: when it can be had, and what it does.

`bench.ode.fused` hands the device a few kernels for every evaluation of the field; on a GPU a narrow field leaves it
waiting for the next of them. Here the examples are dealt out in tiles, and one program goes through all evaluations of
its tile (`bench.ode.triton_kernels`). It keeps the input of every evaluation, dim numbers an example, where the fused
solve keeps the hidden layers as well, and computes these again on the way back. Gradients of the weights are summed
program by program, in a fixed order. `REFERENCE` is the same in PyTorch, tile by tile, for any device and precision.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.ode.fused import Plan, Sums, evaluated, folded_for, returned, solve_fused, turn
from bench.ode.perceptron import Activation, Field, Folded
from bench.ode.runge_kutta import Solution, advanced, plus

MAX_WIDTH = 128
MAX_DIM = 64
TILE = 16
"""Examples of a tile: the fewest rows that a matrix product of Triton takes, for the most programs at a time."""
PROGRAMS = 128
"""Programs that go back at the most, about the multiprocessors of one GPU: each needs memory for a gradient."""


class Ends(NamedTuple):
    """What a way forward leaves.

    Attributes:
        x: the state at the plan's end.
        log_det: nats.
        states: the inputs of all evaluations in their order; none unless they were to be kept.
    """

    x: Float[Tensor, "batch dim"]
    log_det: Float[Tensor, " batch"]
    states: Float[Tensor, "evaluations batch dim"]


class Passes(NamedTuple):
    """One way of doing it.

    Attributes:
        forward: from the start, the plan, the activation, the folded field and whether the states are to be kept.
        backward: from the gradients of the end and of the log-determinant, the states, the plan, the activation and
            the folded field to the gradients of the start and of the folded field.
    """

    forward: Callable[[Tensor, Plan, Activation, Folded, bool], Ends]
    backward: Callable[[Tensor, Tensor, Tensor, Plan, Activation, Folded], tuple[Tensor, Folded]]


def whole_solve(field: Field, x: Float[Tensor, "batch dim"], plan: Plan) -> Solution:
    """What `solve_fused` gives, by the kernels where there is nothing against them, else by `solve_fused` itself.

    Under torch.compile, which could not look into the kernels, always by `solve_fused`.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    if torch.compiler.is_compiling() or why_not(field, x) is not None:
        return solve_fused(field, x, plan)
    from bench.ode.triton_kernels import KERNELS

    return solved(field, x, plan, KERNELS)


def why_not(field: Field, x: Float[Tensor, "batch dim"]) -> str | None:
    """Why the kernels cannot solve for these examples, for a row to say; None where they can."""
    *hidden, dim = field.sizes
    reasons = {
        f"the examples are on the {x.device.type}, not on a CUDA device": not x.is_cuda,
        "Triton is not installed": find_spec("triton") is None,
        f"{str(x.dtype).removeprefix('torch.')}: the kernel is for float32": x.dtype != torch.float32,
        f"the field has {len(hidden)} hidden layers: the kernel is for 2": len(hidden) != 2,
        f"width {max(hidden)} is above {MAX_WIDTH}": max(hidden) > MAX_WIDTH,
        f"{dim} coordinates are more than {MAX_DIM}": dim > MAX_DIM,
        "there are no examples": not len(x),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def solved(field: Field, x: Float[Tensor, "batch dim"], plan: Plan, passes: Passes) -> Solution:
    """x at the plan's end and the log-determinant in nats, with exact gradients, by these passes.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    folded = Folded(*map(torch.stack, zip(*folded_for(field, x, plan), strict=True)))
    end, log_det = _WholeSolve.apply(x, plan, field.activation, passes, *folded)  # type: ignore[no-untyped-call]
    return Solution(end, log_det, x.new_zeros(0, len(x)))


class _WholeSolve(torch.autograd.Function):
    """Both passes as one node of autograd's graph; the gates are folded into the weights outside."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, plan: Plan, activation: Activation, passes: Passes, *parts: Tensor
    ) -> tuple[Tensor, Tensor]:
        folded = Folded(*(part.contiguous() for part in parts))
        ends = passes.forward(x.contiguous(), plan, activation, folded, any(ctx.needs_input_grad))
        ctx.plan, ctx.activation, ctx.passes = plan, activation, passes
        ctx.save_for_backward(ends.states, *folded)
        return ends.x, ends.log_det

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, x_bar: Tensor, log_det_bar: Tensor) -> tuple[Tensor | None, ...]:
        states, *parts = ctx.saved_tensors
        start_bar, gradients = ctx.passes.backward(
            x_bar.contiguous(), log_det_bar.contiguous(), states, ctx.plan, ctx.activation, Folded(*parts)
        )
        return start_bar, None, None, None, *gradients


def _forward(x: Tensor, plan: Plan, activation: Activation, folded: Folded, keep: bool) -> Ends:
    every, stages = _each(folded), plan.pattern.stages
    tiles = []
    for start in x.split(TILE):  # type: ignore[no-untyped-call]
        state, log_det = start.T, x.new_zeros(len(start))
        states = []
        for step, h in enumerate(plan.lengths):
            slopes: list[Tensor] = []
            for i, stage in enumerate(stages):
                at, here = advanced(state, slopes, stage.row, h), every[plan.pattern.time(step, i)]
                value, divergence, _ = evaluated(here, here.pairs.T, activation, stage, at)
                states.append(at.T)
                slopes.append(value)
                if divergence is not None:
                    log_det = plus(log_det, divergence, stage.weight, h)
            state = advanced(state, slopes, [stage.weight for stage in stages], h)
        tiles.append(Ends(state.T, log_det, torch.stack(states)))
    ends = Ends(*(torch.cat(part, dim) for part, dim in zip(zip(*tiles, strict=True), (0, 0, 1), strict=True)))
    return ends if keep else ends._replace(states=ends.states[:0])


def _backward(
    x_bar: Tensor, log_det_bar: Tensor, states: Tensor, plan: Plan, activation: Activation, folded: Folded
) -> tuple[Tensor, Folded]:
    every, stages = _each(folded), plan.pattern.stages
    tiles = list(zip(x_bar.split(TILE), log_det_bar.split(TILE), states.split(TILE, 1), strict=True))  # type: ignore[no-untyped-call]
    slabs = [[Sums() for _ in every] for _ in tiles[:PROGRAMS]]
    start_bars = []
    for number, (bar, rate_bar, inputs) in enumerate(tiles):
        left = len(inputs)
        bar = bar.T
        for step, h in reversed(list(enumerate(plan.lengths))):
            left -= len(stages)
            start_bar = bar
            weights = [h * stage.weight for stage in stages]
            slope_bars = [bar * weight for weight in weights]
            for i, stage in reversed(list(enumerate(stages))):
                n, at = plan.pattern.time(step, i), inputs[left + i].T
                seen = evaluated(every[n], every[n].pairs.T, activation, stage, at)[2]
                sums = slabs[number % PROGRAMS][n]
                back = turn(every[n], len(rate_bar))
                y_bar = returned(every[n], back, sums, activation, seen, slope_bars[i], rate_bar * weights[i])
                start_bar = start_bar + y_bar
                for j, coefficient in enumerate(stage.row):
                    slope_bars[j] = plus(slope_bars[j], y_bar, coefficient, h)
            bar = start_bar
        start_bars.append(bar.T)
    return torch.cat(start_bars), _added(slabs, every)


def _each(folded: Folded) -> list[Folded]:
    """The field time by time."""
    return [Folded(*parts) for parts in zip(*folded, strict=True)]


def _added(slabs: list[list[Sums]], every: list[Folded]) -> Folded:
    """The gradients of all programs, times side by side; 0 where no evaluation had any."""
    found = []
    for name in Folded._fields:
        empty = [torch.zeros_like(getattr(folded, name)) for folded in every]
        of_programs = [
            torch.stack([sums.parts.get(name, zero) for sums, zero in zip(slab, empty, strict=True)]) for slab in slabs
        ]
        found.append(torch.stack(of_programs).sum(0))
    return Folded(*found)


REFERENCE = Passes(_forward, _backward)
"""The passes in PyTorch."""
