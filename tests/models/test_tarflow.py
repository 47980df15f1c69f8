"""The autoregressive flow over patches; its log-determinant and inverse are those of every flow of pictures."""

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.tarflow import TarFlow
from bench.spec import DataSpec
from tests.models.helpers import perturbed

SHAPE = (1, 4, 4)
LEVELS = DataSpec(SHAPE, "discrete", 17, image_shape=SHAPE)


def small(**options: object) -> TarFlow:
    torch.manual_seed(0)
    return TarFlow(LEVELS, width=24, **{"patch": 2, "layers": 1, **options})  # type: ignore[arg-type]


def test_one_block_conditions_each_patch_on_those_before() -> None:
    flow = perturbed(small(blocks=1), 0.5)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.transform(v[None])[0][0], torch.randn(16))
    by_patch = jacobian.reshape(4, 4, 2, 2, 2, 2).permute(0, 1, 2, 4, 3, 5).flatten(2).reshape(4, 4, 4, 4)
    seen = by_patch.abs().sum((1, 3)) != 0
    assert torch.equal(seen, torch.ones(4, 4).tril().bool())
    assert torch.equal(by_patch[0, :, 0], torch.eye(4))


def test_two_blocks_change_every_patch() -> None:
    flow, x = perturbed(small(blocks=2), 0.5), torch.randn(1, 16)
    z = flow.transform(x)[0].reshape(4, 4)
    patches = x.reshape(2, 2, 2, 2).transpose(1, 2).reshape(4, 4).flip(0)
    assert ((z - patches).abs() > 1e-4).any(1).all()


def test_training_noise_is_drawn_anew_and_samples_are_denoised() -> None:
    flow, x = perturbed(small(noise=0.3), 0.1), torch.randn(8, *SHAPE)
    assert not torch.equal(flow.loss(x), flow.loss(x))
    assert torch.equal(flow.log_prob(x).value, flow.log_prob(x).value)
    assert flow.note() == "samples take one step of denoising at noise 0.3"
    assert small().note() is None
    torch.manual_seed(3)
    drawn = flow.sample(5)
    torch.manual_seed(3)
    assert torch.equal(drawn, flow.denoised(flow.decode(torch.randn(5, 16))))
    torch.manual_seed(3)
    with torch.inference_mode():
        assert torch.equal(drawn, flow.sample(5))


def test_a_step_of_denoising_is_the_posterior_mean_of_a_gaussian() -> None:
    """Of noisy data whose law is N(0, I), as that of a flow of no shift and scale, the clean mean is (1 - noise²) x."""
    flow, x = small(noise=0.5), torch.randn(64, *SHAPE)
    for block in flow.transform.maps:
        torch.nn.init.zeros_(block.net.head.weight)
        torch.nn.init.zeros_(block.net.head.bias)
    torch.testing.assert_close(flow.denoised(x), 0.75 * x)


def test_mistakes_are_named() -> None:
    for name in ("blocks", "layers"):
        with pytest.raises(BenchError, match=rf"model\.{name}=0"):
            small(**{name: 0})
    with pytest.raises(BenchError, match=r"model\.noise=-1"):
        small(noise=-1.0)
    with pytest.raises(BenchError, match=r"model\.width=0"):
        TarFlow(LEVELS, width=0)
    with pytest.raises(NotApplicable, match="one patch is all of the picture"):
        small(patch=4)
