"""The average over steps is the weighted sum that its formula says, as wide as it says after any number of steps."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from bench.errors import BenchError
from bench.models.parts.weight_average import WeightAverage, exponent


def averages(values: list[float], width: float) -> list[float]:
    """The average of one weight after each of these values."""
    net = nn.Linear(1, 1, bias=False).double()
    average, seen = WeightAverage(net, width), []
    for value in values:
        nn.init.constant_(net.weight, value)
        average.update(net)
        seen.append(average.weights()["weight"].item())
    return seen


@pytest.mark.parametrize("width", [0.05, 0.1, 0.25])
@pytest.mark.parametrize("steps", [400, 4_000])
def test_the_profile_is_as_wide_as_asked_whatever_the_number_of_steps(width: float, steps: int) -> None:
    """Of weights that are the share of the steps taken, and its square, an average gives the profile's moments."""
    times = (np.arange(1, steps + 1) / steps).tolist()
    mean = averages(times, width)[-1]
    second = averages([time**2 for time in times], width)[-1]
    assert math.sqrt(second - mean**2) == pytest.approx(width, abs=3 / steps)
    power = exponent(width)
    assert mean == pytest.approx(power / (power + 1), abs=2 / steps)


def test_the_first_step_leaves_nothing_of_the_first_weights() -> None:
    assert averages([3.0], 0.1) == [3.0]
    assert averages([3.0, 5.0], 0.1)[1] == pytest.approx(5 - 2 * 0.5 ** exponent(0.1))


def test_every_trainable_weight_is_averaged_in_a_buffer_of_its_own() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    net[0].bias.requires_grad_(False)
    average = WeightAverage(net, 0.1)
    assert average.weights().keys() == {"0.weight", "1.weight", "1.bias"}
    assert list(average.parameters()) == []
    assert len(average.state_dict()) == 4
    again = WeightAverage(net, 0.1)
    for value in (3.0, 5.0):
        nn.init.constant_(net[1].bias, value)
        average.update(net)
    again.load_state_dict(average.state_dict())
    assert again.steps == average.steps == 2
    for name, value in average.weights().items():
        assert torch.equal(value, again.weights()[name])


def test_a_weight_may_have_the_name_of_an_attribute() -> None:
    net = nn.Module()
    net.weights, net.steps = nn.Parameter(torch.ones(2)), nn.Parameter(torch.zeros(1))
    average = WeightAverage(net, 0.1)
    assert average.weights().keys() == {"weights", "steps"}
    average.update(net)
    assert average.steps == 1


@pytest.mark.parametrize("width", [-0.1, 0.0, 0.26, math.nan])
def test_a_width_out_of_range_is_refused(width: float) -> None:
    with pytest.raises(BenchError, match=r"model\.average=.*: give a share of the steps above 0"):
        exponent(width)
