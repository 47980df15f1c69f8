"""`LatentEntry` on probabilistic PCA, where posterior and density are known (Tipping & Bishop 1999)."""

import math

import pytest
import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.laws.gaussian import FullGaussian
from bench.models.parts import latent
from bench.models.parts.importance import iwae
from bench.models.parts.latent import LatentEntry
from bench.spec import DataSpec

WEIGHT = torch.tensor([[1.0, 0.2], [-0.4, 0.9], [0.3, 0.3]])
NOISE = 0.5
MARGINAL = torch.distributions.MultivariateNormal(torch.zeros(3), WEIGHT @ WEIGHT.T + NOISE**2 * torch.eye(3))


class Linear(nn.Module):
    """p(x | z) = N(W z, noise² I)."""

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        return torch.distributions.Normal(z @ WEIGHT.T, NOISE).log_prob(x).sum(-1)

    def mean(self, z: Tensor) -> Tensor:
        return z @ WEIGHT.T

    def sample(self, z: Tensor) -> Tensor:
        return self.mean(z) + NOISE * torch.randn(*z.shape[:-1], 3)


class PCA(LatentEntry):
    """q(z | x) is the exact posterior, widened by a factor `spread`."""

    spread = 1.0

    def __init__(self, data: DataSpec, *, width: int) -> None:
        super().__init__(data, width=width, latent_size=2)
        self.decoder = Linear()
        self.unused = nn.Parameter(torch.zeros(()))

    def posterior(self, x: Tensor) -> FullGaussian:
        inverse = torch.linalg.inv(WEIGHT.T @ WEIGHT + NOISE**2 * torch.eye(2))
        triangle = self.spread * NOISE * torch.linalg.cholesky(inverse)
        return FullGaussian(x @ WEIGHT @ inverse, triangle.expand(len(x), 2, 2))


def entry(samples: int, spread: float = 1.0) -> PCA:
    model = PCA(DataSpec((3,)), width=1)
    model.importance_samples, model.spread = samples, spread
    return model


def test_with_the_exact_posterior_the_bound_is_the_density() -> None:
    x = MARGINAL.sample((20,))
    result = entry(10).log_prob(x)
    torch.testing.assert_close(result.value, MARGINAL.log_prob(x), rtol=0, atol=1e-5)
    assert result.standard_error is not None
    assert result.standard_error.max() < 1e-5
    assert (result.estimator, result.is_bound) == ("iwae-10", True)


@pytest.mark.parametrize("elements", [1, 60, 10**6])
def test_chunks_change_neither_the_count_nor_the_law(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent, "CHUNK_ELEMENTS", elements)
    x = MARGINAL.sample((10,))
    result = entry(301, spread=1.5).log_prob(x)
    assert result.estimator == "iwae-301"
    error = (result.value - MARGINAL.log_prob(x)) / result.standard_error
    # Ten nearly standard normal errors: none beyond 4.5, their mean within 4.5 / sqrt(10).
    assert error.abs().max() < 4.5
    assert abs(error.mean()) < 4.5 / math.sqrt(10)


def test_a_thousand_importance_samples_are_drawn() -> None:
    assert PCA(DataSpec((3,)), width=1).log_prob(torch.zeros(2, 3)).estimator == "iwae-1000"


def test_the_elbo_is_the_density_where_the_posterior_is_the_true_one() -> None:
    """Without a gap the loss of one draw is exact, whatever was drawn."""
    x = MARGINAL.sample((20,))
    torch.testing.assert_close(-entry(1).loss(x), MARGINAL.log_prob(x), rtol=0, atol=1e-5)


def test_a_wide_posterior_leaves_a_gap_that_more_samples_close() -> None:
    x = MARGINAL.sample((4000,))
    truth = MARGINAL.log_prob(x).mean()
    model = entry(1, spread=1.5)
    bounds = [iwae(model.log_weights(x, samples)).value.mean() for samples in (1, 10, 100)]
    assert bounds[0] < bounds[1] < bounds[2] < truth
    # KL(q || p) of a Gaussian widened by 1.5 in two dimensions: 1.5² - 1 - 2 ln 1.5 = 0.439 nats.
    assert float(truth - bounds[0]) == pytest.approx(0.439, abs=0.06)


def test_samples_follow_the_marginal() -> None:
    x = entry(1).sample(100_000)
    # A covariance of 100,000 draws has errors of about 0.5 % of its largest entry, 1.3.
    torch.testing.assert_close(x.T.cov(), MARGINAL.covariance_matrix, rtol=0, atol=0.035)


def test_a_latent_size_of_nothing_is_refused_and_null_takes_that_of_x() -> None:
    with pytest.raises(BenchError, match=r"latent_size=0"):
        LatentEntry(DataSpec((3,)), width=1, latent_size=0)
    assert [LatentEntry(DataSpec((dim,)), width=1).latent_size for dim in (3, 64)] == [3, 16]
