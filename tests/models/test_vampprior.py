from typing import Any

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from bench.errors import BenchError
from bench.laws.gaussian import DiagonalGaussian
from bench.models import vampprior
from bench.models.parts.coders import LOG_SCALE_BOUND
from bench.models.vampprior import VampPrior, mixture_log_prob
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
FACTORED = pytest.mark.parametrize("pseudo_inputs", ["free", "factored"])


def vamp(data: DataSpec = CONTINUOUS, latent_size: int = 2, **options: Any) -> VampPrior:
    model = perturbed(VampPrior(data, width=40, latent_size=latent_size, components=6, **options), 0.1)
    widened(model)
    return model


def mixture(law: DiagonalGaussian) -> MixtureSameFamily:
    weights = Categorical(logits=torch.zeros(len(law.mean), dtype=law.mean.dtype))
    return MixtureSameFamily(weights, Independent(Normal(law.mean, law.log_scale.exp()), 1))


def test_the_prior_is_the_mean_of_posteriors_at_pseudo_inputs() -> None:
    model, z = vamp().double(), torch.randn(7, 5, 2, dtype=torch.double)
    expected = mixture(model.posterior(model.pseudo_inputs().reshape(6, 4))).log_prob(z)
    torch.testing.assert_close(model.log_prior(z), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("log_scale", [-4.0, -LOG_SCALE_BOUND])
@pytest.mark.parametrize("latent_size", [8, 40])
def test_the_expanded_square_is_accurate_far_from_the_origin(latent_size: int, log_scale: float) -> None:
    """Against a sum over components in float64 without expansion, of the same float32 z and laws."""
    shape = (500, latent_size)
    law = DiagonalGaussian(100 + torch.randn(shape), torch.full(shape, log_scale))
    z = law.draw(1)[0][0, ::5]
    exact = mixture(DiagonalGaussian(law.mean.double(), law.log_scale.double())).log_prob(z.double())
    found = mixture_log_prob(z, law)
    assert found.dtype == torch.float32
    # Half a unit in the last place of a float32 between 128 and 256 is 8e-6, and logsumexp rounds a few times.
    assert (found - exact).abs().max() < 5e-5


def test_rows_in_chunks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, z = vamp(), torch.randn(3, 5, 2)
    whole = model.log_prior(z)
    monkeypatch.setattr(vampprior, "CHUNK_ELEMENTS", 13)
    torch.testing.assert_close(model.log_prior(z), whole)


def test_the_prior_follows_the_parameters() -> None:
    """Nothing is remembered from one call to the next."""
    model, z = vamp(), torch.randn(5, 2)
    with torch.no_grad():
        before = model.log_prior(z)
        perturbed(model.encoder)
        changed = model.log_prior(z)
        perturbed(model.pseudo_inputs)
        again = model.log_prior(z)
    assert (before - changed).abs().min() > 1e-4
    assert (changed - again).abs().min() > 1e-4


@FACTORED
def test_prior_draws_follow_the_density(pseudo_inputs: str) -> None:
    """Fresh components are narrow and lie apart, so that a missing one shows."""
    model = perturbed(VampPrior(CONTINUOUS, width=40, latent_size=2, components=6, pseudo_inputs=pseudo_inputs), 0.1)  # type: ignore[arg-type]
    law = model.components()
    assert (law.mean.std(0) > 1.5 * law.log_scale.exp().amax(0)).any()
    assert_prior_draws_follow_its_density(model)


@FACTORED
@KINDS
def test_weights_average_to_the_density_by_quadrature(data: DataSpec, pseudo_inputs: str) -> None:
    assert_weights_average_to_the_marginal(vamp(data, 1, pseudo_inputs=pseudo_inputs), example(data, 20))


@KINDS
def test_bounds_tighten_with_samples(data: DataSpec) -> None:
    assert_bounds_tighten(vamp(data), example(data, 300))


@FACTORED
def test_pseudo_inputs_of_bits_lie_between_bits(pseudo_inputs: str) -> None:
    points = perturbed(vamp(BINARY, pseudo_inputs=pseudo_inputs).pseudo_inputs, 0.5)()
    assert points.shape == (6, 6)
    assert 0 < points.min() < points.max() < 1


@pytest.mark.parametrize(("dim", "components", "free"), [(2, 500, True), (64, 50, True), (64, 500, False)])
def test_auto_frees_pseudo_inputs_that_are_few_numbers(dim: int, components: int, free: bool) -> None:
    size = VampPrior(DataSpec((dim,)), width=60, components=components).pseudo_inputs.codes.shape[1]
    assert size == (dim if free else 10)


def test_the_papers_five_hundred_free_pseudo_inputs() -> None:
    model = VampPrior(DataSpec((784,), kind="binary"), width=4, components=500, pseudo_inputs="free")
    assert sum(p.numel() for p in model.pseudo_inputs.parameters()) == 500 * 784


@pytest.mark.parametrize("option", [{"components": 0}, {"pseudo_inputs": "fre"}, {"latent_size": 0}], ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        VampPrior(CONTINUOUS, **{"width": 8, **option})
