import math

import torch
from scipy import stats

from bench.laws.kernels import GaussianKernels, squared_distances


def law(k: int = 40, d: int = 3) -> GaussianKernels:
    triangle = torch.eye(d).double() + 0.3 * torch.rand(d, d).double().tril()
    return GaussianKernels(torch.randn(k, d).double(), torch.log_softmax(torch.randn(k).double(), 0), triangle)


def test_log_density_is_that_of_the_weighted_gaussians() -> None:
    kernels, x = law(), torch.randn(20, 3).double()
    covariance = kernels.triangle @ kernels.triangle.T
    each = torch.stack([torch.distributions.MultivariateNormal(c, covariance).log_prob(x) for c in kernels.centres])
    torch.testing.assert_close(kernels.log_prob(x), torch.logsumexp(each + kernels.log_weights[:, None], 0))


def test_a_place_without_weight_counts_nothing() -> None:
    kernels, x = law(5), torch.randn(7, 3).double()
    weights = torch.cat([kernels.log_weights, torch.tensor([-math.inf]).double()])
    more = GaussianKernels(torch.cat([kernels.centres, torch.ones(1, 3).double()]), weights, kernels.triangle)
    torch.testing.assert_close(more.log_prob(x), kernels.log_prob(x))


def test_draws_have_the_moments_of_the_kernels() -> None:
    kernels = law(4)
    x = kernels.sample(40_000)
    weights = torch.exp(kernels.log_weights)
    mean = weights @ kernels.centres
    away = kernels.centres - mean
    covariance = kernels.triangle @ kernels.triangle.T + away.T @ (weights[:, None] * away)
    # Five standard errors of a mean, and of a product of two coordinates whose fourth moments are near a Gaussian's.
    assert stats.chi2.sf(40_000 * (x.mean(0) - mean) @ torch.linalg.solve(covariance, x.mean(0) - mean), 3) > 1e-5
    torch.testing.assert_close(torch.cov(x.T), covariance, rtol=0, atol=float(5 * 2 * covariance.max() / 200))


def test_squared_distances_are_those_of_each_pair() -> None:
    x, c = torch.randn(6, 4).double(), torch.randn(9, 4).double()
    torch.testing.assert_close(squared_distances(x, c), (x[:, None] - c).square().sum(2))
