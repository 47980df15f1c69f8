import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.parts.importance import iwae
from bench.models.vae import VAE
from bench.spec import DataSpec, Kind
from tests.models.helpers import perturbed

CONTINUOUS = DataSpec((4,))
BINARY = DataSpec((2, 3), kind="binary")


def vae(data: DataSpec = CONTINUOUS, **options: Any) -> VAE:
    return perturbed(VAE(data, width=40, latent_size=3, **options))


def example(data: DataSpec, n: int) -> torch.Tensor:
    noise = torch.randn(n, *data.event_shape)
    return (noise > 0).float() if data.kind == "binary" else noise


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
@pytest.mark.parametrize("data", [CONTINUOUS, BINARY], ids=["gaussian", "bernoulli"])
def test_loss_is_minus_the_mean_log_weight(data: DataSpec, posterior: str) -> None:
    """The analytic KL divergence against Monte Carlo: both average to the ELBO of one example."""
    model, x, draws = vae(data, posterior=posterior), example(data, 1), 40_000
    with torch.no_grad():
        loss = model.loss(x.expand(draws, *data.event_shape))
        log_weights = model.log_weights(x, draws)[:, 0]
    error = ((loss.var() + log_weights.var()) / draws).sqrt()
    assert (loss.mean() + log_weights.mean()).abs() < 5 * error


@pytest.mark.parametrize("data", [CONTINUOUS, BINARY], ids=["gaussian", "bernoulli"])
def test_bounds_tighten_with_samples(data: DataSpec) -> None:
    model, x = vae(data), example(data, 500)
    with torch.no_grad():
        elbo = -model.loss(x).mean()
        ten, hundred = (iwae(model.log_weights(x, samples)).value.mean() for samples in (10, 100))
    assert elbo < ten < hundred


def test_log_weights_average_to_the_density_by_quadrature() -> None:
    """p(x) = ∫ p(x | z) p(z) dz on a grid, for a latent of one coordinate."""
    model = perturbed(VAE(CONTINUOUS, width=40, latent_size=1), 0.1)
    with torch.no_grad():
        # Scales near 1, posterior included: the weights then have a variance.
        model.encoder.scale_head.linear.bias += 2.0
        model.decoder.scale_head.linear.bias += 2.0
    x, z = torch.randn(20, 4), torch.linspace(-8, 8, 2001)[:, None, None]
    with torch.no_grad():
        prior = torch.distributions.Normal(0, 1).log_prob(z[..., 0])
        log_density = (
            torch.logsumexp(model.decoder.log_prob(x, z.expand(2001, 20, 1)) + prior, 0) + torch.tensor(16 / 2000).log()
        )
        result = iwae(model.log_weights(x, 4000))
    assert result.standard_error is not None
    # Twenty nearly standard normal errors.
    assert ((result.value - log_density) / result.standard_error).abs().max() < 4.5


def test_samples_have_the_models_mean_and_variance() -> None:
    """Law of total variance: the noise of p(x | z) is part of a sample."""
    model, n = vae(), 60_000
    with torch.no_grad():
        mean, log_scale = model.decoder(torch.randn(n, 3))
        samples = model.sample(n)
    expected = mean.var(0) + log_scale.exp().square().mean(0)
    # Relative error of a variance is sqrt(2 / n) = 0.6 % for a Gaussian; its tails here are a little heavier.
    torch.testing.assert_close(samples.var(0), expected, rtol=0.05, atol=0)
    assert ((samples.mean(0) - mean.mean(0)).abs() < 7 * (expected / n).sqrt()).all()


def test_binary_data() -> None:
    model = vae(BINARY)
    samples = model.sample(500)
    assert samples.shape == (500, 2, 3)
    assert set(samples.unique().tolist()) == {0.0, 1.0}
    probabilities = model.decode(torch.randn(9, 3))
    assert probabilities.min() > 0
    assert probabilities.max() < 1


def test_encode_is_the_posterior_mean() -> None:
    model, x = vae(), torch.randn(6, 4)
    assert torch.equal(model.encode(x), model.encode(x))
    assert torch.equal(model.encode(x), model.encoder(x).mean)


@pytest.mark.parametrize("kind", ["continuous", "discrete", "binary"])
def test_every_kind_is_modelled(kind: Kind) -> None:
    assert kind in VAE.kinds


BAD: list[dict[str, Any]] = [
    {"latent_size": 0},
    {"width": 0},
    {"shape": [1, 0]},
    {"shape": []},
    {"activation": "tahn"},
    {"posterior": "fulll"},
    {"samples": 0},
    {"beta": -1.0},
    {"beta": math.inf},
    {"beta": math.nan},
    {"free_bits": math.inf},
    {"free_bits": -0.1},
    {"kl_warmup": 1.5},
]


@pytest.mark.parametrize("option", BAD, ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        VAE(CONTINUOUS, **{"width": 8, **option})


def test_more_draws_an_example_give_the_same_loss_with_less_noise() -> None:
    """Sixteen draws: a sixteenth of the variance of the part that is drawn."""
    one, many = vae(), vae(samples=16)
    many.load_state_dict(one.state_dict())
    x = example(CONTINUOUS, 1).expand(4000, 4)
    with torch.no_grad():
        noisy, calm = one.loss(x), many.loss(x)
    assert (noisy.mean() - calm.mean()).abs() < 5 * ((noisy.var() + calm.var()) / 4000).sqrt()
    # The ratio of two sample variances of 4,000 heavy-tailed draws is known to some 10 %.
    assert 11 < noisy.var() / calm.var() < 23


def test_beta_weighs_the_divergence() -> None:
    plain, weighted = vae(), vae(beta=3.0)
    weighted.load_state_dict(plain.state_dict())
    x = example(CONTINUOUS, 6)
    kl = plain.posterior(x).kl()
    losses = []
    for model in (plain, weighted):
        torch.manual_seed(0)
        losses.append(model.loss(x))
    torch.testing.assert_close(losses[1] - losses[0], 2 * kl, rtol=0, atol=1e-3)


def test_free_bits_cost_each_coordinate_at_least_so_much() -> None:
    plain, free = vae(), vae(free_bits=2.0)
    free.load_state_dict(plain.state_dict())
    x = example(CONTINUOUS, 6)
    by_coordinate = plain.posterior(x).kl_by_coordinate()
    assert 0 < (by_coordinate < 2).sum() < by_coordinate.numel()
    losses = []
    for model in (plain, free):
        torch.manual_seed(0)
        losses.append(model.loss(x))
    torch.testing.assert_close(losses[1] - losses[0], (2 - by_coordinate).clamp(min=0).sum(1), rtol=0, atol=1e-3)


def test_the_divergence_is_warmed_up_in_training_and_whole_elsewhere() -> None:
    model = vae(beta=2.0, kl_warmup=0.5)
    weights = []
    loss = model.loss

    def watched(x: Tensor, context: Tensor | None = None) -> Tensor:
        weights.append(model.kl_weight)
        return loss(x, context)

    model.loss = watched  # type: ignore[method-assign]
    trainer = model.trainer(Optimiser())
    for progress in (0.0, 0.25, 0.5, 0.9):
        trainer.step(example(CONTINUOUS, 8), progress)
        assert model.kl_weight == 2.0
    assert weights == [0.0, 1.0, 2.0, 2.0]
