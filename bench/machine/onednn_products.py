"""Large products of float32 matrices on a CPU, by oneDNN.

torch takes MKL's, which on an AMD processor leaves half of each AVX-512 unit idle: 105 against 220 GFLOP/s a core at
256 x 256 x 256 on an EPYC, in float32 both and equal to rounding; on an Intel processor the two are alike. oneDNN's
start costs some 10 µs more, so that small products stay where they are.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

LEAST_WORK = 2**21
"""Multiplications from which on oneDNN is taken, 40 µs by MKL on the processor named above."""

LEAST_TRACED_WORK = 2**22
"""Multiplications from which on it is where autograd is told in Python, another 10 µs for each of three products."""

LEAST_SIDE = 32
"""Sizes of a weight below which it is not: transposing the examples for its gradient would cost what it saves."""

AVAILABLE: bool = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def transformed() -> bool:
    """True inside a transform of `torch.func`, such as a batch of models by `vmap`.

    A transform sees through torch's own operations alone: no product by oneDNN and no gradient written out by hand.
    """
    active: bool = torch._C._are_functorch_transforms_active()
    return active


def linear(
    x: Float[Tensor, "*batch inputs"], weight: Float[Tensor, "outputs inputs"], bias: Float[Tensor, " outputs"] | None
) -> Float[Tensor, "*batch outputs"]:
    """x Wᵀ + b, differentiable any number of times."""
    traced = torch.is_grad_enabled()
    if not suits(x, weight.shape[0], LEAST_TRACED_WORK if traced else LEAST_WORK):
        return nn.functional.linear(x, weight, bias)
    result: Tensor = _Linear.apply(x, weight, bias) if traced else _by_onednn(x, weight, bias)  # type: ignore[no-untyped-call]
    return result


def product(a: Float[Tensor, "n k"], b: Float[Tensor, "k m"]) -> Float[Tensor, "n m"]:
    """a b, without a gradient of its own."""
    if suits(a, b.shape[1], LEAST_WORK):
        return _by_onednn(a, b.T, None)
    return a @ b


def add_product(total: Float[Tensor, "n m"] | None, a: Float[Tensor, "n k"], b: Float[Tensor, "k m"]) -> Tensor:
    """total + a b without a gradient, a b where there is no total yet; `total` may be overwritten."""
    if total is None:
        return product(a, b)
    if not suits(a, b.shape[1], LEAST_WORK):
        return total.addmm_(a, b)
    compiling = torch.compiler.is_compiling()
    result: Tensor = torch.ops.bench.add_product(total, a, b.T) if compiling else _add_product(total, a, b.T)
    return result


def laid_out(a: Float[Tensor, "n k"], columns: int) -> Float[Tensor, "n k"]:
    """The matrix row by row if its products with so many columns are oneDNN's, which else copies it for each."""
    return a.contiguous() if suits(a, columns, LEAST_WORK) else a


def suits(x: Tensor, outputs: int, least_work: int) -> bool:
    """True where oneDNN takes x times a matrix with so many `outputs`, and is worth its start."""
    return (
        AVAILABLE
        and x.numel() * outputs >= least_work
        and min(outputs, x.shape[-1]) >= LEAST_SIDE
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not transformed()
    )


class Linear(nn.Linear):
    """torch's linear layer, its large products by oneDNN."""

    def forward(self, input: Tensor) -> Tensor:
        """`(*, inputs)` to `(*, outputs)`."""
        return linear(input, self.weight, self.bias)


class _Linear(torch.autograd.Function):
    """x Wᵀ + b with its gradient, made of the same."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return _by_onednn(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        rows = gradient.flatten(0, -2)
        # By `linear` again, so that this gradient has one too, as a gradient penalty needs.
        return (
            linear(gradient, weight.T, None) if of_x else None,
            _across(rows, x.flatten(0, -2)) if of_weight else None,
            rows.sum(0) if of_bias else None,
        )


def _across(a: Float[Tensor, "batch n"], b: Float[Tensor, "batch m"]) -> Float[Tensor, "n m"]:
    """aᵀ b. The left factor of a product is the one that oneDNN copies unless it lies row by row, as bᵀ may."""
    return linear(b.T, a.T, None).T if b.T.is_contiguous() else linear(a.T, b.T, None)


def _by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    rows = x.flatten(0, -2)
    compiling = torch.compiler.is_compiling()
    result: Tensor = torch.ops.bench.product(rows, weight, bias) if compiling else _product(rows, weight, bias)
    return result.view(*x.shape[:-1], len(weight))


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise.default(_dense(rows), _dense(weight), bias, "none", [], "")
    return result


def _add_product(total: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise.binary(_dense(rows), total, _dense(weight), None, "add")
    return result


def _dense(matrix: Tensor) -> Tensor:
    """The matrix row by row or column by column in memory; of a part of a larger one oneDNN is 3,000 times slower."""
    if matrix.is_contiguous():
        return matrix
    by_column = matrix.stride() == (1, len(matrix))
    return matrix if by_column else matrix.contiguous()


_LIBRARY = torch.library.Library("bench", "DEF")  # type: ignore[no-untyped-call]
"""Operations that a compiler calls as they are: Inductor takes oneDNN's own for one of constant weights."""

_LIBRARY.define("product(Tensor rows, Tensor weight, Tensor? bias) -> Tensor")  # type: ignore[no-untyped-call]
_LIBRARY.define("add_product(Tensor total, Tensor rows, Tensor weight) -> Tensor")  # type: ignore[no-untyped-call]
_LIBRARY.impl("product", _product, "CPU")  # type: ignore[no-untyped-call]
_LIBRARY.impl("add_product", _add_product, "CPU")  # type: ignore[no-untyped-call]
torch.library.register_fake(
    "bench::product", lambda rows, weight, bias: rows.new_empty(len(rows), len(weight)), lib=_LIBRARY
)
torch.library.register_fake(
    "bench::add_product", lambda total, rows, weight: rows.new_empty(len(rows), len(weight)), lib=_LIBRARY
)
