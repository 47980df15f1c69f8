"""Annealed importance sampling of the linear Gaussian, whose log p(x) and posterior are known."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from bench.data.linear_gaussian import LinearGaussian
from bench.errors import Diverged
from bench.laws.gaussian import standard_normal_log_prob
from bench.metrics.ais import (
    ACCEPTANCE,
    LEAPFROGS,
    PILOTS,
    Annealing,
    anneal,
    log_weights,
    sigmoidal,
    state_at,
    trajectory,
)
from bench.models.parts.importance import iwae
from bench.models.vae import VAE
from bench.spec import DataSpec, Kind
from tests.oracle import posterior


class Decoder:
    """p(x | z) = N(W z, noise² I), p(z) = N(0, I), in float32."""

    def __init__(self, dim: int, latent: int, noise: float = 0.5) -> None:
        self.law = LinearGaussian(torch.randn(dim, latent, dtype=torch.float64) / math.sqrt(latent), noise)
        self.rows: list[int] = []

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        self.rows.append(z[..., 0].numel())
        residual = (x - z @ self.law.weight.float().T) / self.law.noise
        return standard_normal_log_prob(residual) - x.shape[1] * math.log(self.law.noise)

    def log_prior(self, z: Tensor) -> Tensor:
        return standard_normal_log_prob(z)

    def prior_sample(self, n: int) -> Tensor:
        return torch.randn(n, self.law.weight.shape[1])

    def data(self, n: int) -> Tensor:
        return self.law.sample(n, torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("dim", "latent", "steps"), [(2, 1, 100), (8, 4, 200), (24, 8, 300)])
def test_log_p_is_found_to_a_tenth_of_a_nat(dim: int, latent: int, steps: int) -> None:
    """Log weights have an sd of 0.9 or less: the bias is 0.025 nats, the error of the mean of 60 examples 0.03."""
    entry = Decoder(dim, latent)
    x = entry.data(60)
    found = iwae(log_weights(entry, x, Annealing(chains=16, steps=steps)))
    assert (found.value - entry.law.log_prob(x)).mean().abs() < 0.1


def test_from_the_posterior_backwards_it_bounds_from_above() -> None:
    """Bidirectional Monte Carlo: the truth lies between two bounds that are less than a third of a nat apart."""
    entry = Decoder(4, 2)
    x, betas = entry.data(200), sigmoidal(60)
    mean, covariance = posterior(entry.law, x)
    exact = mean + torch.randn(PILOTS + 4, 200, 2) @ torch.linalg.cholesky(covariance).T
    lower = iwae(log_weights(entry, x, Annealing(chains=4, steps=60))).value.mean()
    upper = -iwae(anneal(entry, x, exact, betas[::-1]).log_weights).value.mean()
    truth = entry.law.log_prob(x).mean()
    # Log weights have an sd of 0.7, so that each mean over 800 chains errs by 0.025 nats.
    assert lower - 0.06 < truth < upper + 0.06
    assert 0 < upper - lower < 0.33


def test_weights_are_unbiased_though_the_step_size_adapts() -> None:
    """E w = p(x) also for a short path, on which the step size is still on its way."""
    entry = Decoder(2, 1)
    x = entry.data(8)
    ratio = torch.exp(log_weights(entry, x, Annealing(chains=20_000, steps=12)) - entry.law.log_prob(x))
    error = (ratio.mean(0) - 1) / (ratio.std(0) / math.sqrt(len(ratio)))
    # Eight nearly standard normal errors: none beyond 4.5, their mean within 4.5 / sqrt(8).
    assert error.abs().max() < 4.5
    assert error.mean().abs() < 4.5 / math.sqrt(8)


def test_with_one_step_a_weight_is_the_likelihood_of_a_prior_draw() -> None:
    entry = Decoder(3, 2)
    x = entry.data(5)
    torch.manual_seed(3)
    weights = log_weights(entry, x, Annealing(chains=7, steps=1))
    torch.manual_seed(3)
    z = entry.prior_sample((PILOTS + 7) * 5).reshape(PILOTS + 7, 5, 2)
    torch.testing.assert_close(weights, entry.log_likelihood(x, z)[PILOTS:].double())


def test_a_transition_leaves_its_density_as_it_was() -> None:
    """Draws of γ, moved and accepted, have γ's mean and covariance still; the trajectories of this step size err."""
    entry, beta, n = Decoder(3, 2), 0.3, 40_000
    x = entry.data(1)
    weight = entry.law.weight.float()
    precision = torch.eye(2) + beta / entry.law.noise**2 * weight.T @ weight
    covariance = torch.linalg.inv(precision)
    mean = beta / entry.law.noise**2 * x @ weight @ covariance
    z = mean + torch.randn(n, 1, 2) @ torch.linalg.cholesky(covariance).T
    there, acceptance = trajectory(entry, x, state_at(entry, x, z), beta, torch.tensor([0.7]), LEAPFROGS)
    assert 0.2 < acceptance.mean() < 0.95
    moved = torch.where((torch.rand(n, 1) < acceptance)[..., None], there.z, z)[:, 0]
    # Covariances are below 1: means and second moments of 40,000 draws err by 0.005 to 0.007, times 4.5.
    torch.testing.assert_close(moved.mean(0), mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(moved.T.cov(), covariance, rtol=0, atol=0.03)


def test_the_step_size_settles_where_the_wanted_share_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, seen = Decoder(8, 4), []

    def watched(*arguments):
        there, acceptance = trajectory(*arguments)
        seen.append(float(acceptance.mean()))
        return there, acceptance

    monkeypatch.setattr("bench.metrics.ais.trajectory", watched)
    log_weights(entry, entry.data(20), Annealing(chains=4, steps=200))
    # The target moves while the posterior narrows, so that acceptance lags a little behind.
    assert sum(seen[50:]) / len(seen[50:]) == pytest.approx(ACCEPTANCE, abs=0.08)


def test_the_schedule_rises_from_nothing_to_one_slowly_at_both_ends() -> None:
    betas = sigmoidal(10)
    assert (betas[0], betas[5], betas[-1]) == (0, pytest.approx(0.5), 1)
    gaps = [after - before for before, after in itertools.pairwise(betas)]
    assert all(gap > 0 for gap in gaps)
    assert gaps[0] == pytest.approx(gaps[-1])
    assert gaps[0] < 0.2 * gaps[4]


@pytest.mark.parametrize(("leapfrogs", "pilots"), [(LEAPFROGS, PILOTS), (10, 4)])
def test_rows_of_a_call_are_chains_times_examples_and_the_clock_is_asked_at_each_step(
    leapfrogs: int, pilots: int
) -> None:
    entry, ticks = Decoder(3, 2), []
    log_weights(entry, entry.data(5), Annealing(6, 9, leapfrogs, pilots), lambda: ticks.append(1))
    assert set(entry.rows) == {(6 + pilots) * 5}
    assert len(entry.rows) == 1 + 8 * leapfrogs
    assert len(ticks) == 9


@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_the_likelihood_of_a_vae_is_that_of_many_prior_draws(kind: Kind) -> None:
    entry = VAE(DataSpec((4,), kind), width=32, latent_size=2).eval()
    with torch.no_grad():
        x = entry.sample(30)
        annealed = iwae(log_weights(entry, x, Annealing(chains=16, steps=100)))
        z = entry.prior_sample(30_000)[:, None].expand(-1, 30, -1)
        drawn = iwae(entry.log_likelihood(x, z).double())
    assert all(parameter.grad is None for parameter in entry.parameters())
    variance = annealed.standard_error.square() + drawn.standard_error.square()
    # 4.5 standard errors of the mean of 30, and the bias, half a variance, of the logarithms.
    assert (annealed.value - drawn.value).mean().abs() < 4.5 * (variance.mean() / 30).sqrt() + variance.mean() / 2


class Breaking(Decoder):
    """Not a number from the `calls`-th call on."""

    def __init__(self, calls: int) -> None:
        super().__init__(3, 2)
        self.sound_calls = calls

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        value = super().log_likelihood(x, z)
        return value if len(self.rows) <= self.sound_calls else value * math.nan


def test_a_likelihood_that_is_not_a_number_where_chains_start_is_a_divergence() -> None:
    entry = Breaking(0)
    with pytest.raises(Diverged, match="NaN or infinite where 40 of 40 chains start"):
        log_weights(entry, entry.data(5), Annealing(chains=8 - PILOTS, steps=5))


def test_chains_stay_where_they_are_while_the_likelihood_is_not_a_number() -> None:
    entry = Breaking(1)
    weights = log_weights(entry, entry.data(5), Annealing(chains=6, steps=5))
    assert bool(weights.isfinite().all())


def test_weights_take_no_gradient_inside_and_their_own_again_outside() -> None:
    entry = VAE(DataSpec((4,)), width=32, latent_size=2).eval()
    frozen_weight, *_ = entry.parameters()
    frozen_weight.requires_grad_(False)
    asked = [parameter.requires_grad for parameter in entry.parameters()]
    seen = []
    likelihood = entry.log_likelihood
    entry.log_likelihood = lambda x, z: (
        seen.append(any(p.requires_grad for p in entry.parameters())) or likelihood(x, z)
    )  # type: ignore[method-assign]
    log_weights(entry, torch.randn(3, 4), Annealing(chains=2, steps=3))
    assert not any(seen)
    assert [parameter.requires_grad for parameter in entry.parameters()] == asked


def test_given_step_sizes_are_taken_and_no_chain_is_a_pilot() -> None:
    entry = Decoder(3, 2)
    x, betas = entry.data(5), sigmoidal(6)
    torch.manual_seed(0)
    z = entry.prior_sample(4 * 5).reshape(4, 5, 2)
    sizes = torch.full((5, 5), 0.2)
    found = anneal(entry, x, z, betas, step_sizes=sizes)
    assert found.log_weights.shape == (4, 5)
    assert torch.equal(found.step_sizes, sizes)


def test_a_density_that_is_the_same_everywhere_has_a_gradient_of_zero() -> None:
    class Flat(Decoder):
        def log_prior(self, z: Tensor) -> Tensor:
            return torch.zeros(z.shape[:-1])

    entry = Flat(3, 2)
    assert torch.equal(state_at(entry, entry.data(4), torch.randn(2, 4, 2)).prior_gradient, torch.zeros(2, 4, 2))


def test_a_trajectory_that_leaves_the_numbers_is_refused() -> None:
    """Steps of 1e20 overflow float32: nothing is accepted, and nothing is NaN."""
    entry = Decoder(3, 2)
    x = entry.data(5)
    here = state_at(entry, x, torch.randn(6, 5, 2))
    _, acceptance = trajectory(entry, x, here, 1.0, torch.full((5,), 1e20), LEAPFROGS)
    assert acceptance.eq(0).all()
