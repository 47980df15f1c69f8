from typing import Any

import pytest
import torch

from bench.errors import BenchError
from bench.models.vae_flowprior import FlowPriorVAE
from bench.spec import DataSpec
from tests.models.helpers import (
    assert_bounds_tighten,
    assert_prior_draws_follow_its_density,
    assert_weights_average_to_the_marginal,
    example,
    perturbed,
    widened,
)

CONTINUOUS = DataSpec((4,))
BINARY = DataSpec((2, 3), kind="binary")
KINDS = pytest.mark.parametrize("data", [CONTINUOUS, BINARY], ids=["gaussian", "bernoulli"])


def model(data: DataSpec = CONTINUOUS, latent_size: int = 2, **options: Any) -> FlowPriorVAE:
    entry = perturbed(FlowPriorVAE(data, width=60, latent_size=latent_size, **options), 0.05)
    widened(entry)
    return entry


@pytest.mark.parametrize("flow_layers", [1, 4])
def test_prior_draws_follow_the_density(flow_layers: int) -> None:
    assert_prior_draws_follow_its_density(model(flow_layers=flow_layers))


def test_the_prior_has_the_jacobian_of_the_flow() -> None:
    entry, z = model(latent_size=3).double(), torch.randn(5, 3, dtype=torch.double)
    jacobian = torch.stack([torch.autograd.functional.jacobian(entry.prior.encode, row[None])[0, :, 0] for row in z])
    base = torch.distributions.Normal(0, 1).log_prob(entry.prior.encode(z)).sum(1)
    expected = base + torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(entry.log_prior(z), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(entry.log_prior(z.expand(2, 5, 3)), expected.expand(2, 5), rtol=0, atol=1e-9)


@KINDS
def test_weights_average_to_the_density_by_quadrature(data: DataSpec) -> None:
    assert_weights_average_to_the_marginal(model(data), example(data, 10))


@KINDS
def test_bounds_tighten_with_samples(data: DataSpec) -> None:
    assert_bounds_tighten(model(data, 3), example(data, 300))


def test_units_are_shared_in_proportion() -> None:
    """Five layers of encoder and decoder, two for each of three couplings: eleven layers of ten units."""
    entry = FlowPriorVAE(CONTINUOUS, width=110, latent_size=2, flow_layers=3)
    assert entry.encoder.trunk.outputs == 10
    assert entry.prior.transform._transforms[1].transform_net.first.out_features == 10


@pytest.mark.parametrize("option", [{"flow_layers": 0}, {"shape": []}, {"latent_size": 1}, {"latent_size": 0}], ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        FlowPriorVAE(CONTINUOUS, **{"width": 8, **option})
