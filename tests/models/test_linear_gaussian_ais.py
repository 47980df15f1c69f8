"""Entries with a decoder density and no encoder density, on data of known density: their annealed likelihood."""

from collections.abc import Callable

import pytest
import torch

from bench.config import Optimiser
from bench.data.linear_gaussian import LinearGaussian
from bench.metrics.ais import Annealing, log_weights
from bench.models.ae import AE
from bench.models.ae_expost import DENSITIES, AEExPost
from bench.models.ae_moment import AEMoment
from bench.models.gan import GAN
from bench.models.parts import latent_density
from bench.models.parts.importance import iwae
from bench.models.parts.prior import WithPrior
from bench.spec import DataSpec

pytestmark = pytest.mark.long

SPEC = DataSpec((4,))
TRUTH = LinearGaussian(torch.tensor([[1.0, 0.5], [0.8, 0.6], [0.5, 0.9], [0.0, 1.2]], dtype=torch.double), noise=0.5)
EXAMPLES, DRAWS = 40, 20_000
LEVEL = 4.5
"""Standard errors before a difference counts."""

ENTRIES: dict[str, Callable[[], WithPrior]] = {
    "ae": lambda: AE(SPEC, width=32, latent_size=2),
    "ae_moment": lambda: AEMoment(SPEC, width=32, latent_size=2),
    **{
        f"ae_expost-{density}": lambda density=density: AEExPost(SPEC, width=32, latent_size=2, density=density)
        for density in DENSITIES
    },
    "gan": lambda: GAN(SPEC, width=32, latent_size=2),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_the_annealed_likelihood_is_the_models_own_and_below_the_truth(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent_density, "KERNELS", 100)
    torch.manual_seed(3)
    entry = ENTRIES[name]()
    data = TRUTH.sample(600, torch.Generator().manual_seed(1)).float()
    trainer = entry.trainer(Optimiser(learning_rate=1e-2))
    for step in range(120):
        trainer.step(data[torch.randint(600, (64,))], step / 120)
    entry.eval()
    entry.finish(data)
    x = TRUTH.sample(EXAMPLES, torch.Generator().manual_seed(2)).float()
    with torch.no_grad():
        annealed = iwae(log_weights(entry, x, Annealing(chains=16, steps=150)))
        z = entry.prior_sample(DRAWS)[:, None].expand(-1, EXAMPLES, -1)
        drawn = iwae(entry.log_likelihood(x, z).double())
    variance = annealed.standard_error.square() + drawn.standard_error.square()
    # Half a variance is the bias of the logarithm of a mean.
    allowed = LEVEL * (variance.mean() / EXAMPLES).sqrt() + variance.mean() / 2
    assert allowed < 0.3
    assert (annealed.value - drawn.value).mean().abs() < allowed
    behind = TRUTH.log_prob(x) - annealed.value
    assert behind.mean() > -LEVEL * behind.std() / EXAMPLES**0.5
