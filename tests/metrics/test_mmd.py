"""Gaussians, whose squared MMD has a closed form."""

import math

import pytest
import torch

from bench.errors import NotMeasured
from bench.metrics.mmd import mmd2, pair_mmd2
from bench.metrics.point_clouds import SCALES, Cloud, Pair


def kernel_mean(spread: float, shift: float, dim: int, median: float) -> float:
    """The mean over bandwidths of E exp(-|d|² / (2 width²)) for d ~ N(δ, spread I) with |δ| = shift."""
    totals = [((scale * median) ** 2, (scale * median) ** 2 + spread) for scale in SCALES]
    each = [(square / total) ** (dim / 2) * math.exp(-(shift**2) / (2 * total)) for square, total in totals]
    return sum(each) / len(each)


def test_it_is_unbiased_for_two_gaussians() -> None:
    dim, median, scale, shift = 3, 1.5, 1.4, 0.6
    expected = (
        kernel_mean(2 * scale**2, 0, dim, median)
        + kernel_mean(2, 0, dim, median)
        - 2 * kernel_mean(1 + scale**2, shift, dim, median)
    )
    offset = torch.tensor([shift, 0, 0])

    def one() -> float:
        samples, real = scale * torch.randn(30, dim) + offset, torch.randn(40, dim)
        return pair_mmd2(Pair.of(Cloud.of(samples, median), Cloud.of(real, median)))

    found = torch.tensor([one() for _ in range(1000)])
    error = found.std() / math.sqrt(1000)
    assert abs(found.mean() - expected) < 4 * error
    # the test can tell: the biased statistic would lie (1 - E k)(1/30 + 1/40) higher, by far more than the error
    assert 4 * error < 0.2 * (1 - kernel_mean(2, 0, dim, median)) * (1 / 30 + 1 / 40)


def test_it_averages_zero_between_equal_distributions() -> None:
    found = torch.tensor([mmd2(torch.randn(30, 2), torch.randn(30, 2)) for _ in range(500)])
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(500)
    assert found.min() < 0 < found.max()


def test_its_bandwidths_are_of_the_real_set() -> None:
    real, samples = torch.randn(51, 4), torch.randn(40, 4) + 1
    median = torch.pdist(real.double()).median()

    def kernel(distances: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.exp(-0.5 * (distances / (scale * median)) ** 2) for scale in SCALES]).mean()

    by_hand = (
        kernel(torch.pdist(samples.double()))
        + kernel(torch.pdist(real.double()))
        - 2 * kernel(torch.cdist(samples.double(), real.double()))
    )
    # the same sums in float64
    assert mmd2(samples, real) == pytest.approx(by_hand.item(), rel=1e-9)
    assert mmd2(100 * samples, 100 * real) == pytest.approx(mmd2(samples, real), rel=1e-5)


def test_a_real_set_of_copies_is_not_measured() -> None:
    with pytest.raises(NotMeasured, match="copies of each other"):
        mmd2(torch.randn(10, 2), torch.zeros(10, 2))
