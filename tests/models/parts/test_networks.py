import pytest
import torch

from bench.errors import BenchError
from bench.laws.gaussian import gaussian_log_prob
from bench.models.parts.networks import mlp, relu, soft_clamp, spread


@pytest.mark.parametrize("width", [3, 16, 17, 18, 19, 100])
def test_spread_gives_out_every_unit_evenly(width: int) -> None:
    sizes = spread(width, [1, 1, 1])
    assert sum(sizes) == width
    assert max(sizes) - min(sizes) <= 1


def test_spread_leaves_no_layer_empty() -> None:
    assert min(spread(1, [1, 1, 1, 1])) == 1


def test_no_width_is_refused() -> None:
    with pytest.raises(BenchError, match="width=0"):
        spread(0, [1, 1])


def test_spread_keeps_proportions() -> None:
    assert spread(768, [2, 1, 1, 2]) == [256, 128, 128, 256]


@pytest.mark.parametrize("shape", [[], [2, 0]])
def test_proportions_below_one_are_refused(shape: list[int]) -> None:
    with pytest.raises(BenchError, match=r"model\.shape"):
        spread(8, shape)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(BenchError, match=r"tanj.*tanh"):
        mlp([2, 3, 1], activation="tanj")


@pytest.mark.parametrize("gain", [0.01, 1.0])
def test_a_new_perceptron_keeps_the_scale_of_its_input(gain: float) -> None:
    outputs = mlp([20, 400, 400, 400], gain)(torch.randn(200, 20))
    # Random layers of 400 units keep the standard deviation to a few per cent each.
    assert 0.8 * gain < outputs.std() < 1.2 * gain


def test_soft_clamp_is_bounded_and_the_identity_near_zero() -> None:
    x = torch.tensor([-1e6, -0.01, 0.0, 0.01, 1e6])
    torch.testing.assert_close(soft_clamp(x, 5.0), torch.tensor([-5.0, -0.01, 0.0, 0.01, 5.0]), rtol=1e-5, atol=0)


def test_gaussian_log_prob() -> None:
    x, mean, log_scale = torch.randn(3, 7, 4).unbind()
    law = torch.distributions.Independent(torch.distributions.Normal(mean, log_scale.exp()), 1)
    torch.testing.assert_close(gaussian_log_prob(x, mean, log_scale), law.log_prob(x))


@pytest.mark.parametrize("compiled", [False, True])
def test_relu_is_torchs_with_its_gradient_at_zero_and_beyond(compiled: bool) -> None:
    x = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0, float("nan")], requires_grad=True)
    weights = torch.arange(1.0, 7.0)

    y = (torch.compile(relu, fullgraph=True) if compiled else relu)(x)
    (gradient,) = torch.autograd.grad(y @ weights, x)
    torch.testing.assert_close(y, torch.relu(x), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(gradient[:5], torch.tensor([0.0, 0.0, 0.0, 4.0, 5.0]), rtol=0, atol=0)
