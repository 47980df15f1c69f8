"""The oracle against torch's multivariate normal, a Monte Carlo entropy and direct conditioning of the joint law."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from bench.data.linear_gaussian import LinearGaussian, linear_gaussian
from bench.errors import BenchError
from tests.oracle import entropy, posterior


def truth(dim: int = 8, latent: int = 4, noise: float = 0.5) -> LinearGaussian:
    weight = torch.randn(dim, latent, dtype=torch.float64)
    return LinearGaussian(weight, noise)


@pytest.mark.parametrize(("dim", "latent", "noise"), [(8, 4, 0.5), (3, 3, 1e-3), (1, 1, 2.0)])
def test_density_and_entropy_are_those_of_the_marginal(dim: int, latent: int, noise: float) -> None:
    law = truth(dim, latent, noise)
    covariance = law.weight @ law.weight.T + noise**2 * torch.eye(dim)
    reference = MultivariateNormal(torch.zeros(dim).double(), covariance)
    x = reference.sample((64,))
    # Both are float64 Cholesky solves; the condition number reaches about 1e7 at noise 1e-3.
    torch.testing.assert_close(law.log_prob(x), reference.log_prob(x), atol=1e-7, rtol=1e-7)
    assert entropy(law) == pytest.approx(float(reference.entropy()), abs=1e-7)


def test_entropy_is_the_mean_of_the_draws() -> None:
    law = truth()
    x = law.sample(40_000, torch.Generator().manual_seed(1))
    nats = -law.log_prob(x).double()
    # -log p is half a chi-square with dim = 8 degrees of freedom plus a constant: standard deviation 2; five errors.
    assert float(nats.mean()) == pytest.approx(entropy(law), abs=5 * 2 / math.sqrt(40_000))


def test_draws_have_the_covariance() -> None:
    law = truth()
    x = law.sample(200_000, torch.Generator().manual_seed(2)).double()
    covariance = law.weight @ law.weight.T + 0.25 * torch.eye(8)
    variance = covariance.diagonal()
    # Var of an empirical covariance entry is (S_ij^2 + S_ii S_jj) / n; five standard errors for each of 64 entries.
    error = ((covariance.square() + variance[:, None] * variance) / 200_000).sqrt()
    assert ((x.T @ x / 200_000 - covariance).abs() < 5 * error).all()


def test_posterior_is_the_conditioned_joint_law() -> None:
    law = truth()
    x = torch.randn(5, 8, dtype=torch.float64)
    mean, covariance = posterior(law, x)
    gain = law.weight.T @ torch.linalg.inv(law.weight @ law.weight.T + 0.25 * torch.eye(8))
    # Two float64 routes to one answer (Woodbury).
    torch.testing.assert_close(mean, x @ gain.T, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(covariance, torch.eye(4).double() - gain @ law.weight, atol=1e-10, rtol=1e-10)


def test_bayes_rule_holds() -> None:
    law = truth()
    x, z = torch.randn(1, 8, dtype=torch.float64), torch.randn(1, 4, dtype=torch.float64)
    mean, covariance = posterior(law, x)
    prior = MultivariateNormal(torch.zeros(4).double(), torch.eye(4).double()).log_prob(z)
    likelihood = MultivariateNormal(z @ law.weight.T, 0.25 * torch.eye(8).double()).log_prob(x)
    log_posterior = MultivariateNormal(mean, covariance).log_prob(z)
    torch.testing.assert_close(prior + likelihood - log_posterior, law.log_prob(x), atol=1e-9, rtol=1e-9)


def test_float32_in_float32_out() -> None:
    law = truth()
    x = torch.randn(6, 8)
    mean, covariance = posterior(law, x)
    assert {law.log_prob(x).dtype, mean.dtype, covariance.dtype} == {torch.float32}
    torch.testing.assert_close(law.log_prob(x), law.log_prob(x.double()).float())


def test_data_set_follows_its_truth() -> None:
    data = linear_gaussian("linear_gaussian", dim=6, latent=2, noise=0.3, train=30, validation=10, test=20_000, seed=5)
    assert (data.train.shape, data.validation.shape, data.test.shape) == ((30, 6), (10, 6), (20_000, 6))
    assert data.spec.event_shape == (6,)
    assert isinstance(data.truth, LinearGaussian)
    nats = -data.truth.log_prob(data.test).double()
    # Standard deviation sqrt(6 / 2) of -log p; five standard errors.
    assert float(nats.mean()) == pytest.approx(entropy(data.truth), abs=5 * math.sqrt(3 / 20_000))


def test_seed_and_shape_decide_the_weight() -> None:
    small = {"train": 5, "validation": 5, "test": 5}
    first, again = (linear_gaussian("linear_gaussian", **small, noise=noise) for noise in (0.5, 0.1))
    other = linear_gaussian("linear_gaussian", **small, seed=1)
    weights = [data.truth.weight for data in (first, again, other) if isinstance(data.truth, LinearGaussian)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(first.train, linear_gaussian("linear_gaussian", **small).train)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": 0}, "latent=0 with dim=8"),
        ({"latent": 9}, "latent=9 with dim=8"),
        ({"noise": 0.0}, "noise=0.0 is not a positive number"),
        ({"noise": math.nan}, "noise=nan is not a positive number"),
        ({"test": -1}, "test=-1 is not a positive integer"),
    ],
)
def test_mistakes_are_told_in_one_line(options: dict[str, float], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        linear_gaussian("linear_gaussian", **options)  # type: ignore[arg-type]
