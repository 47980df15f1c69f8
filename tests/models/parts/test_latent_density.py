import math

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde

from bench.errors import BenchError, Diverged
from bench.models.parts import latent_density
from bench.models.parts.latent_density import FlowDensity, KernelDensity, MixtureDensity, moments
from tests.models.helpers import perturbed

CODES = torch.randn(800, 2, generator=torch.Generator().manual_seed(7)) @ torch.tensor([[1.0, 0.4], [0.0, 0.5]])
CLUSTERS = torch.cat([CODES[:400] + 2, CODES[400:] * 0.7 - 3])
STEP = 0.15
GRID = torch.cartesian_prod(*[torch.arange(-9.0, 9.0, STEP)] * 2)


def densities() -> dict[str, MixtureDensity | KernelDensity | FlowDensity]:
    return {
        "gaussian": MixtureDensity(2, 1),
        "mixture": MixtureDensity(2, 3),
        "kde": KernelDensity(2),
        "flow": perturbed(FlowDensity(2, 16, 2), 0.1),
    }


def on_grid(density: MixtureDensity | KernelDensity | FlowDensity) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([density.log_prob(part) for part in GRID.split(4_000)])


NAMES = list(densities())


@pytest.mark.parametrize("name", NAMES)
def test_a_fitted_density_integrates_to_one(name: str) -> None:
    density = densities()[name]
    density.fit(CLUSTERS)
    # The narrowest Gaussian is some 0.3 wide, two steps: the sum is exact to rounding and far tails.
    assert float(on_grid(density).exp().sum() * STEP**2) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_draws_follow_the_density(name: str) -> None:
    """The entropy as a mean over draws, E[-log p], and as a sum over a grid."""
    density = densities()[name]
    density.fit(CLUSTERS)
    log_prob = on_grid(density)
    entropy = -(log_prob.exp() * log_prob).sum() * STEP**2
    with torch.no_grad():
        surprise = -density.log_prob(density.sample(10_000))
    assert abs(surprise.mean() - entropy) < 5 * surprise.std() / 100 + 0.005


@pytest.mark.parametrize("name", ["gaussian", "mixture", "kde"])
def test_before_it_is_fitted_a_density_is_the_standard_normal(name: str) -> None:
    z = torch.randn(20, 2)
    standard = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    torch.testing.assert_close(densities()[name].log_prob(z), standard.log_prob(z))


def test_one_gaussian_has_the_moments_of_the_codes() -> None:
    density, z = MixtureDensity(2, 1), torch.randn(20, 2) * 3
    density.fit(CODES)
    law = torch.distributions.MultivariateNormal(CODES.mean(0), CODES.T.cov(correction=0))
    # A ridge of 1e-6 of the mean variance, and float32.
    torch.testing.assert_close(density.log_prob(z), law.log_prob(z), rtol=1e-3, atol=1e-3)


def test_a_mixture_finds_separate_clusters() -> None:
    density = MixtureDensity(2, 2)
    density.fit(CLUSTERS)
    torch.testing.assert_close(density.weights, torch.full((2,), 0.5), rtol=0, atol=0.01)
    means, triangles = (part[density.means[:, 0].argsort()] for part in (density.means, density.triangles))
    halves = CLUSTERS[400:], CLUSTERS[:400]
    torch.testing.assert_close(means, torch.stack([half.mean(0) for half in halves]), rtol=0, atol=0.05)
    covariances = torch.stack([half.T.cov(correction=0) for half in halves])
    torch.testing.assert_close(triangles @ triangles.mT, covariances, rtol=0.05, atol=0.02)
    draws = density.sample(40_000)
    # The clusters' distance of some 7 makes a deviation of 2.6: the mean of 40,000 draws is known to 0.013.
    torch.testing.assert_close(draws.mean(0), CLUSTERS.mean(0), rtol=0, atol=0.07)
    torch.testing.assert_close(draws.T.cov(), CLUSTERS.T.cov(), rtol=0.03, atol=0.05)


def test_kernels_are_scipys_with_scotts_rule() -> None:
    density, z = KernelDensity(2), CLUSTERS[:50] + 0.3
    density.fit(CLUSTERS)
    theirs = gaussian_kde(CLUSTERS.numpy().astype(np.float64).T, bw_method="scott").logpdf(z.numpy().T)
    # Theirs divides the covariance by n - 1 = 799 and not 800: 0.1 % of a quadratic form of some nats.
    torch.testing.assert_close(density.log_prob(z), torch.from_numpy(theirs).float(), rtol=0, atol=0.01)


def test_no_more_codes_carry_a_kernel_than_the_buffer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_density, "KERNELS", 100)
    few, first = KernelDensity(2), KernelDensity(2)
    few.fit(CODES)
    first.fit(CODES[:100])
    assert torch.equal(few.centres, first.centres)
    assert torch.equal(few.triangle, first.triangle)


@pytest.mark.parametrize("name", NAMES)
def test_a_density_has_a_gradient_in_the_code(name: str) -> None:
    density = densities()[name].double()
    density.fit(CLUSTERS.double())
    z = CLUSTERS[::200].double() + 0.1
    assert torch.autograd.gradcheck(density.log_prob, z.requires_grad_())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_fitted_is_loaded(name: str) -> None:
    fitted, fresh = densities()[name], densities()[name]
    fitted.fit(CLUSTERS)
    fresh.load_state_dict(fitted.state_dict())
    z = torch.randn(9, 2)
    assert torch.equal(fitted.log_prob(z), fresh.log_prob(z))


@pytest.mark.parametrize("codes", [torch.ones(30, 2), torch.full((30, 2), math.nan)], ids=["same", "nan"])
def test_codes_without_a_spread_have_no_density(codes: torch.Tensor) -> None:
    with pytest.raises(Diverged, match="mean variance"):
        MixtureDensity(2, 3).fit(codes)


def test_flat_codes_have_one_all_the_same() -> None:
    """Codes on a line: the ridge is all that their covariance has across."""
    mean, triangle = moments(torch.randn(50, 1) @ torch.ones(1, 3))
    assert mean.isfinite().all()
    assert (triangle.diagonal() > 0).all()


def test_more_components_than_codes_are_refused() -> None:
    with pytest.raises(BenchError, match="components=3"):
        MixtureDensity(2, 3).fit(torch.randn(2, 2))


def test_sizes_that_make_no_density_are_refused() -> None:
    with pytest.raises(BenchError, match="components=0"):
        MixtureDensity(2, 0)
    with pytest.raises(BenchError, match="latent_size=1"):
        FlowDensity(1, 8, 2)
