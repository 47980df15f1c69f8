"""The fixed-grid solve of a narrow field by Triton, one launch forward and one backward, where the kernels can take it.

`bench.ode.fused` hands the device a few kernels for every evaluation of the field; on a GPU a narrow field leaves it
waiting for the next of them. Here the examples are dealt out in tiles, and one program goes through all evaluations of
its tile (`bench.ode.triton_kernels`). It keeps the input of every evaluation, dim numbers an example, where the fused
solve keeps the hidden layers as well, and computes these again on the way back. Gradients of the weights are summed
program by program, in a fixed order.
"""

from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.ode.fused import folded_for, solve_fused
from bench.ode.kernel_passes import Passes
from bench.ode.perceptron import Activation, Field, Folded
from bench.ode.plan import SolvePlan
from bench.ode.runge_kutta import Solution

# A program keeps its tile in registers; what does not fit spills to memory. Compiled for an H100 (Triton 3.6), the way
# back of 64 x 64 units and 2 coordinates spills 96 bytes, next to nothing, that of 128 x 128 units and 64 coordinates
# 42 KB. Sizes are padded to powers of two from 16 on, so that up to 16 coordinates cost as much as 2. What lies between
# has not been compiled: these limits allow the smaller of the two and no more, until a GPU has been asked.
MAX_WIDTH = 64
"""Units of a hidden layer."""
MAX_DIM = 16
"""Coordinates of an example."""


def solve_by_kernel(field: Field, x: Float[Tensor, "batch dim"], plan: SolvePlan) -> Solution:
    """x at the plan's end and the log-determinant in nats, by the kernels or, where they are refused, by `solve_fused`.

    Under torch.compile, which could not look into the kernels, always by `solve_fused`.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    if torch.compiler.is_compiling() or kernel_refusal(field, x) is not None:
        return solve_fused(field, x, plan)
    from bench.ode.triton_kernels import KERNELS

    return solve_by_passes(field, x, plan, KERNELS)


def kernel_refusal(field: Field, x: Float[Tensor, "batch dim"]) -> str | None:
    """The reason against the kernels for this field and these examples, as a row says it; None where there is none."""
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


def solve_by_passes(field: Field, x: Float[Tensor, "batch dim"], plan: SolvePlan, passes: Passes) -> Solution:
    """x at the plan's end and the log-determinant in nats, with exact gradients, by these passes.

    Raises:
        BenchError: the field has another number of hidden layers than two.
    """
    folded = Folded(*map(torch.stack, zip(*folded_for(field, x, plan), strict=True)))
    end, log_det = _KernelSolve.apply(x, plan, field.activation, passes, *folded)  # type: ignore[no-untyped-call]
    return Solution(end, log_det, x.new_zeros(0, len(x)))


class _KernelSolve(torch.autograd.Function):
    """Both passes as one node of autograd's graph; the gates are folded into the weights outside."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, plan: SolvePlan, activation: Activation, passes: Passes, *parts: Tensor
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
