"""Every kind of field at one, two and three hidden layers against autograd, in float64."""

import itertools

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.ode.field import ACTIVATIONS, FIELDS, Field
from tests.ode.helpers import HIDDEN, example, jacobians, rough

every_field = pytest.mark.parametrize(
    ("kind", "layers", "activation", "dim"), list(itertools.product(FIELDS, HIDDEN, ACTIVATIONS, (1, 2, 5)))
)


@every_field
def test_divergence_is_the_trace_of_the_jacobian(kind: str, layers: int, activation: str, dim: int) -> None:
    model, (t, x) = rough(kind, layers, dim, activation), example(dim)
    value, divergence = model.forward_and_divergence(t, x)
    torch.testing.assert_close(value, model(t, x))
    torch.testing.assert_close(divergence, jacobians(model, t, x).diagonal(dim1=1, dim2=2).sum(1))
    torch.testing.assert_close(model.divergence(t, x), divergence)


@every_field
def test_probe_is_a_quadratic_form_of_the_jacobian(kind: str, layers: int, activation: str, dim: int) -> None:
    model, (t, x) = rough(kind, layers, dim, activation), example(dim)
    probe = torch.randn_like(x)
    value, quadratic = model.forward_and_probe(t, x, probe)
    torch.testing.assert_close(value, model(t, x))
    torch.testing.assert_close(quadratic, torch.einsum("bi,bij,bj->b", probe, jacobians(model, t, x), probe))


@every_field
def test_vjp_is_the_probe_times_the_jacobian(kind: str, layers: int, activation: str, dim: int) -> None:
    model, (t, x) = rough(kind, layers, dim, activation), example(dim)
    probe = torch.randn_like(x)
    value, row = model.forward_and_vjp(t, x, probe)
    torch.testing.assert_close(value, model(t, x))
    torch.testing.assert_close(row, torch.einsum("bi,bij->bj", probe, jacobians(model, t, x)))


@every_field
def test_a_time_for_each_example(kind: str, layers: int, activation: str, dim: int) -> None:
    model, (_, x) = rough(kind, layers, dim, activation), example(dim, 6)
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
def test_gradients_of_the_divergence(kind: str, layers: int, activation: str, dim: int) -> None:
    """Against a second differentiation of the field itself."""
    model, (t, x) = rough(kind, layers, dim, activation), example(dim)
    direct = gradients(model.divergence(t, x).sum(), model)
    reference = gradients(jacobians(model, t, x).diagonal(dim1=1, dim2=2).sum(), model)
    for ours, theirs in zip(direct, reference, strict=True):
        torch.testing.assert_close(ours, theirs)


def gradients(objective: Tensor, model: Field) -> list[Tensor]:
    parameters = list(model.parameters())
    found = torch.autograd.grad(objective, parameters, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("layers", HIDDEN)
def test_the_mean_over_all_sign_probes_is_the_divergence(kind: str, layers: int) -> None:
    """Hutchinson's estimate is unbiased for Rademacher probes: all 2^5 of them, not a sample."""
    model, (t, x) = rough(kind, layers, 5), example(5, 1)
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=5)), dtype=torch.double)
    mean = model.forward_and_probe(t, x.expand(32, 5), signs)[1].mean()
    torch.testing.assert_close(mean, model.divergence(t, x)[0])


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("layers", HIDDEN)
def test_the_divergence_compiles_as_one_graph(kind: str, layers: int) -> None:
    """Value, divergence and their gradients, differentiated once: a graph break or a double backward would raise.

    With the backend `aot_eager`, which needs no compiler of the machine's.
    """
    torch.compiler.reset()
    model, (t, x) = rough(kind, layers, 2), example(2)
    compiled = torch.compile(model.forward_and_divergence, fullgraph=True, backend="aot_eager")
    ours, theirs = compiled(t, x), model.forward_and_divergence(t, x)
    for got, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, wanted)
    for got, wanted in zip(*(gradients((v**2).sum() + d.sum(), model) for v, d in (ours, theirs)), strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("kind", FIELDS)
def test_a_new_field_is_small(kind: str) -> None:
    model, x = FIELDS[kind](4, (32, 32)), torch.randn(100, 4)
    assert model(torch.tensor(0.5), x).abs().max() < 0.1


@pytest.mark.parametrize("kind", FIELDS)
def test_the_input_gain_sharpens_the_first_layer_alone(kind: str) -> None:
    fields = []
    for gain in (1.0, 4.0):
        torch.manual_seed(0)
        fields.append(FIELDS[kind](4, (5, 6), input_gain=gain))
    one, four = fields
    torch.testing.assert_close(four.weights[0], 4 * one.weights[0])
    torch.testing.assert_close(four.bias[:5], 4 * one.bias[:5])
    torch.testing.assert_close(four.weights[1], one.weights[1])
    torch.testing.assert_close(four.bias[5:], one.bias[5:])


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("layers", [1, 3])
def test_the_fused_solve_wants_two_hidden_layers(kind: str, layers: int) -> None:
    with pytest.raises(BenchError, match=rf"two hidden layers, not {layers}: give the field two, or take"):
        rough(kind, layers, 2).folded(torch.zeros(1).double())


@pytest.mark.parametrize("kind", FIELDS)
def test_a_field_wants_a_hidden_layer_and_a_known_activation(kind: str) -> None:
    with pytest.raises(BenchError, match="give at least one"):
        FIELDS[kind](2, ())
    with pytest.raises(BenchError, match="did you mean softplus"):
        FIELDS[kind](2, (4, 4), "softpluss")
