import pytest
import torch
from nflows.flows import Flow
from nflows.transforms import AffineCouplingTransform
from torch import nn

from bench.models.realnvp import LOG_SCALE_BOUND, RealNVP
from bench.setup import build
from bench.setup.match import parameter_count
from bench.spec import DataSpec
from bench.speed.cases.realnvp_against_nflows import even, same_layers, step_time
from bench.speed.interleave import Effort
from bench.speed.loops import endless

CPU = torch.device("cpu")


@pytest.mark.parametrize(("dim", "layers"), [(2, 4), (5, 3), (64, 8)])
def test_the_baseline_has_the_layers_and_the_weights_of_ours(dim: int, layers: int) -> None:
    ours = RealNVP(DataSpec((dim,)), width=20 * layers, layers=layers)
    theirs = same_layers(ours)
    assert parameter_count(theirs) == parameter_count(ours)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(other, mine, rtol=0, atol=0)


def test_the_baseline_changes_the_coordinates_that_ours_changes_after_its_swaps() -> None:
    theirs = same_layers(RealNVP(DataSpec((5,)), width=60, layers=3, mixing="actnorm"))
    couplings = [layer for layer in theirs._transform._transforms if hasattr(layer, "transform_features")]
    assert [layer.transform_features.tolist() for layer in couplings] == [[2, 3, 4], [0, 1], [2, 3, 4]]


@pytest.mark.parametrize(("dim", "mixing", "noise"), [(2, "lu", 0.0), (6, "actnorm", 0.1), (7, "actnorm", 0.1)])
def test_without_the_documented_differences_the_outputs_are_those_of_ours(dim: int, mixing: str, noise: float) -> None:
    # After an even number of swaps the coordinates stand in their old order. LU layers between swaps are compared where
    # they start, at the identity; all other weights get noise.
    ours = RealNVP(DataSpec((dim,)), width=80, layers=4, mixing=mixing)
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            parameter += (noise or 0.1 * ("transform_net" in name)) * torch.randn_like(parameter)
    theirs = same_layers(ours)
    x = torch.randn(50, dim)
    expected = ours.encode(x)
    assert not torch.allclose(theirs.transform_to_noise(x), expected, atol=1e-2)
    undo_documented_differences(theirs)
    # In training mode, as timed: a layer that looks at its batch first would show. Single precision, a few layers deep.
    torch.testing.assert_close(theirs.transform_to_noise(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(theirs.log_prob(x), ours.log_prob(x).value, rtol=1e-4, atol=1e-5)


def undo_documented_differences(flow: Flow) -> None:
    """A ReLU before each conditioner's last layer, and our reading of what that layer gives."""
    for layer in flow._transform._transforms:
        if isinstance(layer, AffineCouplingTransform):
            net = layer.transform_net
            net.final_layer = nn.Sequential(nn.ReLU(), net.final_layer)
            layer._scale_and_shift = scale_and_shift


def scale_and_shift(output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    raw, shift = output.chunk(2, 1)
    return torch.exp(LOG_SCALE_BOUND * torch.tanh(raw / LOG_SCALE_BOUND)), shift


def test_the_width_is_the_largest_within_the_budget_with_equal_hidden_sizes() -> None:
    config = endless(["data=digits", "model=realnvp"])
    dataset = build.dataset(config)
    width = even(config, dataset).model["width"]
    assert width % 16 == 0
    assert 0 <= build.budget_width(config, dataset.spec) - width < 16


@pytest.mark.parametrize("data", ["digits", "8gaussians"])
def test_a_shrunk_comparison_gives_a_figure(data: str) -> None:
    config = endless([f"data={data}", "model=realnvp", "budget.parameters=5000", "train.validate_every=2"])
    figure = step_time(config, CPU, Effort(seconds=0, rounds=2))
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ratio is not None
    assert figure.ratio.low > 0
    assert figure.what == f"realnvp on {data}: step"
