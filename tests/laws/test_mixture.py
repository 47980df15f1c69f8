import math

import numpy as np
import torch
from sklearn import mixture

from bench.laws.mixture import GaussianMixture

LAW = GaussianMixture(
    torch.tensor([0.5, 0.2, 0.3]),
    torch.tensor([[0.0, 0.0], [4.0, 1.0], [-3.0, 2.0]]),
    torch.tensor([[[1.0, 0.0], [0.5, 0.3]], [[0.2, 0.0], [0.0, 0.7]], [[2.0, 0.0], [-1.0, 0.5]]]),
)


def test_densities_and_responsibilities_are_those_of_scikit_learn() -> None:
    law = GaussianMixture(LAW.weights.double(), LAW.means.double(), LAW.triangles.double())
    theirs = mixture.GaussianMixture(3)
    theirs.weights_, theirs.means_ = law.weights.numpy(), law.means.numpy()
    theirs.precisions_cholesky_ = np.linalg.inv(law.triangles.numpy()).transpose(0, 2, 1)
    x = torch.randn(50, 2, dtype=torch.double) * 4
    torch.testing.assert_close(law.log_prob(x), torch.from_numpy(theirs.score_samples(x.numpy())))
    shares = torch.softmax(law.by_component(x), 0).T
    torch.testing.assert_close(shares, torch.from_numpy(theirs.predict_proba(x.numpy())))


def test_draws_have_the_mixtures_moments() -> None:
    draws = LAW.sample(100_000)
    mean = LAW.weights @ LAW.means
    spread = LAW.triangles @ LAW.triangles.mT + (LAW.means - mean)[:, :, None] * (LAW.means - mean)[:, None]
    covariance = (LAW.weights[:, None, None] * spread).sum(0)
    # Deviations of up to 3.1 and 1.4: five standard errors of means are 0.05, of covariances some 2 %.
    torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=0.05)
    torch.testing.assert_close(draws.T.cov(), covariance, rtol=0.03, atol=0.05)
    near = ((draws - LAW.means[1]).abs() < torch.tensor([1.0, 3.5])).all(1).float().mean()
    # The second component, five deviations each way, and what the others have there: less than 1 %.
    assert math.isclose(near, 0.2, abs_tol=0.015)
