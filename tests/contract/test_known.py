"""The laws of testbeds have the densities that they say."""

import pytest
import torch

from bench.contract.known import Bits, Levels, Pairs, WideGaussian


def test_the_wide_gaussian_draws_from_its_covariance():
    law = WideGaussian(8)
    x = law.draw(50_000, 0)
    # A variance has a relative error of sqrt(2 / n) = 0.6 %; some pass 3 many times over.
    torch.testing.assert_close(x.T.cov().double(), law.covariance, atol=0.4, rtol=0.04)
    assert float((x.abs() > 3).float().mean(0).max()) > 0.3


def test_bits_fall_on_the_corners_as_often_as_their_probabilities_say():
    law, n = Bits(4), 50_000
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4)
    chances = law.log_prob(corners).exp()
    assert float(chances.sum()) == pytest.approx(1, abs=1e-9)
    counted = torch.bincount((law.draw(n, 0) @ torch.tensor([8.0, 4, 2, 1])).long(), minlength=16) / n
    # Five binomial standard errors.
    assert bool(((counted - chances).abs() < 5 * (chances / n).sqrt()).all())


@pytest.mark.parametrize("law", [Bits(64), Levels(64), WideGaussian(64)])
def test_draws_follow_from_the_seed_and_have_a_density(law):
    x = law.draw(2_000, 1)
    assert x.shape == (2_000, 64)
    assert bool(law.log_prob(x).isfinite().all())
    assert torch.equal(x, law.draw(2_000, 1))
    assert not torch.equal(x, law.draw(2_000, 2))


def test_levels_sum_to_one_over_the_plane():
    law = Levels(2)
    axes = [torch.linspace(-6, 6, 1201)] * 2
    points = torch.cartesian_prod(*axes)
    inside = ((law.space.to_data(points) > 0) & (law.space.to_data(points) < 1)).all(1)
    total = float(law.log_prob(points[inside]).exp().sum()) * 0.01**2
    # The density jumps at each level's edge, which a grid of 0.01 meets within a hundredth.
    assert total == pytest.approx(1, abs=0.01)


def test_pairs_of_bits_mostly_agree():
    bits = Pairs().draw(20_000, 0)
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    # P(two bits of a pair agree) = 0.85, within five standard errors.
    assert float((bits[:, 0] == bits[:, 1]).float().mean()) == pytest.approx(0.85, abs=0.013)
