"""The fixed-grid solve of a two-hidden-layer field and its exact gradient, both written out.

What `bench.ode.solve` computes for such a field, gated or plain, evaluation by evaluation, with the derivatives of the
steps and of the closed-form divergence derived by hand: one node in autograd's graph instead of some thousand, and no
tensor that is not needed. Examples are columns, so that a layer's product and the product that gives its weight's
gradient both have their left factor row by row in memory, as oneDNN wants it. With h_i = s(a_i), d_i = s'(a_i),
c_i = s''(a_i) / s'(a_i) and q = Mᵀ d2, one evaluation is

    a1 = V1 x + β1    a2 = V2 h1 + β2    f = V3 h2 + β3    div f = Σ q d1

and the gradient f̄ of f and r̄ of div f come back as

    ā2 = d2 (V3ᵀ f̄ + c2 M (r̄ d1))    ā1 = d1 (V2ᵀ ā2 + c1 r̄ q)    x̄ = V1ᵀ ā1.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.linear import add_product, laid_out, product
from bench.ode.perceptron import Activation, Field, Folded
from bench.ode.solve import Solution, advanced, check_grid, plus
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
    parts = [part for folded in folded_for(field, x, plan) for part in folded]
    end, log_det = _FusedSolve.apply(x, plan, field.activation, *parts)  # type: ignore[no-untyped-call]
    return Solution(end, log_det, x.new_zeros(0, len(x)))


def folded_for(field: Field, x: Float[Tensor, "batch dim"], plan: Plan) -> list[Folded]:
    """The field at each of the plan's times, where x is and in its precision.

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


class Kept(NamedTuple):
    """What one evaluation leaves for the way back; the last two only where its divergence counts."""

    x: Float[Tensor, "dim batch"]
    hidden1: Float[Tensor, "m1 batch"]
    hidden2: Float[Tensor, "m2 batch"]
    slope2: Float[Tensor, "m2 batch"] | None
    across: Float[Tensor, "m1 batch"] | None


class Turned(NamedTuple):
    """What the way back multiplies by: transposes of a `Folded`."""

    first: Float[Tensor, "dim m1"]
    second: Float[Tensor, "m1 m2"]
    third: Float[Tensor, "m2 dim"]


class Sums:
    """The gradient of a `Folded`, added up over the evaluations at its time."""

    def __init__(self) -> None:
        self.parts: dict[str, Tensor] = {}

    def add_product(self, name: str, a: Float[Tensor, "n batch"], b: Float[Tensor, "m batch"]) -> None:
        """Adds a bᵀ to the part."""
        self.parts[name] = add_product(self.parts.get(name), a, b.T)

    def add(self, name: str, a: Float[Tensor, "n batch"]) -> None:
        """Adds the sum over examples to the part."""
        summed = a.sum(1)
        self.parts[name] = self.parts[name].add_(summed) if name in self.parts else summed


class _FusedSolve(torch.autograd.Function):
    """Forward and backward of the whole solve."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, plan: Plan, activation: Activation, *parts: Tensor) -> tuple[Tensor, Tensor]:
        every = apart(parts)
        pairs = [laid_out(folded.pairs.T, len(x)) for folded in every]
        kept: list[Kept] = []
        log_det = x.new_zeros(len(x))
        state = x.T.contiguous()
        for step in plan.steps:
            slopes: list[Tensor] = []
            for stage in step:
                at = advanced(state, slopes, stage.row, 1.0)
                value, divergence, seen = evaluated(every[stage.at], pairs[stage.at], activation, stage, at)
                slopes.append(value)
                kept.append(seen)
                if divergence is not None:
                    log_det = plus(log_det, divergence, stage.weight)
            state = advanced(state, slopes, [stage.weight for stage in step], 1.0)
        ctx.plan, ctx.activation = plan, activation
        ctx.save_for_backward(*parts, *(tensor for seen in kept for tensor in seen if tensor is not None))
        ctx.present = [[tensor is not None for tensor in seen] for seen in kept]
        return state.T, log_det

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, x_bar: Tensor, log_det_bar: Tensor) -> tuple[Tensor | None, ...]:
        count = len(Folded._fields) * len(ctx.plan.times)
        every, saved = apart(ctx.saved_tensors[:count]), iter(ctx.saved_tensors[count:])
        kept = [Kept(*(next(saved) if there else None for there in present)) for present in ctx.present]  # type: ignore[arg-type]
        turned = [turn(folded, len(x_bar)) for folded in every]
        sums = [Sums() for _ in every]
        state_bar = x_bar.T
        for step in reversed(ctx.plan.steps):
            seen, kept = kept[-len(step) :], kept[: -len(step)]
            slope_bars: list[Tensor | None] = [state_bar * stage.weight if stage.weight else None for stage in step]
            for i in reversed(range(len(step))):
                n = step[i].at
                bar = returned(
                    every[n], turned[n], sums[n], ctx.activation, step[i], seen[i], slope_bars[i], log_det_bar
                )
                state_bar = state_bar + bar
                for j, coefficient in enumerate(step[i].row):
                    if coefficient:
                        before = slope_bars[j]
                        slope_bars[j] = bar * coefficient if before is None else plus(before, bar, coefficient)
        return state_bar.T, None, None, *(each.parts.get(name) for each in sums for name in Folded._fields)


def apart(parts: Sequence[Tensor]) -> list[Folded]:
    """The parts of many times in a row, time by time."""
    size = len(Folded._fields)
    return [Folded(*parts[start : start + size]) for start in range(0, len(parts), size)]


def turn(folded: Folded, batch: int) -> Turned:
    """For the way back of so many examples."""
    return Turned(*(laid_out(weight.T, batch) for weight in folded[:3]))


def evaluated(
    folded: Folded,
    pairs: Float[Tensor, "m1 m2"],
    activation: Activation,
    stage: Stage,
    x: Float[Tensor, "dim batch"],
) -> tuple[Float[Tensor, "dim batch"], Float[Tensor, " batch"] | None, Kept]:
    """The field's value and, where it counts, its divergence, with all that the way back needs; `pairs` is Mᵀ."""
    hidden1 = activation.untraced(product(folded.first, x).add_(folded.bias1[:, None]))
    hidden2 = activation.untraced(product(folded.second, hidden1).add_(folded.bias2[:, None]))
    value = product(folded.third, hidden2).add_(folded.bias3[:, None])
    if not stage.weight:
        return value, None, Kept(x, hidden1, hidden2, None, None)
    slope2 = activation.slope(hidden2)
    across = product(pairs, slope2)
    divergence = (across * activation.slope(hidden1)).sum(0)
    return value, divergence, Kept(x, hidden1, hidden2, slope2, across)


def returned(
    folded: Folded,
    turned: Turned,
    sums: Sums,
    activation: Activation,
    stage: Stage,
    seen: Kept,
    value_bar: Float[Tensor, "dim batch"] | None,
    log_det_bar: Float[Tensor, " batch"],
) -> Float[Tensor, "dim batch"]:
    """The gradient of the evaluation's input; adds that of the folded field to `sums`."""
    x, hidden1, hidden2, slope2, across = seen
    assert value_bar is not None  # a stage that nothing depends on is not planned
    value_bar = value_bar.contiguous()
    slope1 = activation.slope(hidden1)
    a2_bar = product(turned.third, value_bar)
    if across is None or slope2 is None:
        slope2 = activation.slope(hidden2)
        a1_part = None
    else:
        rate_bar = log_det_bar * stage.weight
        slope1_weighted = slope1 * rate_bar
        sums.add_product("pairs", slope2, slope1_weighted)
        a2_bar.addcmul_(activation.bend(hidden2, slope2), product(folded.pairs, slope1_weighted))
        a1_part = across * rate_bar
    a2_bar.mul_(slope2)
    a1_bar = product(turned.second, a2_bar)
    if a1_part is not None:
        a1_bar.addcmul_(activation.bend(hidden1, slope1), a1_part)
    a1_bar.mul_(slope1)
    sums.add_product("third", value_bar, hidden2)
    sums.add_product("second", a2_bar, hidden1)
    sums.add_product("first", a1_bar, x)
    sums.add("bias3", value_bar)
    sums.add("bias2", a2_bar)
    sums.add("bias1", a1_bar)
    return product(turned.first, a1_bar)
