"""Refined bounds against exact values: a Gaussian posterior on a line, and linear Gaussians of many latents."""

import math

import pytest
import torch
from torch import Tensor, nn

from bench.config import Eval
from bench.data.linear_gaussian import LinearGaussian
from bench.laws.gaussian import DiagonalGaussian, standard_normal_log_prob
from bench.metrics.likelihood import Likelihood, estimate
from bench.metrics.refined import Refinement, asked, log_weights, own_draws, refine
from bench.models.svae import SVAE
from bench.models.vae import VAE
from bench.models.vae_latent import VAELatent
from bench.spec import DataSpec
from tests.oracle import posterior

LEVEL = 4.5
"""Standard errors before a difference counts."""


class Linear(nn.Module):
    """p(x | z) = N(W z, noise² I) with an encoder that is off by so many of its sds and too wide by so many e-folds."""

    def __init__(self, dim: int, latent: int, off: float = 0.5, wide: float = 0.3) -> None:
        super().__init__()
        weight = torch.randn(dim, latent, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.law = LinearGaussian(weight / math.sqrt(latent), noise=0.5)
        self.weight = nn.Parameter(self.law.weight.float())
        self.off, self.wide = off, wide

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        residual = (x - z @ self.weight.T) / self.law.noise
        return standard_normal_log_prob(residual) - x.shape[1] * math.log(self.law.noise)

    def log_prior(self, z: Tensor) -> Tensor:
        return standard_normal_log_prob(z)

    def prior_sample(self, n: int) -> Tensor:
        return torch.randn(n, self.weight.shape[1])

    def proposal(self, x: Tensor) -> DiagonalGaussian:
        mean, covariance = posterior(self.law, x)
        log_scale = -0.5 * torch.linalg.inv(covariance).diagonal().log()
        signs = 2.0 * (torch.arange(len(log_scale)) % 2) - 1
        shifted = mean + self.off * signs * torch.exp(log_scale)
        return DiagonalGaussian(shifted, (log_scale + self.wide).expand_as(mean).contiguous())

    def log_weights(self, x: Tensor, samples: int, context: None = None) -> Tensor:
        z, log_q = self.proposal(x).draw(samples)
        return self.log_likelihood(x, z) + self.log_prior(z) - log_q

    def data(self, n: int) -> Tensor:
        return self.law.sample(n, torch.Generator().manual_seed(1))


def estimated(entry: nn.Module, x: Tensor, refinement: Refinement | None, samples: int = 1000) -> Likelihood:
    found = estimate(entry, x, importance_samples=samples, batch_rows=16_384, refinement=refinement)
    assert found is not None
    return found


def assert_unbiased(entry: Linear, x: Tensor, offsets: tuple[Tensor, ...], samples: int, repeats: int) -> None:
    """The mean over repeats of the mean weight is p(x) of each example."""
    truth = entry.law.log_prob(x).double()
    means = torch.stack(
        [
            torch.exp(log_weights(entry, x, offsets, samples, full=False, rows=16_384)[0] - truth).mean(0)
            for _ in range(repeats)
        ]
    )
    errors = (means.mean(0) - 1) / (means.std(0) / math.sqrt(repeats))
    assert errors.abs().max() < LEVEL
    assert errors.mean().abs() < LEVEL / math.sqrt(len(x))


@pytest.mark.parametrize(("off", "wide"), [(0.0, 0.0), (4.0, 0.0), (2.0, 1.0)])
@pytest.mark.parametrize("samples", [2, 10, 25])
def test_weights_of_both_laws_have_the_mean_p_of_x(off: float, wide: float, samples: int) -> None:
    """Of one latent, also with an encoder's law far from the posterior: what the other law draws makes up for it."""
    entry = Linear(2, 1, off, wide)
    x = entry.data(6)
    mean = entry.proposal(x).mean
    back = torch.full_like(mean, off * math.exp(-wide))
    with torch.no_grad():
        # Moved onto the posterior's mean, and a little too wide, so that weights have a finite variance.
        assert_unbiased(entry, x, (back, torch.full_like(mean, 0.2 - wide)), samples, repeats=800)


@pytest.mark.parametrize("samples", [2, 10])
def test_the_refined_bound_is_a_bound_and_its_weights_have_the_mean_p_of_x(samples: int) -> None:
    """Steps depend on x alone and on draws of their own: nothing that follows is chosen by the final draws."""
    entry = Linear(4, 2)
    x = entry.data(8)
    truth = entry.law.log_prob(x).double()
    ratios, values = [], []
    with torch.no_grad():
        for _ in range(300):
            offsets = refine(entry, x, Refinement(steps=4, draws=3))
            weights, _ = log_weights(entry, x, offsets, samples, full=False, rows=16_384)
            ratios.append(torch.exp(weights - truth).mean(0))
            values.append(weights.logsumexp(0) - math.log(samples) - truth)
    ratio, value = torch.stack(ratios).mean(1), torch.stack(values).mean(1)
    assert abs(ratio.mean() - 1) < LEVEL * ratio.std() / math.sqrt(len(ratio))
    assert value.mean() < -LEVEL * value.std() / math.sqrt(len(value))


def test_a_poor_encoder_is_made_up_for_at_equal_k() -> None:
    entry = Linear(16, 8, off=1.5, wide=0.5)
    x = entry.data(100)
    truth = entry.law.log_prob(x).double()
    plain, refined = estimated(entry, x, None, 100), estimated(entry, x, Refinement(50, 8), 100)
    assert (plain.estimator, refined.estimator) == ("iwae-100", "refined-100")
    assert refined.effective is not None
    assert plain.effective is not None
    assert refined.effective.median() > 4 * plain.effective.median()
    assert (truth - plain.log_prob).mean() > 0.3
    assert (truth - refined.log_prob).mean() < 0.05
    # The ELBO stays that of the encoder's law.
    assert plain.elbo is not None
    assert refined.elbo is not None
    gap = refined.elbo - plain.elbo
    assert gap.mean().abs() < LEVEL * gap.std() / math.sqrt(len(x))


@pytest.mark.parametrize(
    ("dim", "latent", "refinement", "allowed"),
    [
        (8, 4, Refinement(50, 8), 0.02),
        (64, 16, Refinement(50, 8), 0.1),
        pytest.param(128, 64, Refinement(300, 8, full=True), 0.1, marks=pytest.mark.long),
    ],
)
def test_the_gap_on_linear_gaussians(dim: int, latent: int, refinement: Refinement, allowed: float) -> None:
    """With 64 latents a diagonal law misses 8 nats of the posterior's correlations, the encoder's bound 1.9."""
    entry = Linear(dim, latent)
    x = entry.data(100)
    found = estimated(entry, x, refinement)
    assert found.standard_error is not None
    error = float(found.standard_error.square().mean().sqrt()) / math.sqrt(len(x))
    gap = float((entry.law.log_prob(x).double() - found.log_prob).mean())
    assert -LEVEL * error < gap < allowed


def test_no_gradient_is_left_and_the_weights_take_one_again() -> None:
    entry = Linear(4, 2)
    before = entry.weight.clone()
    estimated(entry, entry.data(5), Refinement(3, 2), samples=4)
    assert entry.weight.grad is None
    assert entry.weight.requires_grad
    assert torch.equal(entry.weight, before)


def test_examples_are_refined_by_themselves() -> None:
    """With the same noise an example moves alike alone and in a batch."""
    entry = Linear(4, 2)
    x = entry.data(1).expand(3, -1)
    offsets = refine(entry, x, Refinement(200, 64))
    # The same law three times by other noise: 64 draws of Adam's last small steps leave a few hundredths.
    for offset in offsets:
        assert (offset - offset.mean(0)).abs().max() < 0.15
    moved = entry.proposal(x).moved(*offsets)
    assert isinstance(moved, DiagonalGaussian)
    mean, _ = posterior(entry.law, x)
    assert ((moved.mean - mean) / torch.exp(moved.log_scale)).abs().max() < 0.2


def test_chunks_take_their_own_offsets() -> None:
    entry = Linear(16, 8, off=1.5, wide=0.5)
    x = entry.data(30)
    found = estimate(entry, x, importance_samples=100, batch_rows=300, refinement=Refinement(50, 40))
    assert found is not None
    # Three examples of final draws at a time, seven of refinement: another's offsets would miss by nats. With 20
    # effective samples the mean of 30 errs by 0.04.
    assert (entry.law.log_prob(x).double() - found.log_prob).mean() < 0.2


def test_no_call_holds_more_rows_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, rows = Linear(4, 2), []
    likelihood = entry.log_likelihood
    monkeypatch.setattr(entry, "log_likelihood", lambda x, z: rows.append(z[..., 0].numel()) or likelihood(x, z))
    assert estimate(entry, entry.data(7), importance_samples=50, batch_rows=32, refinement=Refinement(2, 8)) is not None
    # Four examples of eight draws, then three; one example's fifty draws in two parts.
    assert set(rows) == {4 * 8, 3 * 8, 32, 18}


def test_a_point_where_the_density_overflows_leaves_the_example_where_it_is() -> None:
    entry = Linear(4, 2)
    x = entry.data(2)
    x[1] = 1e30
    offsets = refine(entry, x, Refinement(5, 4))
    assert all(bool(offset.isfinite().all()) for offset in offsets)
    assert offsets[0][0].abs().max() > 0


@pytest.mark.parametrize(("samples", "own"), [(1, 0), (2, 1), (3, 1), (10, 1), (25, 2), (1000, 100)])
def test_a_tenth_of_the_draws_are_the_encoders_own(samples: int, own: int) -> None:
    assert own_draws(samples) == own


def test_one_draw_is_of_the_refined_law_and_tells_no_elbo() -> None:
    found = estimated(Linear(4, 2), Linear(4, 2).data(5), Refinement(5, 4), samples=1)
    assert found.elbo is None
    assert found.standard_error is None
    assert bool(found.log_prob.isfinite().all())


def test_a_name_says_whether_the_covariance_was_made_full() -> None:
    spec, x = DataSpec((4,)), torch.randn(3, 4)
    entry = VAE(spec, width=20, latent_size=2).eval()
    assert estimated(entry, x, Refinement(2, 2, full=True), 10).estimator == "refined-full-10"
    assert estimated(entry, x, Refinement(2, 2), 10).estimator == "refined-10"
    # A law that is no Gaussian has no covariance to turn.
    other = VAELatent(spec, width=20, latent_size=2, law="laplace").eval()
    assert estimated(other, x, Refinement(2, 2, full=True), 10).estimator == "refined-10"


def test_an_entry_without_a_proposal_keeps_its_own_estimator() -> None:
    entry = SVAE(DataSpec((4,)), width=20, latent_size=2).eval()
    assert estimated(entry, torch.randn(3, 4), Refinement(2, 2), 10).estimator == "iwae-10"


def test_only_its_own_estimator_asks_for_a_refinement() -> None:
    assert asked(Eval(estimator="iwae")) is None
    assert asked(Eval(estimator="refined", refine_steps=7)) == Refinement(7, 8)
    assert asked(Eval(estimator="refined", refine_covariance="full")) == Refinement(50, 8, full=True)
