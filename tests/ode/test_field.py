import itertools

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.ode.field import ACTIVATIONS, ConcatSquashField
from tests.models.helpers import perturbed

every_field = pytest.mark.parametrize(
    ("activation", "dim"), list(itertools.product(ACTIVATIONS, (1, 2, 5))), ids=lambda value: str(value)
)


def field(activation: str, dim: int) -> ConcatSquashField:
    return perturbed(ConcatSquashField(dim, (7, 9), activation), 0.5).double()


def example(dim: int, n: int = 4) -> tuple[Tensor, Tensor]:
    return torch.rand((), dtype=torch.double), torch.randn(n, dim, dtype=torch.double)


def jacobians(model: ConcatSquashField, t: Tensor, x: Tensor) -> Tensor:
    return torch.func.vmap(torch.func.jacrev(lambda v: model(t, v[None])[0]))(x)


@every_field
def test_the_layers_are_concatsquash(activation: str, dim: int) -> None:
    """Gates and shifts applied to every example, as the paper writes them, in place of folded weights."""
    model, (t, x) = field(activation, dim), example(dim)
    gates = torch.sigmoid(model.gate_slope * t + model.gate_offset).split(model.sizes)
    shifts = (model.shift_slope * t).split(model.sizes)
    parts = zip(model.weights, model.bias.split(model.sizes), gates, shifts, strict=True)
    outputs = x
    for layer, (weight, bias, gate, shift) in enumerate(parts):
        inputs = outputs if layer == 0 else ACTIVATIONS[activation].value(outputs)
        outputs = (inputs @ weight.T + bias) * gate + shift
    torch.testing.assert_close(model(t, x), outputs)


@every_field
def test_a_time_for_each_example(activation: str, dim: int) -> None:
    model, (_, x) = field(activation, dim), example(dim, 6)
    times = torch.rand(6, dtype=torch.double)
    one_by_one = torch.cat([model(t, row[None]) for t, row in zip(times, x, strict=True)])
    together = model.at_times(times, x)
    torch.testing.assert_close(together, one_by_one)
    weights = torch.randn_like(x)
    ours = torch.autograd.grad((weights * together).sum(), list(model.parameters()))
    theirs = torch.autograd.grad((weights * one_by_one).sum(), list(model.parameters()))
    for gradient, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, reference)


@every_field
def test_divergence_is_the_trace_of_the_jacobian(activation: str, dim: int) -> None:
    model, (t, x) = field(activation, dim), example(dim)
    value, divergence = model.forward_and_divergence(t, x)
    torch.testing.assert_close(value, model(t, x))
    torch.testing.assert_close(divergence, jacobians(model, t, x).diagonal(dim1=1, dim2=2).sum(1))
    torch.testing.assert_close(model.divergence(t, x), divergence)


@every_field
def test_probe_is_a_quadratic_form_of_the_jacobian(activation: str, dim: int) -> None:
    model, (t, x) = field(activation, dim), example(dim)
    probe = torch.randn_like(x)
    value, quadratic = model.forward_and_probe(t, x, probe)
    torch.testing.assert_close(value, model(t, x))
    torch.testing.assert_close(quadratic, torch.einsum("bi,bij,bj->b", probe, jacobians(model, t, x), probe))


@every_field
def test_vjp_is_the_probe_times_the_jacobian(activation: str, dim: int) -> None:
    model, (t, x) = field(activation, dim), example(dim)
    probe = torch.randn_like(x)
    value, row = model.forward_and_vjp(t, x, probe)
    torch.testing.assert_close(value, model(t, x))
    torch.testing.assert_close(row, torch.einsum("bi,bij->bj", probe, jacobians(model, t, x)))


def test_the_mean_over_all_sign_probes_is_the_divergence() -> None:
    """Hutchinson's estimate is unbiased for Rademacher probes: all 2^5 of them, not a sample."""
    model, (t, x) = field("tanh", 5), example(5, 1)
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=5)), dtype=torch.double)
    mean = model.forward_and_probe(t, x.expand(32, 5), signs)[1].mean()
    torch.testing.assert_close(mean, model.divergence(t, x)[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_the_closed_forms(activation: str) -> None:
    """Against a second differentiation of the field itself."""
    model, (t, x) = field(activation, 3), example(3)
    direct = torch.autograd.grad(model.divergence(t, x).sum(), list(model.parameters()), allow_unused=True)
    trace = jacobians(model, t, x).diagonal(dim1=1, dim2=2).sum()
    reference = torch.autograd.grad(trace, list(model.parameters()), allow_unused=True)
    for ours, theirs, parameter in zip(direct, reference, model.parameters(), strict=True):
        zero = torch.zeros_like(parameter)
        torch.testing.assert_close(zero if ours is None else ours, zero if theirs is None else theirs)


def test_a_new_field_is_small() -> None:
    model, x = ConcatSquashField(4, (32, 32)), torch.randn(100, 4)
    assert model(torch.tensor(0.5), x).abs().max() < 0.1


def test_the_input_gain_sharpens_the_first_layer_alone() -> None:
    fields = []
    for gain in (1.0, 4.0):
        torch.manual_seed(0)
        fields.append(ConcatSquashField(4, (5, 6), input_gain=gain))
    one, four = fields
    torch.testing.assert_close(four.weights[0], 4 * one.weights[0])
    torch.testing.assert_close(four.bias[:5], 4 * one.bias[:5])
    torch.testing.assert_close(four.weights[1], one.weights[1])
    torch.testing.assert_close(four.bias[5:], one.bias[5:])


def test_an_unknown_activation_is_named() -> None:
    with pytest.raises(BenchError, match="did you mean softplus"):
        ConcatSquashField(2, (4, 4), "softpluss")
