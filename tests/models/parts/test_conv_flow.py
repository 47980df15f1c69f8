"""Maps of pictures: what they do by hand, their inverses, and the shapes that levels factor out."""

import pytest
import torch

from bench.models.parts.conv_flow import (
    Chain,
    ChannelMixing,
    ChannelNorm,
    ConvCoupling,
    PictureMap,
    Shuffle,
    latent_shapes,
)
from tests.models.helpers import perturbed

MAPS = {
    "norm": lambda: ChannelNorm(4),
    "shuffle": lambda: Shuffle(4),
    "mixing": lambda: ChannelMixing(4),
    "coupling": lambda: ConvCoupling(1, 4, 5, 1),
    "chain": lambda: Chain([ChannelNorm(4), Shuffle(4), ConvCoupling(3, 4, 5, 2)]),
}


@pytest.mark.parametrize("name", MAPS)
def test_each_has_the_jacobian_that_it_says_and_goes_back(name: str) -> None:
    torch.manual_seed(0)
    layer: PictureMap = perturbed(MAPS[name](), 0.2).double()
    x = torch.randn(2, 4, 3, 2, dtype=torch.double)
    y, log_det = layer(x)
    for example, value in zip(x, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: layer(v[None])[0].flatten(), example).flatten(1)
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian).logabsdet)
    back, inverse_log_det = layer.inverse(y)
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(inverse_log_det, -log_det)


def test_a_mixing_starts_as_a_rotation_and_a_norm_as_nothing() -> None:
    x = torch.randn(3, 6, 2, 2)
    y, log_det = ChannelMixing(6)(x)
    torch.testing.assert_close(y.square().sum(1), x.square().sum(1))
    torch.testing.assert_close(log_det, torch.zeros(3), atol=1e-5, rtol=0)
    assert torch.equal(ChannelNorm(6)(x)[0], x)


def test_a_coupling_starts_near_the_identity_with_the_parts_swapped() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 4, 4, 4)
    y, log_det = ConvCoupling(2, 4, 16, 2)(x)
    assert torch.equal(y[:, 2:], x[:, :2])
    assert (y[:, :2] - x[:, 2:]).abs().max() < 0.2
    assert log_det.abs().max() < 1


def test_half_of_the_channels_leave_at_each_level_but_the_last() -> None:
    assert latent_shapes((1, 28, 28), 2) == [(2, 14, 14), (8, 7, 7)]
    assert latent_shapes((3, 32, 32), 3) == [(6, 16, 16), (12, 8, 8), (48, 4, 4)]
