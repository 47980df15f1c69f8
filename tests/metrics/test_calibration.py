import pytest
import torch
from scipy.stats import kstwo
from torch import Tensor

from bench.metrics.calibration import calibration
from bench.models.entry import Context, Entry
from bench.setup.build import entry
from bench.setup.compose import compose
from bench.spec import DataSpec

N, DIM = 500, 6
MEAN, SCALE = torch.arange(1.0, DIM + 1), torch.linspace(0.5, 3.0, DIM)


class KnownFlow(Entry):
    """The exact flow of a Gaussian; its latent is `stretch` times a standard normal."""

    latent = "exact"

    def __init__(self, stretch: float = 1.0) -> None:
        super().__init__(DataSpec((DIM,)), width=1)
        self.stretch = stretch

    def encode(self, x: Tensor, context: Context = None) -> Tensor:
        return self.stretch * (x - MEAN) / SCALE

    def decode(self, z: Tensor, context: Context = None) -> Tensor:
        return z / self.stretch * SCALE + MEAN


def drawn(seed: int) -> Tensor:
    return MEAN + SCALE * torch.randn(N, DIM, generator=torch.Generator().manual_seed(seed))


def test_the_exact_flow_of_a_gaussian_keeps_to_kolmogorovs_law() -> None:
    found = [calibration(KnownFlow(), drawn(seed), 128) for seed in range(40)]
    for name in ("latent_radius_ks", "latent_pit_ks"):
        beyond = sum(each[name] > each[f"{name}_95"] for each in found)
        assert beyond <= 6  # of 40 at 5 % each: more come up with probability .003
    assert found[0]["latent_radius_ks_95"] == pytest.approx(1.358 / N**0.5, rel=0.01)  # the law's limit
    assert found[0]["latent_pit_ks_95"] == pytest.approx(kstwo.ppf(0.95, N * DIM))


@pytest.mark.parametrize("stretch", [1.3, 1 / 1.3])
def test_a_latent_of_another_scale_lies_outside_the_law(stretch: float) -> None:
    for seed in range(5):
        found = calibration(KnownFlow(stretch), drawn(seed), 128)
        assert found["latent_radius_ks"] > 2 * found["latent_radius_ks_95"]
        assert found["latent_pit_ks"] > found["latent_pit_ks_95"]


def test_a_scale_has_the_distance_of_its_closed_form() -> None:
    """sup |Phi(z / s) - Phi(z)| for s = 1.3 is .0626, at z² = 2 ln s / (1 - 1 / s²)."""
    z = (2 * torch.tensor(1.3).log() / (1 - 1 / 1.3**2)).sqrt().double()
    cdf = torch.distributions.Normal(0.0, 1.0).cdf
    expected = float(cdf(z) - cdf(z / 1.3))
    x = MEAN + SCALE * torch.randn(20_000, DIM, generator=torch.Generator().manual_seed(1))
    found = calibration(KnownFlow(1.3), x, 4096)["latent_pit_ks"]
    assert found == pytest.approx(expected, abs=1.36 / 120_000**0.5 + 1e-3)


def test_a_latent_that_is_no_inverse_is_not_measured() -> None:
    data = DataSpec((DIM,))
    vae = entry(compose(["model=vae", "budget.parameters=null", "model.width=8"]), data)
    assert calibration(vae, drawn(0), 128) == {}
