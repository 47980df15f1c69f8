"""`LatentEntry` on probabilistic PCA, where posterior and density are known (Tipping & Bishop 1999)."""

import math

import pytest
import torch
from torch import Tensor

from bench.models import latent
from bench.models.latent import LatentEntry
from bench.spec import DataSpec

WEIGHT = torch.tensor([[1.0, 0.2], [-0.4, 0.9], [0.3, 0.3]])
NOISE = 0.5
MARGINAL = torch.distributions.MultivariateNormal(torch.zeros(3), WEIGHT @ WEIGHT.T + NOISE**2 * torch.eye(3))


class PCA(LatentEntry):
    """q(z | x) is the exact posterior, widened by a factor `spread`."""

    spread = 1.0

    def log_weights(self, x: Tensor, samples: int, context: Tensor | None = None) -> Tensor:
        inverse = torch.linalg.inv(WEIGHT.T @ WEIGHT + NOISE**2 * torch.eye(2))
        posterior = torch.distributions.MultivariateNormal(
            x @ WEIGHT @ inverse, self.spread**2 * NOISE**2 * inverse.expand(len(x), 2, 2)
        )
        z = posterior.sample((samples,))
        likelihood = torch.distributions.Normal(z @ WEIGHT.T, NOISE).log_prob(x).sum(-1)
        prior = torch.distributions.Normal(0, 1).log_prob(z).sum(-1)
        return likelihood + prior - posterior.log_prob(z)


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
