import pytest
import torch

from bench.ode.field import ACTIVATIONS
from bench.ode.plain import PlainField
from tests.ode.helpers import HIDDEN, example, rough


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layers", HIDDEN)
def test_time_is_one_more_input_of_every_layer(activation: str, layers: int) -> None:
    model, (t, x) = rough("plain", layers, 3, activation), example(3)
    parts = zip(model.weights, model.bias.split(model.sizes), model.shift_slope.split(model.sizes), strict=True)
    outputs = x
    for layer, (weight, bias, of_time) in enumerate(parts):
        inputs = outputs if layer == 0 else ACTIVATIONS[activation].value(outputs)
        with_time = torch.cat([inputs, t.expand(len(x), 1)], 1)
        outputs = with_time @ torch.cat([weight, of_time[:, None]], 1).T + bias
    torch.testing.assert_close(model(t, x), outputs)


def test_weights_of_time_begin_as_wide_as_a_layers_with_one_more_input() -> None:
    """Uniform within ±1/√(inputs + 1), the last layer's smaller by its gain."""
    shares = PlainField(3, (4000, 5000), final_gain=0.5).shift_slope.detach().split([4000, 5000, 3])
    for share, inputs, gain in zip(shares, (3, 4000, 5000), (1, 1, 0.5), strict=True):
        bound = gain * (inputs + 1) ** -0.5
        assert share.abs().max() <= bound
        # of thousands of uniform numbers the largest is within a hundredth of the bound
        assert len(share) == 3 or share.max() > 0.99 * bound > 0.99 * -share.min() > 0.98 * bound
