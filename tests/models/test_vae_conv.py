"""The convolutional VAE: its law against a lattice, its decoders against torch's, its options."""

from dataclasses import replace

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.parts.levels import GreyLevels
from bench.models.vae_conv import VAEConv
from bench.setup import build
from bench.setup.compose import compose
from bench.spec import DataSpec
from tests.models.helpers import assert_bounds_tighten, assert_weights_average_to_the_marginal, perturbed, widened

SHAPE = (1, 4, 4)
BITS = DataSpec(SHAPE, "binary", image_shape=SHAPE)
LEVELS = DataSpec(SHAPE, "discrete", 17, image_shape=SHAPE)
PLAIN = replace(LEVELS, alpha=0.01)
OF_LEVELS = pytest.mark.parametrize("decoder", ["discretised_logistic", "logistic_mixture"])


def small(data: DataSpec, **options: object) -> VAEConv:
    torch.manual_seed(0)
    return VAEConv(data, width=24, latent_size=2, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [BITS, LEVELS], ids=lambda data: data.kind)
def test_importance_weights_average_to_the_marginal(data: DataSpec) -> None:
    entry = small(data)
    widened(entry)
    if data.kind != "binary":
        with torch.no_grad():
            entry.decoder.net.layers[-1].bias[1::2] += 2.0  # type: ignore[union-attr,index]
    x = torch.rand(20, *SHAPE).round() if data.kind == "binary" else entry.sample(20).detach()
    assert_weights_average_to_the_marginal(entry, x)


@pytest.mark.parametrize("data", [BITS, LEVELS], ids=lambda data: data.kind)
def test_the_decoder_is_the_law_that_it_draws_from(data: DataSpec) -> None:
    entry = perturbed(small(data), 0.1)
    z, x = torch.randn(3, 5, 2), torch.rand(5, *SHAPE).round()
    if data.kind == "binary":
        law = torch.distributions.Bernoulli(logits=entry.decoder(z))  # type: ignore[union-attr,operator]
        mean = law.probs
    else:
        mean, log_scale = entry.decoder(z)  # type: ignore[operator]
        law = torch.distributions.Normal(mean, log_scale.exp())
    torch.testing.assert_close(entry.log_likelihood(x, z), law.log_prob(x.flatten(1)).sum(-1))
    torch.testing.assert_close(entry.decode(z[0]), mean[0].reshape(5, *SHAPE))
    assert entry.simulate(z[0]).shape == (5, *SHAPE)


@OF_LEVELS
def test_a_level_has_a_probability_that_its_noise_does_not_move(decoder: str) -> None:
    """And importance weights average to its marginal, as with any other decoder."""
    entry = small(PLAIN, decoder=decoder)
    widened(entry)
    levels = GreyLevels(17, 0.01)
    x = entry.sample(20).detach()
    assert_weights_average_to_the_marginal(entry, x)
    level, z = levels.level(x.flatten(1)), torch.randn(3, 20, 2)
    in_levels = [
        entry.log_likelihood(placed.reshape(x.shape), z) - levels.log_slope(placed)
        for placed in (levels.placed(level + noise) for noise in (0.1, 0.5, 0.9))
    ]
    assert bool((in_levels[0] < 0).all())
    torch.testing.assert_close(in_levels[0], in_levels[1], rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(in_levels[0], in_levels[2], rtol=1e-5, atol=1e-3)


@OF_LEVELS
def test_the_noise_of_the_data_set_moves_no_likelihood_of_a_run(decoder: str) -> None:
    """Digits as a run shows them, with two draws of noise: the same weights of importance in the report space."""
    config = compose(["model=vae_conv", f"model.decoder={decoder}", "data=digits"])
    data = build.dataset(config).as_asked(*VAEConv.picture_form(config.model))
    assert data.spec.alpha == config.data["alpha"]
    torch.manual_seed(0)
    entry = VAEConv(data.spec, width=24, latent_size=2, decoder=decoder)  # type: ignore[arg-type]
    seen = []
    for seed in (1, 2):
        x = data.fixed(data.test[:50], seed)
        torch.manual_seed(0)
        seen.append(entry.log_weights(x, 4) + data.space.log_det(x))
    torch.testing.assert_close(*seen, rtol=1e-5, atol=1e-2)


def test_more_samples_tighten_the_bound() -> None:
    entry = small(BITS)
    widened(entry)
    assert_bounds_tighten(entry, torch.rand(1024, *SHAPE).round())


def test_a_decoder_sees_where_it_is() -> None:
    """Two latents give two pictures, and every pixel has a logit of its own."""
    entry = perturbed(small(BITS), 0.2)
    one, other = entry.decode(torch.tensor([[0.0, 0.0], [3.0, -3.0]]))
    assert not torch.allclose(one, other)
    assert len(one.unique()) == 16


def test_mistakes_are_named() -> None:
    with pytest.raises(BenchError, match=r"model\.blocks=0"):
        small(BITS, blocks=0)
    with pytest.raises(BenchError, match="did you mean diagonal"):
        small(BITS, posterior="diagonl")
    with pytest.raises(NotApplicable, match=r"4x4 go 2 times: use a model\.shape of 2 numbers"):
        small(BITS, shape=[1, 1, 1])
    with pytest.raises(NotApplicable, match="models pictures"):
        small(DataSpec((16,)))
    with pytest.raises(BenchError, match="did you mean gaussian"):
        small(BITS, decoder="gausian")
    for data, decoder in ((BITS, "gaussian"), (LEVELS, "bernoulli")):
        with pytest.raises(NotApplicable, match=rf"model\.decoder={decoder} is no law of {data.kind} pixels; leave it"):
            small(data, decoder=decoder)
    with pytest.raises(NotApplicable, match=r"model\.decoder=logistic_mixture is for grey levels of pictures"):
        small(BITS, decoder="logistic_mixture")
