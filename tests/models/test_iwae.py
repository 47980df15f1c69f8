"""The importance-weighted autoencoder: both gradient estimators against the exact gradient of the bound."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.models.iwae import GRADIENTS, IWAE
from bench.models.parts.importance import iwae
from bench.spec import DataSpec
from tests.models.helpers import (
    assert_bounds_tighten,
    assert_weights_average_to_the_marginal,
    example,
    perturbed,
    widened,
)

CONTINUOUS = DataSpec((4,))
BINARY = DataSpec((2, 3), kind="binary")
KINDS = pytest.mark.parametrize("data", [CONTINUOUS, BINARY], ids=["gaussian", "bernoulli"])


def tiny(gradient: str, samples: int = 2) -> IWAE:
    """A latent of one coordinate and two units a layer in float64, the same each time."""
    torch.manual_seed(3)
    model = IWAE(
        DataSpec((2,)),
        width=10,
        latent_size=1,
        activation="tanh",
        samples=samples,
        gradient=gradient,  # type: ignore[arg-type]
    ).double()
    widened(model)
    return model


def gradients(model: IWAE, loss: Tensor) -> tuple[Tensor, Tensor]:
    """Of the encoder's and of the decoder's parameters, each flat."""
    parts = (list(model.encoder.parameters()), list(model.decoder.parameters()))
    found = torch.autograd.grad(loss, [*parts[0], *parts[1]])
    split = len(parts[0])
    return tuple(torch.cat([part.flatten() for part in half]) for half in (found[:split], found[split:]))  # type: ignore[return-value]


def exact_bound(model: IWAE, x: Tensor) -> Tensor:
    """E log (w_1 + w_2) / 2 for one example, by the trapezium rule over both draws' noise."""
    noise = torch.linspace(-8, 8, 321, dtype=torch.double)
    mass = torch.softmax(-0.5 * noise.square(), 0)
    law = model.posterior(x)
    z = law.mean + law.log_scale.exp() * noise[:, None, None]
    log_w = (model.decoder.log_prob(x, z) + model.log_prior(z) - law.log_prob(z))[:, 0]
    pairs = torch.logaddexp(log_w[:, None], log_w[None, :]) - math.log(2)
    return mass @ pairs @ mass


def estimates(gradient: str, x: Tensor, batches: int = 150, rows: int = 200) -> tuple[Tensor, Tensor]:
    """Independent estimates of the encoder's and decoder's gradient of the loss, `(batches, parameters)` each."""
    model = tiny(gradient)
    torch.manual_seed(5)
    found = [gradients(model, model.loss(x.expand(rows, -1)).mean()) for _ in range(batches)]
    return torch.stack([encoder for encoder, _ in found]), torch.stack([decoder for _, decoder in found])


def test_both_estimators_average_to_the_gradient_of_the_bound() -> None:
    """And the doubly reparameterised one varies less."""
    x = torch.tensor([[0.8, -1.1]], dtype=torch.double)
    model = tiny("standard")
    encoder, decoder = gradients(model, -exact_bound(model, x))
    variances = []
    for gradient in GRADIENTS:
        found = estimates(gradient, x)
        for exact, estimate in zip((encoder, decoder), found, strict=True):
            error = estimate.std(0) / math.sqrt(len(estimate))
            assert exact.abs().max() > 8 * error.max()
            # Some forty normal errors of 150 batches.
            assert ((estimate.mean(0) - exact).abs() < 4.5 * error).all()
        variances.append(found[0].var(0).sum())
    assert variances[1] < 0.5 * variances[0]


def test_decoder_gradients_and_losses_are_equal_draw_by_draw() -> None:
    x = torch.randn(6, 2, dtype=torch.double)
    values, decoders, encoders = [], [], []
    for gradient in GRADIENTS:
        model = tiny(gradient, samples=7)
        torch.manual_seed(9)
        loss = model.loss(x)
        values.append(loss)
        encoder, decoder = gradients(model, loss.mean())
        encoders.append(encoder)
        decoders.append(decoder)
    # Float64: both do the same sums in another order.
    torch.testing.assert_close(values[0], values[1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(decoders[0], decoders[1], rtol=1e-10, atol=1e-10)
    assert (encoders[0] - encoders[1]).abs().max() > 1e-3


@pytest.mark.parametrize("gradient", GRADIENTS)
@KINDS
def test_the_loss_is_the_bound_of_so_many_samples(data: DataSpec, gradient: str) -> None:
    model = perturbed(IWAE(data, width=40, latent_size=3, samples=5, gradient=gradient))  # type: ignore[arg-type]
    x, draws = example(data, 1), 4_000
    with torch.no_grad():
        loss = model.loss(x.expand(draws, *data.event_shape))
        bound = iwae(model.log_weights(x, 5 * draws).reshape(draws, 5).T).value
    assert (loss.mean() + bound.mean()).abs() < 5 * ((loss.var() + bound.var()) / draws).sqrt()


@KINDS
def test_bounds_tighten_with_samples(data: DataSpec) -> None:
    assert_bounds_tighten(perturbed(IWAE(data, width=40, latent_size=3)), example(data, 300))


@KINDS
def test_weights_average_to_the_density_by_quadrature(data: DataSpec) -> None:
    model = perturbed(IWAE(data, width=40, latent_size=1), 0.1)
    widened(model)
    assert_weights_average_to_the_marginal(model, example(data, 20))


@pytest.mark.parametrize("option", [{"samples": 0}, {"gradient": "dregs"}, {"latent_size": 0}], ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        IWAE(CONTINUOUS, **{"width": 8, **option})
