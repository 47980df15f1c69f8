import pytest
import torch

from bench.config import Optimiser
from bench.models.vae import VAE
from bench.models.vae_mean import VAEMean
from bench.spec import DataSpec
from tests.models.helpers import perturbed

DATA = DataSpec((4,))


def test_the_loss_is_the_divergence_and_the_misfit_of_the_decoded_mean() -> None:
    model, x = perturbed(VAEMean(DATA, width=40, latent_size=3)), torch.randn(6, 4)
    law = model.posterior(x)
    expected = law.kl() - model.log_likelihood(x, law.mean)
    torch.testing.assert_close(model.loss(x), expected)
    assert torch.equal(model.loss(x), model.loss(x))


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_nothing_but_the_prior_holds_the_scale_of_the_posterior(posterior: str) -> None:
    """The loss of a scale is its divergence alone, which is least at the prior's: that is what training finds."""
    mix = torch.tensor([[1.0, 0.5, 0.0, 0.3]] * 4)
    x = torch.randn(2000, 4) @ mix + 0.3 * torch.randn(2000, 4)
    model = VAEMean(DATA, width=64, latent_size=2, posterior=posterior)  # type: ignore[arg-type]
    usual = VAE(DATA, width=64, latent_size=2, posterior=posterior)  # type: ignore[arg-type]
    for entry in (model, usual):
        trainer = entry.trainer(Optimiser(learning_rate=1e-2))
        for step in range(250):
            trainer.step(x[torch.randint(2000, (128,))], step / 250)
    with torch.no_grad():
        variance, usual_variance = (entry.posterior(x).draw(50)[0].var(0).mean() for entry in (model, usual))
        excess, usual_excess = (
            (-entry.loss(x[:500]) - entry.log_prob(x[:500]).value).mean() for entry in (model, usual)
        )
    assert 0.75 < variance < 1.05
    assert usual_variance < 0.6
    # The usual loss bounds the likelihood: -loss is below log p(x), but for the error of one draw each of 500
    # examples. That through the mean claims nats too many.
    assert usual_excess < 0.2
    assert excess > 2
