import math

import pytest
import torch

from bench.errors import Diverged
from bench.models.gaussian import Gaussian, packed, unpacked
from bench.spec import DataSpec

TRUTH = torch.distributions.MultivariateNormal(
    torch.tensor([1.0, -2.0, 0.5]), torch.tensor([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
)


def fitted(x: torch.Tensor) -> Gaussian:
    entry = Gaussian(DataSpec(tuple(x.shape[1:])), width=1)
    entry.finish(x)
    return entry.eval()


def test_the_nll_of_its_own_examples_is_the_closed_form() -> None:
    """½ (log |2π S| + d) with S the examples' covariance: the least that any Gaussian has on them."""
    x = TRUTH.sample((500,))
    least = 0.5 * (torch.logdet(2 * math.pi * x.T.cov(correction=0)) + 3)
    # The ridge of 1e-6 of the mean variance costs less than float32's rounding.
    torch.testing.assert_close(fitted(x).loss(x).mean(), least, rtol=1e-5, atol=0)


def test_the_nll_of_new_examples_comes_to_the_entropy_of_the_truth() -> None:
    entry, x = fitted(TRUTH.sample((20_000,))), TRUTH.sample((20_000,))
    # Nine numbers fitted to 20,000 examples cost 9 / 40,000 nats; the mean's own error is √(3/2 / 20,000) = 0.009.
    torch.testing.assert_close(entry.loss(x).mean(), TRUTH.entropy(), rtol=0, atol=0.04)
    # Against the truth on the same examples that error falls out.
    torch.testing.assert_close(entry.loss(x).mean(), -TRUTH.log_prob(x).mean(), rtol=0, atol=0.002)


def test_log_density_inverse_and_jacobian_are_exact() -> None:
    x = TRUTH.sample((30,)).double()
    entry = Gaussian(DataSpec((3,)), width=1).double()
    entry.finish(x)
    law = torch.distributions.MultivariateNormal(x.mean(0), x.T.cov(correction=0))
    # The ridge, 1e-6 of the mean variance, is felt to as much in a quadratic form of some nats.
    torch.testing.assert_close(entry.log_prob(x).value, law.log_prob(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(entry.decode(entry.encode(x)), x)
    jacobian = torch.autograd.functional.jacobian(lambda v: entry.encode(v[None])[0], x[0])
    log_det = entry.transform(x[:1])[1][0]
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobian).logabsdet)


def test_events_of_any_shape_are_laid_flat() -> None:
    x = TRUTH.sample((100, 2))
    entry = fitted(x)
    assert entry.sample(4).shape == (4, 2, 3)
    torch.testing.assert_close(entry.log_prob(x).value, fitted(x.flatten(1)).log_prob(x.flatten(1)).value)


def test_more_coordinates_than_examples_have_a_density_all_the_same() -> None:
    x = torch.randn(5, 20)
    assert fitted(x).log_prob(torch.randn(3, 20)).value.isfinite().all()


def test_examples_without_a_spread_have_none() -> None:
    with pytest.raises(Diverged, match="mean variance"):
        fitted(torch.ones(10, 3))


def test_what_is_fitted_counts_as_parameters_whatever_the_width() -> None:
    counts = {sum(p.numel() for p in Gaussian(DataSpec((5,)), width=width).parameters()) for width in (1, 64)}
    assert counts == {5 + 15}


def test_triangles_are_packed_and_unpacked() -> None:
    triangles = torch.randn(2, 4, 4).tril()
    assert packed(triangles).shape == (2, 10)
    assert torch.equal(unpacked(packed(triangles), 4), triangles)
