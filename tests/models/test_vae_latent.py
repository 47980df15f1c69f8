import math
from typing import Any

import numpy as np
import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.parts.importance import iwae
from bench.models.parts.latent_laws import LAWS
from bench.models.vae_latent import VAELatent
from bench.spec import DataSpec
from tests.models.helpers import perturbed
from tests.models.parts.test_latent_laws import PRIORS

CONTINUOUS = DataSpec((4,))
every_law = pytest.mark.parametrize("law", LAWS)


def model(law: str, latent_size: int = 3, scale: float = 0.2, **options: Any) -> VAELatent:
    return perturbed(VAELatent(CONTINUOUS, width=40, latent_size=latent_size, law=law, **options), scale)


@every_law
def test_loss_is_minus_the_mean_log_weight(law: str) -> None:
    """Divergences, analytic or from draws, and the densities of `log_weights`: both average to the ELBO."""
    entry, x, draws = model(law), torch.randn(1, 4), 40_000
    with torch.no_grad():
        loss = entry.loss(x.expand(draws, 4))
        log_weights = entry.log_weights(x, draws)[:, 0]
    error = ((loss.var() + log_weights.var()) / draws).sqrt()
    assert (loss.mean() + log_weights.mean()).abs() < 5 * error


@every_law
def test_bounds_tighten_with_samples(law: str) -> None:
    entry, x = model(law), torch.randn(500, 4)
    with torch.no_grad():
        elbo = -entry.loss(x).mean()
        ten, hundred = (iwae(entry.log_weights(x, samples)).value.mean() for samples in (10, 100))
    assert elbo < ten < hundred


def log_density(entry: VAELatent, law: str, x: torch.Tensor, cells: int = 20_001) -> torch.Tensor:
    """log p(x) = log ∫ p(x | z(u)) du, with y(u) the quantiles of the prior by scipy: one free coordinate."""
    u = (np.arange(cells) + 0.5) / cells
    y = np.stack([u, 1 - u], 1) if law == "dirichlet" else PRIORS[law].ppf(u)[:, None]
    z = (torch.tensor(y, dtype=torch.float32) - entry.shift) / entry.scale
    fit = entry.decoder.log_prob(x, z[:, None].expand(cells, len(x), -1))
    return torch.logsumexp(fit.double(), 0) - math.log(cells)


@every_law
def test_log_weights_average_to_the_density_by_quadrature(law: str) -> None:
    entry = model(law, latent_size=2 if law == "dirichlet" else 1, scale=0.1)
    with torch.no_grad():
        # Scales near 1, posterior included: the weights then have a variance.
        entry.decoder.scale_head.linear.bias += 2.0
        for head in entry.encoder.heads[1:]:
            head.linear.bias += 2.0
        if law == "dirichlet":
            entry.encoder.heads[0].bias -= 2.0
        x = torch.randn(20, 4)
        result = iwae(entry.log_weights(x, 4000))
        error = (result.value - log_density(entry, law, x)) / result.standard_error
    # Twenty errors, nearly standard normal, of weights with some tails.
    assert error.abs().max() < 4.5


@every_law
def test_the_prior_is_standardised(law: str) -> None:
    z = model(law).prior_sample(100_000)
    # The fourth moment of Student's t with 5 degrees of freedom is 9: a standard error of the variance of 0.9 %.
    torch.testing.assert_close(z.mean(0), torch.zeros(3), rtol=0, atol=0.02)
    torch.testing.assert_close(z.var(0), torch.ones(3), rtol=0, atol=0.05)


@every_law
def test_encode_is_the_mean_of_the_draws(law: str) -> None:
    entry, x = model(law), torch.randn(6, 4)
    with torch.no_grad():
        z, _ = entry.posterior(x).draw(20_000)
        torch.testing.assert_close(entry.encode(x), z.mean(0), rtol=0, atol=0.05)


@pytest.mark.parametrize(("law", "outside"), [("uniform", 2.0), ("gamma", -1.5), ("dirichlet", -2.0)])
def test_off_the_support_there_is_no_density_but_a_picture(law: str, outside: float) -> None:
    entry = model(law)
    inside = entry.prior_sample(200)
    z = torch.cat([torch.full((1, 3), outside), torch.randn(50, 3) * 100])
    with torch.no_grad():
        assert torch.isfinite(entry.log_prior(inside)).all()
        assert (entry.log_prior(z[:1]) == -torch.inf).all()
        assert torch.isfinite(entry.decode(z)).all()
        torch.testing.assert_close(entry.decode(inside), entry.decoder.mean(inside), rtol=1e-3, atol=1e-3)


def test_the_density_of_the_standardised_prior_integrates_to_one() -> None:
    z = torch.linspace(-30, 30, 60_001)[:, None]
    for law in LAWS.keys() - {"dirichlet"}:
        mass = torch.exp(model(law, latent_size=1).log_prior(z)).sum() * 1e-3
        # Student's t leaves 1e-5 outside; a cell at the jump of a density may count half.
        assert float(mass) == pytest.approx(1, abs=2e-3), law


@every_law
def test_a_step_of_training_is_finite_for_wild_examples(law: str) -> None:
    entry = model(law)
    trainer = entry.trainer(Optimiser(learning_rate=1e-2))
    for progress in (0.1, 0.2, 0.3):
        trainer.step(torch.randn(32, 4) * torch.tensor([1.0, 10.0, 100.0, 1000.0]), progress)
    assert all(torch.isfinite(parameter).all() for parameter in entry.parameters())


BAD: list[tuple[dict[str, Any], str]] = [
    ({"law": "laplase"}, "unknown law 'laplase' in model.law; did you mean laplace"),
    ({"law": "dirichlet", "latent_size": 1}, "model.latent_size=1 leaves law=dirichlet a single point"),
    ({"latent_size": 0}, "model.latent_size=0"),
    ({"samples": 0}, "model.samples=0"),
    ({"kl_warmup": 2.0}, "model.kl_warmup=2.0"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=str)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        VAELatent(CONTINUOUS, **{"width": 8, **options})


def test_the_divergence_is_weighted_and_warmed_up() -> None:
    entry = model("student_t", beta=2.0, kl_warmup=0.5)
    weights, loss = [], entry.loss

    def watched(x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        weights.append(entry.kl_weight)
        return loss(x, context)

    entry.loss = watched  # type: ignore[method-assign]
    trainer = entry.trainer(Optimiser())
    for progress in (0.0, 0.25, 0.9):
        trainer.step(torch.randn(8, 4), progress)
    assert weights == [0.0, 1.0, 2.0]
