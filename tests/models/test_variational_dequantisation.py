"""Flows of pictures that bend the noise within levels are flows like any other, of data that have levels."""

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.glow import Glow
from bench.models.parts.conv_net import GatedConvNet
from bench.models.realnvp_conv import RealNVPConv
from bench.setup import build
from bench.setup.compose import compose
from bench.spec import DataSpec
from tests.models.helpers import perturbed

SHAPE = (1, 4, 4)
PLAIN = DataSpec(SHAPE, "discrete", 17, image_shape=SHAPE, alpha=0.01)
every_flow = pytest.mark.parametrize("cls", [RealNVPConv, Glow])


def small(cls: type[RealNVPConv], data: DataSpec = PLAIN, dequantisation: str = "variational") -> RealNVPConv:
    torch.manual_seed(0)
    return cls(data, width=48, levels=1, couplings=4, blocks=1, dequantisation=dequantisation)  # type: ignore[arg-type]


@every_flow
def test_densities_are_exact_and_every_weight_learns(cls: type[RealNVPConv]) -> None:
    flow = perturbed(small(cls).double(), 0.1)
    x = flow.sample(6).detach()
    z, log_det = flow.transform(x.flatten(1))
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.transform(v[None])[0][0], x[0].flatten())
    torch.testing.assert_close(log_det[0], torch.linalg.slogdet(jacobian).logabsdet)
    torch.testing.assert_close(flow.decode(flow.encode(x)), x)
    log_prob = flow.log_prob(x)
    torch.testing.assert_close(log_prob.value, torch.distributions.Normal(0, 1).log_prob(z).sum(1) + log_det)
    assert (log_prob.estimator, log_prob.is_bound) == ("exact", False)
    flow.loss(x).mean().backward()
    for name, parameter in flow.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@every_flow
def test_a_run_shows_it_plain_logits_and_it_gets_the_width_of_the_budget(cls: type[RealNVPConv]) -> None:
    name = {RealNVPConv: "realnvp_conv", Glow: "glow"}[cls]
    config = compose([f"model={name}", "model.dequantisation=variational", "data=digits", "budget.parameters=50000"])
    data = build.dataset(config).as_asked(*cls.picture_form(config.model))
    assert (data.standardise, data.spec.alpha) == ("none", config.data["alpha"])
    entry = build.entry(config, data.spec)
    assert (entry.own_shape, entry.standardise, entry.compiles()) == (True, "none", "no")
    assert sum(p.numel() for p in entry.parameters()) == pytest.approx(50_000, rel=0.02)
    usual = compose([f"model={name}", "data=digits"])
    assert cls.picture_form(usual.model) == (True, "image")


def test_one_width_is_shared_by_the_couplings_of_both() -> None:
    channels = [
        [net.first.out_channels for net in small(RealNVPConv, PLAIN, how).modules() if isinstance(net, GatedConvNet)]
        for how in ("uniform", "variational")
    ]
    assert channels == [[12] * 4, [6] * 8]


def test_mistakes_are_named() -> None:
    with pytest.raises(BenchError, match="did you mean variational"):
        small(RealNVPConv, dequantisation="variatonal")
    for data in (DataSpec(SHAPE, image_shape=SHAPE), DataSpec(SHAPE, "discrete", 17, image_shape=SHAPE)):
        with pytest.raises(NotApplicable, match=r"model\.dequantisation=variational is for grey levels"):
            small(RealNVPConv, data)
