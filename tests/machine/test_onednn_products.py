import pytest
import torch
from torch import Tensor, nn

from bench.machine import onednn_products as module
from bench.machine.onednn_products import (
    AVAILABLE,
    LEAST_TRACED_WORK,
    Linear,
    add_product,
    laid_out,
    linear,
    product,
    suits,
    transformed,
)
from bench.metrics.compute import count_flops
from bench.training.compile_step import prepare_compiler

SIZES = (256, 192, 224)
"""Rows, inputs and outputs: more than `LEAST_WORK` multiplications."""

with_onednn = pytest.mark.skipif(not AVAILABLE, reason="torch has no oneDNN here")


def parts(bias: bool = True) -> list[Tensor]:
    rows, inputs, outputs = SIZES
    made = [torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)]
    return [part.requires_grad_() for part in made[: 3 if bias else 2]]


def close(got: Tensor, wanted: Tensor) -> None:
    """Sums of 192 to 256 terms of about 1: a rounding of 1e-7 each, times their number at the worst."""
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-4)


@with_onednn
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_torchs(bias: bool) -> None:
    x, weight, *rest = given = parts(bias)
    assert suits(x, len(weight), LEAST_TRACED_WORK)
    ours = linear(x, weight, rest[0] if rest else None)
    theirs = nn.functional.linear(x, weight, rest[0] if rest else None)
    assert ours.grad_fn is not None
    assert "_Linear" in ours.grad_fn.name()
    close(ours, theirs)
    seed = torch.randn_like(ours)
    for got, wanted in zip(
        torch.autograd.grad(ours, given, seed), torch.autograd.grad(theirs, given, seed), strict=True
    ):
        close(got, wanted)


@with_onednn
def test_leading_axes_are_rows() -> None:
    x, weight, bias = parts()
    folded = x.detach().reshape(4, 64, 192).requires_grad_()
    result = linear(folded, weight, bias)
    close(result.reshape(256, 224), nn.functional.linear(x, weight, bias))
    (got,) = torch.autograd.grad(result.square().sum(), weight)
    (wanted,) = torch.autograd.grad(nn.functional.linear(x, weight, bias).square().sum(), weight)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-1)


@with_onednn
def test_second_derivatives_are_torchs() -> None:
    """A penalty on a gradient, as a critic has it."""
    x, weight, bias = parts()
    found = []
    for function in (linear, nn.functional.linear):
        (slope,) = torch.autograd.grad(torch.tanh(function(x, weight, bias)).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slope.square().mean(), weight)[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-4)


@with_onednn
def test_a_batch_of_models_by_vmap_is_torchs() -> None:
    x, weight, bias = (part.detach() for part in parts())
    weights = torch.stack([weight, 2 * weight])
    got = torch.func.vmap(lambda w: linear(x, w, bias))(weights)
    close(got[1], nn.functional.linear(x, 2 * weight, bias))


@with_onednn
def test_a_part_of_a_matrix_is_copied_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN would take a thousand times as long for it, forward and for both gradients."""
    seen: list[Tensor] = []
    dense = module._dense
    monkeypatch.setattr(module, "_dense", lambda matrix: (seen.append(dense(matrix)), seen[-1])[1])
    wide = torch.randn(256, 400, requires_grad=True)
    _, weight, bias = parts()
    result = linear(wide[:, 200:392], weight, bias)
    close(result, nn.functional.linear(wide[:, 200:392], weight, bias))
    (result[:, :180] * result[:, 40:220]).sum().backward()
    assert len(seen) == 6
    assert all(matrix.is_contiguous() or matrix.T.is_contiguous() for matrix in seen)


def test_products_without_a_gradient() -> None:
    a, b = torch.randn(256, 192), torch.randn(192, 224)
    close(product(a, b), a @ b)
    close(add_product(None, a, b), a @ b)
    close(add_product(torch.ones(256, 224), a, b), 1 + a @ b)
    close(
        add_product(torch.ones(3, 5).double(), torch.ones(3, 2).double(), torch.ones(2, 5).double()),
        torch.full((3, 5), 3.0).double(),
    )
    columns = torch.randn(256, 224)
    close(product(columns.T, a), columns.T @ a)


@with_onednn
def test_a_compiled_sum_of_products_is_torchs() -> None:
    prepare_compiler()
    a, b = torch.randn(256, 192), torch.randn(192, 224)

    def twice(a: Tensor, b: Tensor) -> Tensor:
        return add_product(add_product(None, a, b), a, 2 * b)

    close(torch.compile(twice, fullgraph=True)(a, b), 3 * (a @ b))


@with_onednn
def test_a_left_factor_is_laid_out_where_onednn_takes_it() -> None:
    a = torch.randn(192, 256).T
    assert laid_out(a, 224).is_contiguous()
    assert laid_out(a, 1) is a
    assert laid_out(a.double(), 224).dtype == torch.float64


@with_onednn
def test_what_is_small_narrow_or_double_stays_with_torch() -> None:
    x = torch.randn(256, 192)
    assert suits(x, 224, 256 * 192 * 224)
    assert not suits(x, 224, 256 * 192 * 224 + 1)
    assert not suits(x, 31, 1)
    assert not suits(x[:, :31], 224, 1)
    assert not suits(x.double(), 224, 1)


@with_onednn
def test_without_a_gradient_autograd_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_Linear", None)
    x, weight, bias = parts()
    with torch.no_grad():
        close(linear(x, weight, bias), nn.functional.linear(x, weight, bias))


@with_onednn
def test_a_compiled_product_is_torchs() -> None:
    prepare_compiler()
    x, weight, bias = parts()
    found = []
    for function in (torch.compile(linear, fullgraph=True), nn.functional.linear):
        value = function(x, weight, bias)
        found.append((value, *torch.autograd.grad(torch.tanh(value).sum(), (x, weight, bias))))
    for got, wanted in zip(*found, strict=True):
        close(got, wanted)


def test_without_onednn_all_is_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AVAILABLE", False)
    x, weight, bias = parts()
    assert torch.equal(linear(x, weight, bias), nn.functional.linear(x, weight, bias))


def test_operations_are_counted_as_ever() -> None:
    """Forward and both gradients, 2 a multiplication."""
    rows, inputs, outputs = SIZES
    layer, x = Linear(inputs, outputs), torch.randn(rows, inputs, requires_grad=True)
    assert count_flops(lambda: layer(x).sum().backward()) == 3 * 2 * rows * inputs * outputs
    a, b, total = torch.randn(rows, inputs), torch.randn(inputs, outputs), torch.zeros(rows, outputs)
    assert count_flops(lambda: add_product(total, a, b)) == 2 * rows * inputs * outputs


@with_onednn
def test_inside_a_transform_products_are_torchs_and_after_it_as_before() -> None:
    x, weight = torch.randn(256, 192), torch.randn(224, 192)
    inside = []

    def loss(weight: Tensor) -> Tensor:
        inside.append((transformed(), suits(x, len(weight), 1)))
        return linear(x, weight, None).sum()

    torch.func.vmap(loss)(weight[None])
    torch.func.grad(loss)(weight)
    torch.func.grad(lambda weights: torch.func.vmap(loss)(weights).sum())(weight[None])
    assert inside == [(True, False)] * 3
    with pytest.raises(ZeroDivisionError):
        torch.func.vmap(lambda weight: weight / (1 // 0))(weight)
    assert (transformed(), suits(x, 224, 1)) == (False, True)


@with_onednn
def test_a_compiled_batch_of_models_is_torchs_and_a_compiled_model_onednns() -> None:
    prepare_compiler()
    x, weight, bias = (part.detach() for part in parts())
    weights = torch.stack([weight, 2 * weight])

    def gradient(weights: Tensor) -> Tensor:
        losses = torch.func.vmap(lambda w: linear(x, w, bias).square().mean())
        return torch.func.grad(lambda w: losses(w).sum())(weights)

    close(torch.compile(gradient, fullgraph=True)(weights), gradient(weights))
    chosen = torch.compile(lambda x: x + suits(x, 224, 1), fullgraph=True, backend="eager")
    assert torch.equal(chosen(x), x + 1)
