"""The hierarchical VAE: its law against a lattice, its two ways through the groups, its options."""

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.hvae import HVAE
from bench.spec import DataSpec
from tests.models.helpers import assert_bounds_tighten, perturbed

SHAPE = (1, 4, 4)
BITS = DataSpec(SHAPE, "binary", image_shape=SHAPE)
LEVELS = DataSpec(SHAPE, "discrete", 17, image_shape=SHAPE)
kinds = pytest.mark.parametrize("data", [BITS, LEVELS], ids=lambda data: data.kind)


def small(data: DataSpec, **options: object) -> HVAE:
    torch.manual_seed(0)
    return perturbed(HVAE(data, width=24, **options), 0.1)  # type: ignore[arg-type]


def examples(data: DataSpec, n: int) -> torch.Tensor:
    return torch.rand(n, *SHAPE).round() if data.kind == "binary" else torch.randn(n, *SHAPE)


@kinds
def test_groups_are_dealt_out_from_the_smallest_sides(data: DataSpec) -> None:
    top_down = small(data, groups=3, latent_channels=2).decoder.top_down
    assert top_down.sizes == [2, 2, 8]
    assert top_down.level_of == [0, 0, 1]
    assert small(data, groups=1).decoder.top_down.sizes == [2]
    assert small(data, groups=6, latent_channels=1).latent_size == 3 * (1 + 4)


@kinds
def test_weights_of_one_way_are_those_of_the_parts(data: DataSpec) -> None:
    """What `log_weights` adds up on its way is what prior, decoder and posterior say of the same latents."""
    entry, x = small(data), examples(data, 5)
    torch.manual_seed(1)
    weights = entry.log_weights(x, 3)
    torch.manual_seed(1)
    z, log_posterior = entry.posterior(x).draw(3)
    assert z.shape == (3, 5, entry.latent_size)
    torch.testing.assert_close(weights, entry.log_likelihood(x, z) + entry.log_prior(z) - log_posterior)


def test_a_posterior_of_one_group_has_the_density_that_it_says() -> None:
    """With one latent map of one number q(z | x) is a Gaussian: log q at draws is that of their mean and spread."""
    entry, x = small(BITS, groups=1, latent_channels=1), examples(BITS, 3)
    z, log_posterior = entry.posterior(x).draw(1)
    assert z.shape == (1, 3, 1)
    law = entry.decoder.top_down.groups[0].law(  # type: ignore[operator]
        entry.decoder.top_down.start.expand(3, -1, -1, -1), entry.encoder(x)[0]
    )
    torch.testing.assert_close(log_posterior, law.log_prob(z))
    torch.testing.assert_close(entry.posterior(x).mean, law.mean)


def test_weights_average_to_the_marginal() -> None:
    """p(x) of every picture of four pixels sums to 1, as the weights' means say."""
    data = DataSpec((1, 2, 2), "binary", image_shape=(1, 2, 2))
    torch.manual_seed(0)
    entry = perturbed(HVAE(data, width=12, shape=[1], groups=2, latent_channels=1), 0.1)
    x = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).reshape(16, 1, 2, 2)
    with torch.no_grad():
        for group in entry.decoder.top_down.groups:
            group.posterior.bias[1] += 2.4  # as wide as the prior and wider: weights then have a small variance
        mean = entry.log_weights(x, 20_000).exp().mean(0)
    assert float(mean.sum()) == pytest.approx(1, abs=0.02)
    drawn = (entry.sample(20_000).flatten(1) @ torch.tensor([8.0, 4.0, 2.0, 1.0])).long().bincount(
        minlength=16
    ) / 20_000
    # A frequency of 20,000 draws errs by 0.0035 at most, times four, and the weights' means by as much.
    torch.testing.assert_close(drawn, mean, atol=0.02, rtol=0)


def test_the_loss_is_the_elbo_with_closed_divergences() -> None:
    entry, x = small(BITS), examples(BITS, 1).expand(4_000, *SHAPE)
    with torch.no_grad():
        loss, weights = entry.loss(x), entry.log_weights(x, 1)[0]
    error = float((loss.var() + weights.var()).sqrt()) / 4_000**0.5
    assert float(loss.mean() + weights.mean()) == pytest.approx(0, abs=4 * error)


def test_free_bits_are_a_groups_own() -> None:
    entry, x = small(BITS, free_bits=1e4), examples(BITS, 6)
    torch.manual_seed(1)
    fit = entry.loss(x) - 3e4
    torch.manual_seed(1)
    z, _ = entry.posterior(x).draw(1)
    torch.testing.assert_close(fit, -entry.log_likelihood(x, z)[0], atol=0.01, rtol=0)


def test_more_samples_tighten_the_bound() -> None:
    assert_bounds_tighten(small(BITS), torch.rand(1024, *SHAPE).round())


def test_mistakes_are_named() -> None:
    for name in ("blocks", "groups", "latent_channels"):
        with pytest.raises(BenchError, match=rf"model\.{name}=0"):
            small(BITS, **{name: 0})
    with pytest.raises(BenchError, match="free_bits"):
        small(BITS, free_bits=-1.0)
    with pytest.raises(NotApplicable, match=r"4x4 go 2 times: use a model\.shape of 2 numbers"):
        small(BITS, shape=[1, 1, 1])
