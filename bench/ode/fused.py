"""The fixed-grid solve of a two-hidden-layer field and its exact gradient, both written out.

What `bench.ode.solve` computes for such a field, gated or plain, evaluation by evaluation, with the derivatives of the
steps and of the closed-form divergence derived by hand: one node in autograd's graph instead of some thousand, and no
tensor that is not needed. With d_i = s'(a_i), q = d2 M and c_i = s''(a_i) / s'(a_i), one evaluation is

    a1 = x V1ᵀ + β1    a2 = s(a1) V2ᵀ + β2    f = s(a2) V3ᵀ + β3    div f = Σ q d1

and the gradient f̄ of f and r̄ of div f come back as

    ā2 = d2 (f̄ V3 + c2 (r̄ d1) Mᵀ)    ā1 = d1 (ā2 V2 + c1 r̄ q)    x̄ = ā1 V1.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bench.linear import add_product, linear, product
from bench.ode.perceptron import Activation, Field, Folded
from bench.ode.solve import Solution, advanced, check_grid
from bench.ode.tableau import Tableau


class Stage(NamedTuple):
    """One evaluation of the field.

    Attributes:
        at: which of the plan's times.
        row: coefficients of the slopes before it, times the step.
        weight: its weight in the step, times the step; its divergence counts only where this is not 0.
    """

    at: int
    row: tuple[float, ...]
    weight: float


class Plan(NamedTuple):
    """A method on a grid.

    Attributes:
        times: each time that the field is evaluated at, once.
        steps: the stages of each step, without those that nothing depends on.
    """

    times: tuple[float, ...]
    steps: tuple[tuple[Stage, ...], ...]


def planned(grid: Sequence[float], method: Tableau) -> Plan:
    """The plan of `method` on `grid`. A stage that only the next step or an error estimate would use is left out.

    Raises:
        BenchError: what is no grid.
    """
    check_grid(grid)
    times: dict[float, int] = {}
    steps = []
    for start, end in pairwise(grid):
        h = end - start
        ats = [times.setdefault(round(start + node * h, 12), len(times)) for node in method.nodes[: method.evaluations]]
        steps.append(
            tuple(
                Stage(at, tuple(h * a for a in row), h * weight)
                for at, row, weight in zip(ats, method.stages, method.weights, strict=False)
            )
        )
    return Plan(tuple(times), tuple(steps))


def solve_fused(field: Field, x: Float[Tensor, "batch dim"], plan: Plan) -> Solution:
    """x at the plan's end and the log-determinant in nats, with the exact divergence and exact gradients.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    folded = folded_for(field, x, plan)
    end, log_det = _FusedSolve.apply(x, plan, field.activation, *folded)  # type: ignore[no-untyped-call]
    return Solution(end, log_det, x.new_zeros(0, len(x)))


def folded_for(field: Field, x: Float[Tensor, "batch dim"], plan: Plan) -> Folded:
    """The field at the plan's times, where x is and in its precision.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    compiling = torch.compiler.is_compiling()  # a compiler makes a constant of what is not cached
    on_device = _on_device.__wrapped__ if compiling else _on_device
    return field.folded(on_device(plan.times, x.dtype, x.device))


@lru_cache(maxsize=256)
def _on_device(times: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The times as a tensor, copied to the device once: a copy would stop a step, and no CUDA graph allows one."""
    with torch.inference_mode(False):  # it outlives the call, and may have a gradient's company in another
        return torch.tensor(times, dtype=dtype, device=device)


class _Kept(NamedTuple):
    """What one evaluation leaves for the way back; the last three only where its divergence counts."""

    x: Tensor
    hidden1: Tensor
    hidden2: Tensor
    slope1: Tensor
    slope2: Tensor
    across: Tensor | None


class _FusedSolve(torch.autograd.Function):
    """Forward and backward of the whole solve."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, plan: Plan, activation: Activation, *parts: Tensor) -> tuple[Tensor, Tensor]:
        folded = Folded(*parts)
        log_det = x.new_zeros(len(x))
        kept: list[_Kept] = []
        for step in plan.steps:
            slopes: list[Tensor] = []
            start = x
            for stage in step:
                value, divergence, seen = evaluated(folded, activation, stage, advanced(start, slopes, stage.row, 1.0))
                slopes.append(value)
                kept.append(seen)
                if divergence is not None:
                    log_det.add_(divergence, alpha=stage.weight)
            x = advanced(start, slopes, [stage.weight for stage in step], 1.0)
        ctx.plan, ctx.activation = plan, activation
        ctx.save_for_backward(*parts, *(tensor for seen in kept for tensor in seen if tensor is not None))
        ctx.present = [[tensor is not None for tensor in seen] for seen in kept]
        return x, log_det

    @staticmethod
    def backward(ctx: Any, x_bar: Tensor, log_det_bar: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        saved = iter(ctx.saved_tensors)
        folded = Folded(*(next(saved) for _ in Folded._fields))
        kept = [_Kept(*(next(saved) if there else None for there in present)) for present in ctx.present]  # type: ignore[arg-type]
        gradients = Folded(*(torch.zeros_like(part) for part in folded))
        column = log_det_bar.unsqueeze(1)
        for step in reversed(ctx.plan.steps):
            seen, kept = kept[-len(step) :], kept[: -len(step)]
            slope_bars: list[Tensor | None] = [x_bar * stage.weight if stage.weight else None for stage in step]
            for i in reversed(range(len(step))):
                y_bar = returned(folded, gradients, ctx.activation, step[i], seen[i], slope_bars[i], column)
                x_bar = x_bar + y_bar
                for j, coefficient in enumerate(step[i].row):
                    if coefficient:
                        before = slope_bars[j]
                        slope_bars[j] = y_bar * coefficient if before is None else before.add_(y_bar, alpha=coefficient)
        return x_bar, None, None, *gradients


def evaluated(
    folded: Folded, activation: Activation, stage: Stage, x: Float[Tensor, "batch dim"]
) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"] | None, _Kept]:
    """The field's value and, where it counts, its divergence, with all that the way back needs."""
    n = stage.at
    a1 = linear(x, folded.first[n], folded.bias1[n])
    hidden1 = activation.value(a1)
    a2 = linear(hidden1, folded.second[n], folded.bias2[n])
    hidden2 = activation.value(a2)
    value = linear(hidden2, folded.third[n], folded.bias3[n])
    slope1, slope2 = activation.slope(a1, hidden1), activation.slope(a2, hidden2)
    if not stage.weight:
        return value, None, _Kept(x, hidden1, hidden2, slope1, slope2, None)
    across = product(slope2, folded.pairs[n])
    return value, torch.linalg.vecdot(across, slope1), _Kept(x, hidden1, hidden2, slope1, slope2, across)


def returned(
    folded: Folded,
    gradients: Folded,
    activation: Activation,
    stage: Stage,
    seen: _Kept,
    value_bar: Float[Tensor, "batch dim"] | None,
    log_det_bar: Float[Tensor, "batch 1"],
) -> Float[Tensor, "batch dim"]:
    """The gradient of the evaluation's input; adds that of the folded field to `gradients`."""
    n = stage.at
    x, hidden1, hidden2, slope1, slope2, across = seen
    assert value_bar is not None  # a stage that nothing depends on is not planned
    a2_bar = product(value_bar, folded.third[n])
    if across is not None:
        rate_bar = log_det_bar * stage.weight
        slope1_weighted = slope1 * rate_bar
        add_product(gradients.pairs[n], slope2.T, slope1_weighted)
        a2_bar.addcmul_(activation.bend(hidden2, slope2), product(slope1_weighted, folded.pairs[n].T))
    a2_bar.mul_(slope2)
    a1_bar = product(a2_bar, folded.second[n])
    if across is not None:
        a1_bar.addcmul_(activation.bend(hidden1, slope1), across * rate_bar)
    a1_bar.mul_(slope1)
    add_product(gradients.third[n], value_bar.T, hidden2)
    add_product(gradients.second[n], a2_bar.T, hidden1)
    add_product(gradients.first[n], a1_bar.T, x)
    gradients.bias3[n].add_(value_bar.sum(0))
    gradients.bias2[n].add_(a2_bar.sum(0))
    gradients.bias1[n].add_(a1_bar.sum(0))
    return product(a1_bar, folded.first[n])
