"""Both bounds of annealing on linear Gaussians, whose log p(x) is known, and on a VAE."""

import math

import pytest
import torch
from torch import Tensor

from bench.metrics import bracket as module
from bench.metrics.ais import PILOTS, Annealing, log_weights
from bench.metrics.bracket import bracket, rise_by_doubling
from bench.models.ae import AE
from bench.models.entry import HasSimulator
from bench.models.gan import GAN
from bench.models.parts.importance import iwae
from bench.models.vae import VAE
from bench.spec import DataSpec
from tests.metrics.test_ais import Decoder


class Simulator(Decoder):
    """The linear Gaussian, drawn from; it remembers what it drew."""

    def simulate(self, z: Tensor) -> Tensor:
        self.x = z @ self.law.weight.float().T + self.law.noise * torch.randn(len(z), len(self.law.weight))
        return self.x


@pytest.mark.parametrize(("dim", "latent", "steps"), [(4, 2, 60), (8, 4, 100)])
def test_the_truth_lies_between_both_bounds(dim: int, latent: int, steps: int) -> None:
    entry = Simulator(dim, latent)
    found = bracket(entry, Annealing(chains=8, steps=steps), examples=200, rows=500)
    truth = entry.law.log_prob(entry.x.double())
    below, above = truth - found.lower, found.upper - truth
    for side in (below, above):
        # Each mean lies on its side by more than its standard error, and by less than a third of a nat.
        assert side.mean() > -4.5 * side.std() / math.sqrt(200)
        assert side.mean() < 0.35
    assert found.gap == pytest.approx(float((below + above).mean()), abs=1e-6)
    assert found.gap > 4.5 * float((below + above).std()) / math.sqrt(200)


def test_weights_of_the_way_back_have_the_mean_of_one_over_p(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a path so short that the step sizes are still on their way."""
    entry, ratios = Simulator(2, 1), []

    def kept(weights: Tensor):
        ratios.append(weights)
        return iwae(weights)

    monkeypatch.setattr(module, "iwae", kept)
    bracket(entry, Annealing(chains=1, steps=12), examples=20_000, rows=10**6)
    backward = torch.exp(ratios[1][0] + entry.law.log_prob(entry.x.double()))
    assert abs(backward.mean() - 1) < 4.5 * backward.std() / math.sqrt(len(backward))


def test_chunks_hold_no_more_chains_than_they_may() -> None:
    entry = Simulator(3, 2)
    bracket(entry, Annealing(chains=4, steps=3), examples=10, rows=4 * (4 + PILOTS))
    assert set(entry.rows) == {4 * (4 + PILOTS), 2 * (4 + PILOTS), 4 * 4, 2 * 4}


def test_half_the_steps_give_less_where_steps_are_few_and_the_same_where_they_are_many() -> None:
    entry = Decoder(8, 4)
    x = entry.data(60)
    rises = []
    for steps in (8, 200):
        annealing = Annealing(chains=16, steps=steps)
        value = iwae(log_weights(entry, x, annealing)).value
        rise = rise_by_doubling(entry, x, value, annealing, 1000, lambda: None)
        assert rise is not None
        rises.append(rise)
    assert rises[0] > 0.5
    assert abs(rises[1]) < 0.15


def test_one_step_has_no_half() -> None:
    entry = Decoder(2, 1)
    assert rise_by_doubling(entry, entry.data(3), torch.zeros(3), Annealing(4, 1), 100, lambda: None) is None


@pytest.mark.parametrize("cls", [VAE, AE, GAN])
def test_what_an_entry_simulates_follows_its_own_density(cls: type[VAE | AE | GAN]) -> None:
    """The mean of -log p(x | z) over draws is the entropy of the noise, which is 4 log(scale) + 4 / 2 log(2 π e)."""
    entry = cls(DataSpec((4,)), width=40, latent_size=2).eval()
    assert isinstance(entry, HasSimulator)
    with torch.no_grad():
        z = entry.prior_sample(4000)
        x = entry.simulate(z)
        surprise = -entry.log_likelihood(x, z[None])[0]
        other = -entry.log_likelihood(entry.simulate(entry.prior_sample(4000)), z[None])[0]
    assert x.shape == (4000, 4)
    if cls is VAE:
        assert surprise.mean() < other.mean()
        return
    scale = entry.decoder.scale if isinstance(entry, AE) else entry.generator.scale  # type: ignore[union-attr]
    entropy = float(torch.log(scale).expand(4).sum()) + 2 * math.log(2 * math.pi * math.e)
    # A quadratic form of four standard normal numbers has a variance of 2.
    assert float(surprise.mean()) == pytest.approx(entropy, abs=4.5 * math.sqrt(2 / 4000))
