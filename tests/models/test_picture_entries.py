"""What every entry of pictures must do, grey and colour, square or not, held against a table of constructors."""

import itertools

import pytest
import torch

from bench.models.entry import Entry
from bench.models.glow import Glow
from bench.models.parts.flow import Flow
from bench.models.realnvp_conv import RealNVPConv
from bench.models.vae_conv import VAEConv
from bench.spec import DataSpec
from tests.models.helpers import count, perturbed

ENTRIES: list[type[Entry]] = [RealNVPConv, Glow, VAEConv]
FLOWS: list[type[Flow]] = [RealNVPConv, Glow]
SHAPES = [(1, 8, 8), (3, 4, 8), (2, 4, 4)]
every_entry = pytest.mark.parametrize("cls", ENTRIES)
every_flow = pytest.mark.parametrize("cls", FLOWS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def told(shape: tuple[int, int, int]) -> DataSpec:
    return DataSpec(shape, "discrete", 17, image_shape=shape)


def small(cls: type[Entry], shape: tuple[int, int, int]) -> Entry:
    torch.manual_seed(0)
    return cls(told(shape), width=48)


@every_entry
@every_shape
def test_shapes_and_gradients(cls: type[Entry], shape: tuple[int, int, int]) -> None:
    entry, x = small(cls, shape), torch.randn(6, *shape)
    losses = entry.loss(x)
    assert losses.shape == (6,)
    assert entry.sample(3).shape == (3, *shape)
    losses.mean().backward()
    for name, parameter in entry.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@every_entry
def test_they_ask_for_pictures_standardised_as_a_whole(cls: type[Entry]) -> None:
    assert cls.own_shape
    assert cls.standardise == "image"


@every_entry
@pytest.mark.parametrize(("shape", "least"), [((1, 28, 28), 50_000), ((3, 32, 32), 50_000)])
def test_any_budget_is_met_within_two_per_cent(cls: type[Entry], shape: tuple[int, int, int], least: int) -> None:
    """Neighbouring counts from `least` on differ by at most 4 %, so that the nearer one is within 2 % of any target.

    What a channel more costs grows no faster than the width, so that its share of the count is largest at `least`.
    """
    data = told(shape)
    low, high = 1, 2048
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count(cls, data, middle) >= least else (middle + 1, high)
    counts = [count(cls, data, width) for width in range(max(low - 1, 1), low + 26)]
    assert counts[0] <= 1.02 * least
    for before, after in itertools.pairwise(counts):
        assert 0 < after - before <= 0.04 * max(least, (before + after) / 2)
    assert count(cls, data, 2048) > 3_000_000


@every_flow
@every_shape
def test_the_log_determinant_is_that_of_the_jacobian_and_the_inverse_goes_back(
    cls: type[Flow], shape: tuple[int, int, int]
) -> None:
    flow = small(cls, shape)
    assert isinstance(flow, Flow)
    flow, x = perturbed(flow, 0.1).double(), torch.randn(2, *shape, dtype=torch.double)
    z, log_det = flow.transform(x.flatten(1))
    for example, value in zip(x, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], example)
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian.flatten(1)).logabsdet)
    back, inverse_log_det = flow.transform.inverse(z)
    torch.testing.assert_close(back, x.flatten(1))
    torch.testing.assert_close(inverse_log_det, -log_det)


@every_flow
def test_every_pixel_is_transformed_given_others(cls: type[Flow]) -> None:
    """A pixel that passed through as it is would leave a row with one entry."""
    flow = perturbed(small(cls, (1, 8, 8)), 0.5)
    assert isinstance(flow, Flow)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], torch.randn(1, 8, 8)).flatten(1)
    assert ((jacobian != 0).sum(1) > 1).all()
    assert ((jacobian != 0).sum(0) > 1).all()
