import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from bench.config import Optimiser
from bench.errors import BenchError, Diverged
from bench.metrics.labels import cluster_accuracy
from bench.models.gmvae import EARLY_WEIGHT, GMVAE
from bench.models.parts.coders import LOG_SCALE_BOUND
from bench.models.parts.networks import soft_clamp
from bench.spec import DataSpec
from tests.models.helpers import grid, perturbed, widened

PLANE = DataSpec((2,))


def spread_out(components: int = 4, latent_size: int = 2) -> GMVAE:
    model = perturbed(GMVAE(PLANE, width=40, latent_size=latent_size, components=components))
    with torch.no_grad():
        model.means.mul_(5)
    return model


def five_clusters(n: int) -> tuple[Tensor, Tensor]:
    """Five Gaussians on a circle of radius 4, neighbours twelve standard deviations apart."""
    labels = torch.randint(5, (n,))
    angle = 2 * math.pi / 5 * labels
    return 4 * torch.stack([angle.cos(), angle.sin()], 1) + 0.4 * torch.randn(n, 2), labels


def test_the_prior_is_the_mixture_and_its_mass_is_one() -> None:
    model = spread_out()
    with torch.no_grad():
        parts = Independent(Normal(model.means, model.log_scales.exp()), 1)
        truth = MixtureSameFamily(Categorical(torch.ones(4)), parts)
        axis = torch.linspace(-12, 12, 401)
        z = torch.cartesian_prod(axis, axis)
        log_density = model.log_prior(z[None])[0]
        # The soft clamp moves a log-scale of 0.5 by 0.002.
        torch.testing.assert_close(log_density, truth.log_prob(z), rtol=0.01, atol=0.02)
        # Smooth on the scale of a cell of 0.06: the sum is limited by float32.
        assert float(log_density.exp().sum() * 0.06**2) == pytest.approx(1, abs=1e-3)


def test_draws_of_the_prior_have_its_moments() -> None:
    model, n = spread_out(), 40_000
    with torch.no_grad():
        draws = model.prior_sample(n)
        variance = model.means.var(0, correction=0) + model.log_scales.exp().square().mean(0)
    assert ((draws.mean(0) - model.means.mean(0)).abs() < 5 * (variance / n).sqrt()).all()
    # A variance of 40,000 draws is known to 0.7 % for a Gaussian and better for separate components.
    torch.testing.assert_close(draws.var(0), variance, rtol=0.04, atol=0)


def test_the_loss_is_the_bound_of_the_paper_by_quadrature() -> None:
    """-E_q [log p(x | z) + log p(y, z) - log q(z | x) - log q(y | x, z)], y summed over and z over a lattice."""
    model, x, draws = spread_out(), torch.randn(1, 2), 100_000
    widened(model)
    z, area = grid(2, 12.0, 241)
    with torch.no_grad():
        # A decoder that says little, and components that overlap: losses of a few nats that vary by two or three.
        for parameter in model.decoder.parameters():
            parameter.mul_(0.2)
        model.means.mul_(0.5)
        parts = Independent(Normal(model.means, soft_clamp(model.log_scales, LOG_SCALE_BOUND).exp()), 1)
        joint = parts.log_prob(z[:, None]) - math.log(4)
        log_q_y = torch.log_softmax(joint, 1)
        law = model.encoder(x)
        log_q = Normal(law.mean, law.log_scale.exp()).log_prob(z).sum(1)
        fit = model.decoder.log_prob(x, z[:, None])[:, 0]
        bound = fit + (log_q_y.exp() * (joint - log_q_y)).sum(1) - log_q
        loss = model.loss(x.expand(draws, 2))
    expected, error = -(log_q.exp() * bound).sum() * area, loss.std() / math.sqrt(draws)
    # An error in the prior of a twentieth of a nat shows.
    assert error < 0.01
    assert (loss.mean() - expected).abs() < 5 * error


def test_clusters_are_the_components_by_bayes() -> None:
    model, (x, _) = spread_out(), five_clusters(20)
    with torch.no_grad():
        z = model.posterior(x).mean
        by_hand = torch.exp(model.log_joint(z) - model.log_prior(z[None])[0][:, None])
        torch.testing.assert_close(model.cluster(x), by_hand)
        torch.testing.assert_close(by_hand.sum(1), torch.ones(20))


@pytest.mark.parametrize("seed", [0, 1])
def test_separate_clusters_are_found(seed: int) -> None:
    """Twelve deviations apart: what is not found is a whole cluster, which costs a fifth."""
    torch.manual_seed(seed)
    x, labels = five_clusters(2000)
    model = GMVAE(PLANE, width=256, latent_size=4, components=5)
    trainer, steps = model.trainer(Optimiser(learning_rate=5e-3)), 250
    for step in range(steps):
        trainer.step(x[torch.randint(2000, (256,))], step / steps)
    with torch.no_grad():
        assert cluster_accuracy(model.cluster(x).argmax(1), labels) > 0.95


def test_components_are_placed_once_when_their_share_of_the_budget_is_used() -> None:
    model, (x, _) = GMVAE(PLANE, width=40, components=3, placed_at=0.5), five_clusters(64)
    weights, loss = [], model.loss

    def watched(x: Tensor, context: Tensor | None = None) -> Tensor:
        weights.append(model.divergence_weight)
        return loss(x)

    model.loss = watched  # type: ignore[method-assign]
    trainer, moved = model.trainer(Optimiser()), []
    for progress in (0.0, 0.4, 0.5, 0.9):
        before = model.means.detach().clone()
        trainer.step(x, progress)
        moved.append(float((model.means.detach() - before).abs().max()))
        assert model.divergence_weight == 1
    assert weights == [EARLY_WEIGHT, EARLY_WEIGHT, 1, 1]
    # A step of Adam moves a parameter by its learning rate at most, here 2e-3; a placement by the size of a latent.
    assert [distance > 0.05 for distance in moved] == [False, False, True, False]
    again = model.trainer(Optimiser())
    again.load_state_dict(trainer.state_dict())
    before = model.means.detach().clone()
    again.step(x, 0.95)
    assert float((model.means.detach() - before).abs().max()) < 0.05


def test_components_stand_on_the_encodings() -> None:
    model, (x, _) = GMVAE(PLANE, width=40, components=5), five_clusters(500)
    with torch.no_grad():
        z = model.posterior(x).draw(1)[0]
        before = model.log_prior(z).mean()
        model.place(x)
        # Five Gaussians on five clusters that lie apart cannot fit worse than one broad one.
        assert model.log_prior(z).mean() > before + 0.5


def test_more_components_than_draws_of_a_batch_are_refused_before_and_while_they_are_placed() -> None:
    model = GMVAE(PLANE, width=40, components=17)
    model.check_training(batch_size=3, finish_examples=0)
    with pytest.raises(BenchError, match=r"model\.components=17: train\.batch_size=2 gives 16 draws"):
        model.check_training(batch_size=2, finish_examples=0)
    with pytest.raises(BenchError, match=r"train\.batch_size=2"):
        model.place(torch.randn(2, 2))


def test_encodings_that_are_not_numbers_are_named() -> None:
    with pytest.raises(Diverged, match="encodings are NaN"):
        GMVAE(PLANE, width=40).place(torch.full((8, 2), math.nan))


BAD: list[dict[str, Any]] = [{"components": 0}, {"placed_at": 1.5}, {"latent_size": 0}, {"activation": "tahn"}]


@pytest.mark.parametrize("option", BAD, ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        GMVAE(PLANE, **{"width": 8, **option})
