"""Diagnostics of a latent, where each has a value that can be computed by hand."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from bench.laws.gaussian import DiagonalGaussian
from bench.metrics import latent
from bench.metrics.latent import code_diagnostics, diagnostics, gaussian_divergence, gradient_noise, use
from bench.models.ae import AE
from bench.models.parts.latent import LatentEntry
from bench.models.vae import VAE
from bench.models.vampprior import VampPrior
from bench.spec import DataSpec

NOISE = 0.5


class Scalar(nn.Module):
    """p(x | z) = N(x; first coordinate of z, NOISE²)."""

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        return torch.distributions.Normal(z[..., :1], NOISE).log_prob(x).sum(-1)


class Known(LatentEntry):
    """Two latent coordinates: the first has the true posterior of x = z + NOISE e, the second the prior."""

    used = True

    def __init__(self) -> None:
        super().__init__(DataSpec((1,)), width=1, latent_size=2)
        self.decoder = Scalar()  # type: ignore[assignment]
        self.weight = nn.Parameter(torch.ones(()))

    def posterior(self, x: Tensor) -> DiagonalGaussian:
        shrunk = x / (1 + NOISE**2) if self.used else torch.zeros_like(x)
        scale = math.log(NOISE / math.sqrt(1 + NOISE**2)) if self.used else 0.0
        zero = torch.zeros_like(x)
        return DiagonalGaussian(torch.cat((shrunk, zero), 1), torch.cat((zero + scale, zero), 1))


def examples(n: int) -> Tensor:
    return math.sqrt(1 + NOISE**2) * torch.randn(n, 1)


def test_a_true_posterior_is_read_rightly() -> None:
    found = diagnostics(Known(), examples(20_000)[:4000], 1000)
    assert (found["latent_size"], found["active_units"], found["posterior_collapse"]) == (2, 1, 0)
    # The mutual information of x and z, which is the rate at the true posterior: ln(1 + 1 / NOISE²) / 2 = 0.805 nats;
    # its one-sample estimate has a standard deviation near 1 and 4,000 draws.
    assert found["rate_nats"] == pytest.approx(0.5 * math.log(1 + 1 / NOISE**2), abs=0.07)
    # The aggregate of the true posteriors is the prior; the noise of both estimates is of the order 1 / 4,000.
    assert abs(found["aggregate_mmd2"]) < 3e-3
    assert 0 < found["aggregate_kl_nats"] < 8e-3
    assert 0 < found["aggregate_kl_floor"] < 8e-3
    assert found["aggregate_kl_floor"] != found["aggregate_kl_nats"]


def test_rate_and_distortion_add_up_to_the_bound() -> None:
    entry, x = Known(), examples(4000)
    found = diagnostics(entry, x, 1000)
    # E log p(x) of N(0, 1 + NOISE²), by the draws at hand; the posterior is exact, so that nothing is lost.
    exact = -MultivariateNormal(torch.zeros(1), torch.eye(1) * (1 + NOISE**2)).log_prob(x).mean()
    assert found["rate_nats"] + found["distortion_nats"] == pytest.approx(float(exact), abs=1e-4)


def test_the_mmd_compares_no_more_pairs_than_memory_holds(monkeypatch) -> None:
    compared = []
    monkeypatch.setattr(latent, "mmd2", lambda a, b: float(compared.append((len(a), len(b))) or 0))
    diagnostics(Known(), examples(5000), 1000)
    diagnostics(Known(), examples(500), 1000)
    assert compared == [(2000, 2000), (500, 500)]


def test_a_collapsed_posterior_is_flagged() -> None:
    entry = Known()
    entry.used = False
    found = diagnostics(entry, examples(2000), 1000)
    assert (found["active_units"], found["posterior_collapse"]) == (0, 1)
    assert found["rate_nats"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_activity_does_not_hang_on_the_latents_unit(scale: float) -> None:
    """Codes may be small where the decoder multiplies them."""
    means = torch.randn(2000, 3) * torch.tensor([1.0, 0.2, 0.05])
    draws = means + torch.randn(2000, 3) * torch.tensor([0.1, 1.0, 1.0])
    # Shares of the variance: 0.99, 0.04, 0.0025.
    found = use(Known(), scale * draws[:, :2], scale * means[:, :2])
    assert found["active_units"] == 2
    found = use(Known(), scale * draws[:, 1:], scale * means[:, 1:])
    assert (found["active_units"], found["posterior_collapse"]) == (1, 0)


def test_a_classs_code_is_no_use_of_the_latent() -> None:
    entry = Known()
    entry.class_coordinates = 1
    noise = torch.randn(2000, 1)
    code = torch.randn(2000, 1)
    found = use(entry, torch.cat([noise, code], 1), torch.cat([torch.zeros_like(noise), code], 1))
    assert (found["active_units"], found["posterior_collapse"]) == (0, 1)


def test_gaussian_divergence_against_torch() -> None:
    first = MultivariateNormal(torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 0.3], [0.3, 0.5]]))
    second = MultivariateNormal(torch.zeros(2), torch.tensor([[0.8, -0.2], [-0.2, 1.5]]))
    found = gaussian_divergence(first.sample((200_000,)), second.sample((200_000,)))
    # Moments of 200,000 draws are known to about 0.3 %.
    assert found == pytest.approx(float(kl_divergence(first, second)), rel=0.03)
    assert gaussian_divergence(torch.randn(4000, 1), torch.randn(4000, 1)) < 0.01


def test_codes_without_noise_are_held_against_the_prior() -> None:
    """Codes of a fixed spread are off by the Gaussian divergence (s² - 1 - ln s²) / 2 a coordinate."""
    entry = AE(DataSpec((2,)), width=20, latent_size=2)
    entry.encode = lambda x, context=None: 3 * x  # type: ignore[method-assign]
    found = code_diagnostics(entry, torch.randn(4000, 2), 1000)
    assert (found["latent_size"], found["active_units"]) == (2, 2)
    # a sample variance of 4,000 has a relative standard error of 2.2 %, which moves this by 0.1 nats a coordinate
    assert found["aggregate_kl_nats"] == pytest.approx(9 - 1 - math.log(9), abs=0.8)
    assert found["aggregate_mmd2"] > 0.05
    assert found.keys().isdisjoint({"rate_nats", "distortion_nats"})


def test_losses_are_averaged_where_an_entry_has_no_number_of_draws() -> None:
    entry, x = VampPrior(DataSpec((4,)), width=30), torch.randn(64, 4)
    torch.manual_seed(0)
    noise = dict(gradient_noise(entry, x, [1, 5]))
    assert noise[5] == pytest.approx(noise[1] / 5)
    assert not hasattr(entry, "samples")


def test_gradient_noise_falls_with_the_draws() -> None:
    torch.manual_seed(0)
    entry, x = VAE(DataSpec((3,)), width=20, latent_size=2), torch.randn(32, 3)
    noise = dict(gradient_noise(entry, x, [1, 16]))
    assert entry.samples == 1
    # A sixteenth of the variance; each ratio comes from 16 gradients of some 300 parameters that vary together.
    assert 7 < noise[1] / noise[16] < 36
