"""Both laws against torch's multivariate normal."""

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from bench.laws.gaussian import DiagonalGaussian, FullGaussian

Law = DiagonalGaussian | FullGaussian


def laws() -> dict[str, tuple[Law, MultivariateNormal]]:
    torch.manual_seed(0)
    mean, log_scale = torch.randn(2, 5, 3).double()
    triangle = torch.randn(5, 3, 3).double().tril(-1) + torch.diag_embed(log_scale.exp())
    return {
        "diagonal": (
            DiagonalGaussian(mean, log_scale),
            MultivariateNormal(mean, torch.diag_embed((2 * log_scale).exp())),
        ),
        "full": (FullGaussian(mean, triangle), MultivariateNormal(mean, scale_tril=triangle)),
    }


every_law = pytest.mark.parametrize("name", ["diagonal", "full"])


@every_law
def test_density_and_divergence(name: str) -> None:
    law, reference = laws()[name]
    z = torch.randn(7, 5, 3).double()
    torch.testing.assert_close(law.log_prob(z), reference.log_prob(z))
    standard = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    torch.testing.assert_close(law.kl(), kl_divergence(reference, standard))
    torch.testing.assert_close(law.kl(), law.kl_by_coordinate().sum(1))


@every_law
def test_draws_come_with_their_own_density_and_have_the_covariance(name: str) -> None:
    law, reference = laws()[name]
    z, log_q = law.draw(40_000)
    torch.testing.assert_close(log_q, reference.log_prob(z))
    for i in range(5):
        # The relative error of a covariance of 40,000 draws is sqrt(2 / 40,000) = 0.7 %; five of them.
        scale = float(reference.covariance_matrix[i].abs().max())
        torch.testing.assert_close(z[:, i].T.cov(), reference.covariance_matrix[i], rtol=0, atol=0.04 * scale)


def test_no_gradient_reaches_a_detached_law() -> None:
    law, _ = laws()["diagonal"]
    assert isinstance(law, DiagonalGaussian)
    law.mean.requires_grad_()
    assert law.log_prob(torch.zeros(1, 5, 3).double()).requires_grad
    assert not law.detached().log_prob(torch.zeros(1, 5, 3).double()).requires_grad
