import pytest
import torch

from bench.errors import BenchError
from bench.models.networks import BernoulliDecoder, GaussianDecoder, gaussian_log_prob, mlp, soft_clamp, spread
from tests.models.helpers import perturbed


@pytest.mark.parametrize("width", [3, 16, 17, 18, 19, 100])
def test_spread_gives_out_every_unit_evenly(width: int) -> None:
    sizes = spread(width, 3)
    assert sum(sizes) == width
    assert max(sizes) - min(sizes) <= 1


def test_spread_leaves_no_layer_empty() -> None:
    assert min(spread(1, 4)) == 1


def test_no_width_is_refused() -> None:
    with pytest.raises(BenchError, match="width=0"):
        spread(0, 2)


@pytest.mark.parametrize("gain", [0.01, 1.0])
def test_a_new_perceptron_keeps_the_scale_of_its_input(gain: float) -> None:
    outputs = mlp([20, 400, 400, 400], gain)(torch.randn(200, 20))
    # Random layers of 400 units keep the standard deviation to a few per cent each.
    assert 0.8 * gain < outputs.std() < 1.2 * gain


def test_soft_clamp_is_bounded_and_the_identity_near_zero() -> None:
    x = torch.tensor([-1e6, -0.01, 0.0, 0.01, 1e6])
    torch.testing.assert_close(soft_clamp(x, 5.0), torch.tensor([-5.0, -0.01, 0.0, 0.01, 5.0]), rtol=1e-5, atol=0)


def test_gaussian_log_prob() -> None:
    x, mean, log_scale = torch.randn(3, 7, 4).unbind()
    law = torch.distributions.Independent(torch.distributions.Normal(mean, log_scale.exp()), 1)
    torch.testing.assert_close(gaussian_log_prob(x, mean, log_scale), law.log_prob(x))


def test_gaussian_decoder_scores_x_under_what_it_predicts() -> None:
    decoder = perturbed(GaussianDecoder(2, [8, 6, 5], 3))
    x, z = torch.randn(4, 3), torch.randn(10, 4, 2)
    mean, log_scale = decoder(z)
    law = torch.distributions.Independent(torch.distributions.Normal(mean, log_scale.exp()), 1)
    torch.testing.assert_close(decoder.log_prob(x, z), law.log_prob(x))


def test_gaussian_decoder_draws_what_it_predicts() -> None:
    decoder = perturbed(GaussianDecoder(2, [8, 6, 5], 3))
    z = torch.randn(1, 2)
    mean, log_scale = decoder(z)
    x = decoder.sample(z.expand(40_000, 2))
    # Five standard errors of a mean and of a standard deviation over 40,000 draws.
    assert ((x.mean(0) - mean[0]).abs() < 5 * log_scale[0].exp() / 200).all()
    assert ((x.std(0).log() - log_scale[0]).abs() < 5 / 280).all()


def test_bernoulli_decoder_is_a_bernoulli_law() -> None:
    decoder = perturbed(BernoulliDecoder(2, [8, 6], 3))
    x, z = torch.randint(0, 2, (4, 3)).float(), torch.randn(10, 4, 2)
    law = torch.distributions.Independent(torch.distributions.Bernoulli(probs=decoder.mean(z)), 1)
    torch.testing.assert_close(decoder.log_prob(x, z), law.log_prob(x.expand(10, 4, 3)), rtol=1e-4, atol=1e-5)
