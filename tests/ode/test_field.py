import pytest
import torch

from bench.errors import BenchError
from bench.ode.field import ACTIVATIONS, FIELDS, ConcatSquashField, field_named
from tests.ode.helpers import HIDDEN, example, rough


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layers", HIDDEN)
def test_the_layers_are_concatsquash(activation: str, layers: int) -> None:
    """Gates and shifts applied to every example, as the paper writes them, in place of folded weights."""
    model, (t, x) = rough("concatsquash", layers, 3, activation), example(3)
    gates = torch.sigmoid(model.gate_slope * t + model.gate_offset).split(model.sizes)
    shifts = (model.shift_slope * t).split(model.sizes)
    parts = zip(model.weights, model.bias.split(model.sizes), gates, shifts, strict=True)
    outputs = x
    for layer, (weight, bias, gate, shift) in enumerate(parts):
        inputs = outputs if layer == 0 else ACTIVATIONS[activation].value(outputs)
        outputs = (inputs @ weight.T + bias) * gate + shift
    torch.testing.assert_close(model(t, x), outputs)


def test_a_new_fields_gates_are_open_by_half_at_first() -> None:
    gates, shifts = ConcatSquashField(3, (5, 6)).modulation(torch.tensor(0.0))
    assert gates.tolist() == [0.5] * 14
    assert shifts.tolist() == [0.0] * 14


def test_an_unknown_field_is_named() -> None:
    assert all(field_named(name) is kind for name, kind in FIELDS.items())
    with pytest.raises(BenchError, match=r"unknown field 'concatsquish' in model\.field; did you mean concatsquash"):
        field_named("concatsquish")
