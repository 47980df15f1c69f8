"""What tests of entries share."""

import itertools
import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from bench.models.entry import Entry
from bench.models.parts.coders import DiagonalEncoder, LogScaleHead
from bench.models.parts.importance import iwae
from bench.models.parts.latent import LatentEntry
from bench.spec import DataSpec

Net = TypeVar("Net", bound=nn.Module)


def perturbed(net: Net, scale: float = 0.2) -> Net:
    """The net with noise on every parameter: an identity start hides wrong signs."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return net


Build = Callable[..., Entry]
"""An entry's class, or a part of it with options."""


def count(build: Build, data: DataSpec, width: int) -> int:
    return sum(p.numel() for p in build(data, width=width).parameters())


def assert_budgets_are_met(build: Build, data: DataSpec, least: int, neighbours: int) -> None:
    """From `least` on, neighbouring counts differ by at most 4 %, so that the nearer one is within 2 % of any target.

    What a unit more costs grows no faster than the width, so that its share of the count is largest at `least`. One
    layer in turn gets it: so many neighbours show every layer.
    """
    low, high = 1, 2048
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count(build, data, middle) >= least else (middle + 1, high)
    counts = [count(build, data, width) for width in range(max(low - 1, 1), low + neighbours)]
    assert counts[0] <= 1.02 * least
    for before, after in itertools.pairwise(counts):
        assert 0 < after - before <= 0.04 * max(least, (before + after) / 2)


def example(data: DataSpec, n: int) -> Tensor:
    """Standard normal coordinates, or fair bits."""
    noise = torch.randn(n, *data.event_shape)
    return (noise > 0).float() if data.kind == "binary" else noise


def widened(entry: LatentEntry) -> None:
    """Brings a fresh diagonal posterior near N(0, 1.5²) and a decoder's scales near 1.

    Importance weights then have a variance, though a small one, and a lattice sees every peak.
    """
    encoder = entry.encoder
    assert isinstance(encoder, DiagonalEncoder)
    with torch.no_grad():
        for module in entry.modules():
            if isinstance(module, LogScaleHead):
                module.linear.bias += 2.0
        encoder.scale_head.linear.bias += 0.4
        encoder.mean_head.weight *= 0.3


def grid(latent_size: int, reach: float = 8.0, points: int = 161) -> tuple[Tensor, float]:
    """`(points ** latent_size, latent_size)` nodes of a lattice on [-reach, reach] and the volume of its cells."""
    axis = torch.linspace(-reach, reach, points)
    nodes = torch.cartesian_prod(*[axis] * latent_size).reshape(-1, latent_size)
    return nodes, (2 * reach / (points - 1)) ** latent_size


def log_marginal(entry: LatentEntry, x: Tensor) -> Tensor:
    """log ∫ p(x | z) p(z) dz of each example, summed over a lattice."""
    z, volume = grid(entry.latent_size)
    fit = entry.decoder.log_prob(x.flatten(1), z[:, None].expand(-1, len(x), -1))
    return torch.logsumexp(fit + entry.log_prior(z)[:, None], 0) + math.log(volume)


def assert_weights_average_to_the_marginal(entry: LatentEntry, x: Tensor, samples: int = 4000) -> None:
    """IWAE-K agrees with the quadrature of the marginal: decoder, prior, and what q draws and says of its draws."""
    with torch.no_grad():
        log_weights = entry.log_weights(x, samples)
        result = iwae(log_weights)
        error = (result.value - log_marginal(entry, x)) / result.standard_error
    # With hundreds of weights that count, some twenty nearly standard normal errors.
    assert torch.softmax(log_weights, 0).square().sum(0).max() < 1 / 200
    assert error.abs().max() < 4.5


def assert_bounds_tighten(entry: LatentEntry, x: Tensor) -> None:
    with torch.no_grad():
        one, ten, hundred = (iwae(entry.log_weights(x, samples)).value.mean() for samples in (1, 10, 100))
    assert one < ten < hundred


def assert_prior_draws_follow_its_density(entry: LatentEntry, n: int = 20_000) -> None:
    """The density of a prior of two coordinates sums to 1, and draws have its mean and second moments."""
    z, volume = grid(2, 16.0, 321)
    with torch.no_grad():
        mass = entry.log_prior(z).exp() * volume
        draws = entry.prior_sample(n)
    # Smooth on the scale of a cell, 0.1.
    assert abs(mass.sum() - 1) < 2e-3
    for power in (1, 2, 4):
        moment, spread = (mass @ z.pow(power), (mass @ z.pow(2 * power)).sqrt())
        # Five standard errors, and the lattice's.
        assert ((draws.pow(power).mean(0) - moment).abs() < 5 * spread / n**0.5 + 0.01 * spread).all()
    cross = mass @ z.prod(1)
    assert (draws.prod(1).mean() - cross).abs() < 5 * ((mass @ z.prod(1).square()) / n).sqrt() + 0.01
