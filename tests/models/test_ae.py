import math
import re
from typing import Any

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError, Diverged, NotApplicable
from bench.models.ae import AE, SMALLEST_SCALE, MeanDecoder
from bench.models.ae_expost import AEExPost
from bench.models.ae_moment import AEMoment
from bench.models.entry import HasDecoder, HasFinish, HasLatent, HasLogProb, HasLogWeights
from bench.spec import DataSpec
from tests.models.helpers import perturbed

CONTINUOUS = DataSpec((4,))
BINARY = DataSpec((2, 3), kind="binary")
AUTOENCODERS = [AE, AEMoment, AEExPost]
every_autoencoder = pytest.mark.parametrize("cls", AUTOENCODERS)


def ae(data: DataSpec = CONTINUOUS, **options: Any) -> AE:
    return perturbed(AE(data, width=40, latent_size=3, **options))


@every_autoencoder
@pytest.mark.parametrize("event", [(2,), (2, 3), (26,)], ids=str)
def test_shapes_and_capabilities(cls: type[AE], event: tuple[int, ...]) -> None:
    entry, x = cls(DataSpec(event), width=48), torch.randn(4, *event)
    latent = min(math.prod(event), 16)
    assert entry.loss(x).shape == (4,)
    assert entry.sample(3).shape == (3, *event)
    assert entry.encode(x).shape == (4, latent)
    assert entry.decode(entry.encode(x)).shape == x.shape
    assert entry.prior_sample(5).shape == (5, entry.latent_size) == (5, latent)
    z = entry.prior_sample(8).view(2, 4, latent)
    assert entry.log_prior(z).shape == entry.log_likelihood(x, z).shape == (2, 4)
    assert all(isinstance(entry, capability) for capability in (HasDecoder, HasFinish, HasLatent))
    assert not isinstance(entry, (HasLogProb, HasLogWeights))


@every_autoencoder
def test_a_gradient_reaches_every_parameter(cls: type[AE]) -> None:
    entry = cls(DataSpec((5,)), width=48)
    entry.loss(torch.randn(64, 5)).mean().backward()
    for name, parameter in entry.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_loss_is_the_density_of_unit_noise_whatever_scale_is_fitted() -> None:
    model, x = ae(), torch.randn(9, 4)
    truth = torch.distributions.Normal(model.decode(model.encode(x)), 1).log_prob(x).sum(1)
    torch.testing.assert_close(-model.loss(x), truth)
    model.finish(x)
    assert model.decoder.scale != 1
    torch.testing.assert_close(-model.loss(x), truth)


def test_loss_of_binary_data_is_the_cross_entropy_of_the_pixels() -> None:
    model, x = ae(BINARY), (torch.randn(9, 2, 3) > 0).float()
    probability = model.decode(model.encode(x))
    expected = torch.nn.functional.binary_cross_entropy(probability, x, reduction="none").flatten(1).sum(1)
    torch.testing.assert_close(model.loss(x), expected)
    torch.testing.assert_close(model.log_likelihood(x, model.encode(x)), -expected)


def test_a_linear_autoencoder_finds_the_principal_components() -> None:
    """Its least error is the variance outside the leading components (Baldi & Hornik 1989)."""
    spread = torch.tensor([2.0, 1.0, 0.5, 0.25])
    x = torch.randn(2000, 4) * spread @ torch.linalg.qr(torch.randn(4, 4)).Q
    model = AE(CONTINUOUS, width=4, latent_size=2)
    model.encoder, model.decoder.net = torch.nn.Linear(4, 2), torch.nn.Linear(2, 4)
    trainer = model.trainer(Optimiser(learning_rate=0.05))
    for step in range(300):
        trainer.step(x[torch.randint(2000, (200,))], step / 300)
    lost = torch.linalg.eigvalsh(x.T.cov(correction=0))[:2].sum()
    model.finish(x)
    # Nothing does better; 300 steps come within a few per cent.
    assert 1 - 1e-4 < 4 * model.decoder.scale**2 / lost < 1.05


def test_the_noise_scale_is_the_root_mean_square_residual_or_what_it_was_fixed_to() -> None:
    x = torch.randn(50, 4)
    model, fixed, copy = ae(), ae(noise_scale=0.3), ae()
    model.finish(x)
    torch.testing.assert_close(model.decoder.scale, (x - model.decode(model.encode(x))).square().mean().sqrt())
    copy.load_state_dict(model.state_dict())
    assert copy.decoder.scale == model.decoder.scale
    fixed.finish(x)
    torch.testing.assert_close(fixed.decoder.scale, torch.tensor(0.3))
    z = torch.randn(6, 50, 3)
    normal = torch.distributions.Normal(fixed.decoder.mean(z), 0.3)
    torch.testing.assert_close(fixed.log_likelihood(x, z), normal.log_prob(x).sum(-1))


def test_a_perfect_reconstruction_leaves_the_smallest_scale() -> None:
    model = ae()
    model.encoder, model.decoder.net = torch.nn.Identity(), torch.nn.Identity()
    model.finish(torch.randn(9, 4))
    assert float(model.decoder.scale) == pytest.approx(SMALLEST_SCALE)


def test_broken_weights_do_not_pass_in_silence() -> None:
    model = ae()
    torch.nn.init.constant_(model.encoder[0].weight, math.nan)
    with pytest.raises(Diverged, match="residual"):
        model.finish(torch.randn(9, 4))


def test_samples_of_real_data_are_decoded_normals_without_noise() -> None:
    model = ae(noise_scale=5.0)
    torch.manual_seed(1)
    samples = model.sample(1000)
    torch.manual_seed(1)
    assert torch.equal(samples, model.decode(torch.randn(1000, 3)))


def test_samples_of_binary_data_are_pixels_drawn_with_their_probability() -> None:
    model = ae(BINARY)
    samples = model.sample(20_000)
    assert set(samples.unique().tolist()) == {0.0, 1.0}
    expected = model.decode(torch.randn(20_000, 3)).mean(0)
    # A share of 20,000 is known to 0.0035, and so is the mean of probabilities: five errors of the difference.
    assert (samples.mean(0) - expected).abs().max() < 0.025


def test_the_decoders_noise_has_its_scale() -> None:
    decoder = MeanDecoder(3, [8], 4)
    decoder.scale.fill_(0.5)
    z = torch.zeros(20_000, 3)
    # A standard deviation of 80,000 draws is known to 0.25 %.
    with torch.no_grad():
        noise = decoder.sample(z) - decoder.mean(z)
    assert float(noise.std()) == pytest.approx(0.5, rel=0.015)


BAD: list[dict[str, Any]] = [
    {"latent_size": 0},
    {"width": 0},
    {"shape": [1, 0]},
    {"activation": "tahn"},
    {"noise_scale": 0.0},
    {"noise_scale": -1.0},
    {"noise_scale": math.nan},
]


@pytest.mark.parametrize("option", BAD, ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        AE(CONTINUOUS, **{"width": 8, **option})


@pytest.mark.parametrize("shape", [[0], []], ids=str)
def test_a_shape_is_refused_as_it_was_written(shape: list[int]) -> None:
    with pytest.raises(BenchError, match=rf"model\.shape={re.escape(str(shape))} is no list"):
        AE(CONTINUOUS, width=8, shape=shape)


def test_binary_data_have_no_noise_scale() -> None:
    with pytest.raises(BenchError, match="noise_scale"):
        AE(BINARY, width=8, noise_scale=0.1)


@every_autoencoder
def test_data_with_a_context_are_refused(cls: type[AE]) -> None:
    with pytest.raises(NotApplicable, match="context"):
        cls(DataSpec((5,), context_size=3), width=48)


def test_the_row_says_which_noise_the_likelihood_is_of() -> None:
    given = AE(DataSpec((3,)), width=8, latent_size=2, noise_scale=0.25)
    assert given.note() == "noise model: N(decoder(z), s² I) in model space, s = 0.25 as given"
    fitted = AE(DataSpec((3,)), width=8, latent_size=2)
    fitted.finish(torch.randn(50, 3))
    assert fitted.note() is not None
    assert f"s = {fitted.decoder.scale.item():.3g} fitted to the residuals" in fitted.note()
    assert AE(DataSpec((3,), "binary"), width=8, latent_size=2).note() == "noise model: independent pixels of 0 or 1"
