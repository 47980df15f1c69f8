"""The fixed-grid solve of a two-hidden-layer field and its exact gradient, both written out.

What `bench.ode.runge_kutta` computes for such a field, gated or plain, evaluation by evaluation, with the derivatives
of the steps and of the closed-form divergence derived by hand: one node in autograd's graph instead of some thousand,
and no tensor that is not needed. Examples are columns, so that a layer's product and the product that gives its
weight's gradient both have their left factor row by row in memory, as oneDNN wants it. With h_i = s(a_i), d_i =
s'(a_i), c_i = s''(a_i) / s'(a_i) and q = Mᵀ d2, one evaluation is

    a1 = V1 x + β1    a2 = V2 h1 + β2    f = V3 h2 + β3    div f = Σ q d1

and the gradient f̄ of f and r̄ of div f come back as

    ā2 = d2 (V3ᵀ f̄ + c2 M (r̄ d1))    ā1 = d1 (V2ᵀ ā2 + c1 r̄ q)    x̄ = V1ᵀ ā1.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.machine.onednn_products import add_product, laid_out, product
from bench.ode.perceptron import Activation, Field, Folded
from bench.ode.plan import Lengths, MethodStage, Pattern, SolvePlan
from bench.ode.runge_kutta import Solution, advanced, plus


def solve_fused(field: Field, x: Float[Tensor, "batch dim"], plan: SolvePlan) -> Solution:
    """x at the plan's end and the log-determinant in nats, with the exact divergence and exact gradients.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    parts = [part for folded in folded_for(field, x, plan) for part in folded]
    lengths = plan.lengths.to(x.dtype) if isinstance(plan.lengths, Tensor) else plan.lengths
    end, log_det = _FusedSolve.apply(x, lengths, plan.pattern, field.activation, *parts)  # type: ignore[no-untyped-call]
    return Solution(end, log_det, x.new_zeros(0, len(x)))


def folded_for(field: Field, x: Float[Tensor, "batch dim"], plan: SolvePlan) -> list[Folded]:
    """The field at each of the plan's times, where x is and in its precision.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    if isinstance(plan.times, Tensor):
        return field.folded(plan.times.to(x.dtype))
    compiling = torch.compiler.is_compiling()  # a compiler makes a constant of what is not cached
    on_device = _on_device.__wrapped__ if compiling else _on_device
    return field.folded(on_device(plan.times, x.dtype, x.device))


@lru_cache(maxsize=256)
def _on_device(times: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The times as a tensor, copied to the device once: a copy would stop a step, and no CUDA graph allows one."""
    with torch.inference_mode(False):  # it outlives the call, and may have a gradient's company in another
        return torch.tensor(times, dtype=dtype, device=device)


class LayerValues(NamedTuple):
    """One evaluation's layers, kept for the way back; the last two only where its divergence counts."""

    x: Float[Tensor, "dim batch"]
    hidden1: Float[Tensor, "m1 batch"]
    hidden2: Float[Tensor, "m2 batch"]
    slope2: Float[Tensor, "m2 batch"] | None
    across: Float[Tensor, "m1 batch"] | None


class Transposes(NamedTuple):
    """Transposed weights of a `Folded`, V1ᵀ, V2ᵀ and V3ᵀ, by which gradients come back through its layers."""

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
    """Forward and backward of all steps, as one node of autograd's graph."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, lengths: Lengths, pattern: Pattern, activation: Activation, *parts: Tensor
    ) -> tuple[Tensor, Tensor]:
        every = by_time(parts)
        # q = Mᵀ d2: forward multiplies by the transpose, one copy of it for all evaluations at a time.
        pairs = [laid_out(folded.pairs.T, len(x)) for folded in every]
        weights = [stage.weight for stage in pattern.stages]
        evaluations: list[LayerValues] = []
        log_det = x.new_zeros(len(x))
        state = x.T.contiguous()  # examples are columns from here on
        for step, h in enumerate(lengths):
            slopes: list[Tensor] = []
            for i, stage in enumerate(pattern.stages):
                n = pattern.time(step, i)
                at = advanced(state, slopes, stage.row, h)
                value, divergence, layers = evaluated(every[n], pairs[n], activation, stage, at)
                slopes.append(value)
                evaluations.append(layers)
                # d(log det)/dt = div f: the log-determinant is one more coordinate, stepped with the same weights.
                if divergence is not None:
                    log_det = plus(log_det, divergence, stage.weight, h)
            state = advanced(state, slopes, weights, h)
        # Tensors have to go through save_for_backward, numbers cannot: lengths are one or the other.
        ctx.lengths = None if isinstance(lengths, Tensor) else lengths
        held = [lengths] if isinstance(lengths, Tensor) else []
        ctx.pattern, ctx.activation, ctx.count = pattern, activation, len(parts)
        ctx.save_for_backward(
            *held, *parts, *(tensor for layers in evaluations for tensor in layers if tensor is not None)
        )
        ctx.present = [[tensor is not None for tensor in layers] for layers in evaluations]
        return state.T, log_det

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, x_bar: Tensor, log_det_bar: Tensor) -> tuple[Tensor | None, ...]:
        saved = iter(ctx.saved_tensors)
        lengths = list(next(saved) if ctx.lengths is None else ctx.lengths)
        every = by_time([next(saved) for _ in range(ctx.count)])
        evaluations = [LayerValues(*(next(saved) if there else None for there in present)) for present in ctx.present]  # type: ignore[arg-type]
        transposed = [transposes(folded, len(x_bar)) for folded in every]
        sums = [Sums() for _ in every]  # a time that several evaluations share adds up their gradients
        pattern, state_bar = ctx.pattern, x_bar.T
        for step, h in reversed(list(enumerate(lengths))):
            weights = [h * stage.weight for stage in pattern.stages]
            # x' = x + h Σ b_i k_i gives each slope b_i h x̄'. Each later stage j read it in y_j = x + h Σ a_ji k_i, and
            # adds a_ji h ȳ_j below; x itself stands in all of them, so that x̄ = x̄' + Σ ȳ_j.
            slope_bars = [
                state_bar * weight if stage.weight else None
                for stage, weight in zip(pattern.stages, weights, strict=True)
            ]
            for i, stage in reversed(list(enumerate(pattern.stages))):
                n, slope_bar = pattern.time(step, i), slope_bars[i]
                assert slope_bar is not None  # a stage that nothing depends on is not planned
                rate_bar = log_det_bar * weights[i]
                # Taken from the end: the way back meets the evaluations in the opposite order.
                bar = returned(every[n], transposed[n], sums[n], ctx.activation, evaluations.pop(), slope_bar, rate_bar)
                state_bar = state_bar + bar
                for j, coefficient in enumerate(stage.row):
                    if coefficient:
                        before = slope_bars[j]
                        slope_bars[j] = bar * (h * coefficient) if before is None else plus(before, bar, coefficient, h)
        return state_bar.T, None, None, None, *(each.parts.get(name) for each in sums for name in Folded._fields)


def by_time(parts: Sequence[Tensor]) -> list[Folded]:
    """The folded weights of each time, from a flat row of tensors, which is all that autograd passes on."""
    size = len(Folded._fields)
    return [Folded(*parts[start : start + size]) for start in range(0, len(parts), size)]


def transposes(folded: Folded, batch: int) -> Transposes:
    """The transposed weights, in the memory layout that oneDNN is fastest with for `batch` examples."""
    return Transposes(*(laid_out(weight.T, batch) for weight in folded[:3]))


def evaluated(
    folded: Folded,
    pairs: Float[Tensor, "m1 m2"],
    activation: Activation,
    stage: MethodStage,
    x: Float[Tensor, "dim batch"],
) -> tuple[Float[Tensor, "dim batch"], Float[Tensor, " batch"] | None, LayerValues]:
    """The field's value and, where it counts, its divergence, with all that the way back needs; `pairs` is Mᵀ."""
    # s'(a) and s''(a) follow from s(a), so that a1 and a2 may be written over and are not kept.
    hidden1 = activation.untraced(product(folded.first, x).add_(folded.bias1[:, None]))
    hidden2 = activation.untraced(product(folded.second, hidden1).add_(folded.bias2[:, None]))
    value = product(folded.third, hidden2).add_(folded.bias3[:, None])
    # As in the second stage of dopri5: its slope counts in later stages, its divergence nowhere.
    if not stage.weight:
        return value, None, LayerValues(x, hidden1, hidden2, None, None)
    slope2 = activation.slope(hidden2)
    across = product(pairs, slope2)
    divergence = (across * activation.slope(hidden1)).sum(0)
    return value, divergence, LayerValues(x, hidden1, hidden2, slope2, across)


def returned(
    folded: Folded,
    transposed: Transposes,
    sums: Sums,
    activation: Activation,
    layers: LayerValues,
    value_bar: Float[Tensor, "dim batch"],
    rate_bar: Float[Tensor, " batch"],
) -> Float[Tensor, "dim batch"]:
    """The gradient of the evaluation's input from those of value and divergence; adds the field's to `sums`."""
    x, hidden1, hidden2, slope2, across = layers
    value_bar = value_bar.contiguous()  # at the first stage met it is a transpose, which oneDNN would copy each time
    slope1 = activation.slope(hidden1)
    a2_bar = product(transposed.third, value_bar)
    if across is None or slope2 is None:
        slope2 = activation.slope(hidden2)  # the value needs it too, and forward did not
        a1_part = None
    else:
        slope1_weighted = slope1 * rate_bar
        # div f = d2ᵀ M d1, whose gradient in M is r̄ d2 d1ᵀ, summed over examples.
        sums.add_product("pairs", slope2, slope1_weighted)
        a2_bar.addcmul_(activation.bend(hidden2, slope2), product(folded.pairs, slope1_weighted))
        a1_part = across * rate_bar
    # d2 (V3ᵀ f̄ + c2 M (r̄ d1)) of this file's head, written over its first term; a1_bar likewise.
    a2_bar.mul_(slope2)
    a1_bar = product(transposed.second, a2_bar)
    if a1_part is not None:
        a1_bar.addcmul_(activation.bend(hidden1, slope1), a1_part)
    a1_bar.mul_(slope1)
    sums.add_product("third", value_bar, hidden2)
    sums.add_product("second", a2_bar, hidden1)
    sums.add_product("first", a1_bar, x)
    sums.add("bias3", value_bar)
    sums.add("bias2", a2_bar)
    sums.add("bias1", a1_bar)
    return product(transposed.first, a1_bar)
