import math

import numpy as np
import pytest
import torch
from sklearn import mixture

from bench.errors import BenchError
from bench.models.gaussian import Gaussian
from bench.models.gmm import GMM, shrunk
from bench.spec import DataSpec

CENTRES = torch.tensor([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])


def clusters(n: int) -> torch.Tensor:
    """Three round clusters of deviation 0.5, six deviations of theirs apart at least."""
    return CENTRES[torch.arange(n) % 3] + 0.5 * torch.randn(n, 2)


def fitted(x: torch.Tensor, width: int = 3, seed: int = 0) -> GMM:
    entry = GMM(DataSpec(tuple(x.shape[1:])), width=width)
    torch.manual_seed(seed)
    entry.finish(x)
    return entry.eval()


def test_log_density_is_scikit_learns_score_samples() -> None:
    entry, x = fitted(clusters(900)), clusters(60)
    law = entry.law
    theirs = mixture.GaussianMixture(3)
    theirs.weights_, theirs.means_ = law.weights.detach().double().numpy(), law.means.detach().double().numpy()
    triangles = law.triangles.detach().double().numpy()
    theirs.precisions_cholesky_ = np.linalg.inv(triangles).transpose(0, 2, 1)
    expected = torch.from_numpy(theirs.score_samples(x.double().numpy())).float()
    with torch.no_grad():
        torch.testing.assert_close(entry.log_prob(x).value, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(entry.loss(x), -entry.log_prob(x).value)


def test_its_fit_is_as_good_as_scikit_learns_on_the_same_examples() -> None:
    x, new = clusters(900), clusters(3000)
    theirs = mixture.GaussianMixture(3, random_state=0).fit(x.double().numpy()).score(new.double().numpy())
    with torch.no_grad():
        ours = fitted(x).log_prob(new).value.mean()
    # Whitening, and four examples of the prior beside 300 of a component, change the fit by hundredths of a nat.
    assert ours == pytest.approx(theirs, abs=0.02)


def test_clusters_are_found_and_the_density_is_theirs() -> None:
    entry = fitted(clusters(3000))
    shares = entry.cluster(clusters(300))
    assert shares.shape == (300, 3)
    torch.testing.assert_close(shares.sum(1), torch.ones(300))
    found = shares.argmax(1)
    assert len({tuple(found[k::3].unique().tolist()) for k in range(3)}) == 3
    truth = math.log(3) + 1 + math.log(2 * math.pi * 0.25)
    with torch.no_grad():
        # Clusters this far apart hardly overlap: entropy log 3 + that of a round Gaussian; 3,000 draws, ± 0.02.
        assert -entry.log_prob(clusters(3000)).value.mean() == pytest.approx(truth, abs=0.08)


def test_one_component_is_the_gaussian() -> None:
    x = clusters(3000)
    entry, gaussian = fitted(x, width=1), Gaussian(DataSpec((2,)), width=1)
    gaussian.finish(x)
    # Up to scikit-learn's 1e-4, added to whitened variances of 1, and what Ledoit & Wolf shrink of 3,000 examples.
    torch.testing.assert_close(entry.log_prob(x).value, gaussian.log_prob(x).value, rtol=1e-3, atol=1e-2)


def test_the_fit_follows_from_the_seed_and_is_loaded() -> None:
    x = clusters(200)
    first, second, other = fitted(x, 8), fitted(x, 8), fitted(x, 8, seed=1)
    fresh = GMM(DataSpec((2,)), width=8)
    fresh.load_state_dict(first.state_dict())
    for entry in (second, fresh):
        assert torch.equal(entry.log_prob(x).value, first.log_prob(x).value)
    assert not torch.equal(other.log_prob(x).value, first.log_prob(x).value)


def test_few_examples_for_many_coordinates_do_not_overfit_without_bound() -> None:
    """Forty examples of 20 coordinates in four components: a component of ten would be flat in half of them."""
    x, new = torch.randn(40, 20), torch.randn(500, 20)
    with torch.no_grad():
        inside, outside = (fitted(x, 4).loss(part).mean() for part in (x, new))
    # The truth has 28.4 nats. The examples' own covariance has a condition of some dozens: one Gaussian is off by ten.
    assert inside < outside < 60


def test_fewer_examples_than_coordinates_keep_a_density_near_one_gaussians() -> None:
    """Whitened by plain moments, a direction without a spread made a new example's NLL millions of nats."""
    x, new = torch.randn(30, 40), torch.randn(200, 40)
    gaussian = Gaussian(DataSpec((40,)), width=1)
    gaussian.finish(x)
    with torch.no_grad():
        mixed, single = fitted(x, 4).loss(new).mean(), gaussian.loss(new).mean()
    # The truth has 56.8 nats; four components of seven examples each may cost as much again.
    assert single < 75
    assert mixed < 2 * single


def test_shrinking_is_towards_the_identity_shared_among_the_components() -> None:
    covariances, examples = torch.rand(2, 3, 3) @ torch.rand(2, 3, 3).mT, torch.tensor([5.0, 1e9])
    few, many = shrunk(covariances, examples)
    torch.testing.assert_close(few, 0.5 * covariances[0] + 0.5 * 2 ** (-2 / 3) * torch.eye(3))
    torch.testing.assert_close(many, covariances[1])


def test_parameters_grow_with_the_number_of_components() -> None:
    counts = [sum(p.numel() for p in GMM(DataSpec((5,)), width=width).parameters()) for width in (1, 2, 7)]
    assert counts == [21, 42, 147]


def test_numbers_of_components_out_of_range_are_refused() -> None:
    with pytest.raises(BenchError, match=r"model\.width=0"):
        GMM(DataSpec((2,)), width=0)
    entry = GMM(DataSpec((2,)), width=30)
    entry.check_training(batch_size=1, finish_examples=30)
    with pytest.raises(BenchError, match=r"model\.width=30: there are 29 examples"):
        entry.check_training(batch_size=64, finish_examples=29)
