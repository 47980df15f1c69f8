"""Gaussians, whose distances have closed forms, and a checkerboard, whose classifier has a known best accuracy."""

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm
from torch import Tensor

from bench.errors import Diverged, NotMeasured
from bench.metrics.samples import c2st, compare, gaussian_mmd2, mmd2, sliced_w2


def kernel_mean(spread: float, shift: float, dim: int, width: float) -> float:
    """E exp(-|d|² / (2 width²)) for d ~ N(δ, spread I) with |δ| = shift."""
    total = width**2 + spread
    return (width**2 / total) ** (dim / 2) * math.exp(-(shift**2) / (2 * total))


def test_mmd2_is_unbiased_for_two_gaussians() -> None:
    dim, width, scale, shift = 3, 1.5, 1.4, 0.6
    expected = (
        kernel_mean(2 * scale**2, 0, dim, width)
        + kernel_mean(2, 0, dim, width)
        - 2 * kernel_mean(1 + scale**2, shift, dim, width)
    )
    offset = torch.tensor([shift, 0, 0])
    found = torch.tensor(
        [gaussian_mmd2(scale * torch.randn(30, dim) + offset, torch.randn(40, dim), [width]) for _ in range(1000)]
    )
    error = found.std() / math.sqrt(1000)
    assert abs(found.mean() - expected) < 4 * error
    # the test can tell: the biased statistic would lie (1 - E k)(1/30 + 1/40) higher, by far more than the error
    assert 4 * error < 0.2 * (1 - kernel_mean(2, 0, dim, width)) * (1 / 30 + 1 / 40)


def test_mmd2_averages_zero_between_equal_distributions() -> None:
    found = torch.tensor([mmd2(torch.randn(30, 2), torch.randn(30, 2)) for _ in range(500)])
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(500)
    assert found.min() < 0 < found.max()


def test_mmd2_takes_its_bandwidths_from_the_real_set() -> None:
    real, samples = torch.randn(51, 4), torch.randn(40, 4) + 1
    distances = torch.pdist(real.double())
    widths = [scale * distances.median().item() for scale in (0.25, 0.5, 1, 2, 4)]
    # the same sums in float64
    assert mmd2(samples, real) == pytest.approx(gaussian_mmd2(samples, real, widths), rel=1e-9)
    assert mmd2(100 * samples, 100 * real) == pytest.approx(mmd2(samples, real), rel=1e-5)


def test_mmd2_of_a_real_set_of_copies_is_not_measured_and_costs_no_other_distance() -> None:
    with pytest.raises(NotMeasured, match="copies of each other"):
        mmd2(torch.randn(10, 2), torch.zeros(10, 2))
    found = compare(torch.randn(30, 2), torch.zeros(30, 2), projections=4, trees=10, seed=0)
    assert found.keys() == {"sliced_w2", "c2st", "warning"}
    assert found["warning"] == "mmd2: most of the points that set its bandwidths are copies of each other"


def test_sliced_w2_in_one_dimension_is_the_best_assignment() -> None:
    a, b = torch.randn(60, 1), torch.rand(60, 1) * 3
    cost = (a - b.T).double().square().numpy()
    best = math.sqrt(cost[linear_sum_assignment(cost)].mean())
    # every direction of the line is the line itself
    assert sliced_w2(a, b, 3, torch.Generator()) == pytest.approx(best, rel=1e-6)


def test_sliced_w2_of_shifted_gaussians() -> None:
    shift = torch.tensor([1.0, -2.0, 0.5, 0.0])
    found = sliced_w2(torch.randn(5000, 4), torch.randn(5000, 4) + shift, 2000, torch.Generator().manual_seed(0))
    # E (shift . direction)² = |shift|² / 4; 2,000 directions give 2.5 % of sd to the square, the points 2 %
    assert found**2 == pytest.approx(shift.square().sum().item() / 4, rel=0.13)


def test_sliced_w2_needs_equal_sizes() -> None:
    with pytest.raises(ValueError, match="got 3 and 4"):
        sliced_w2(torch.randn(3, 2), torch.randn(4, 2), 5, torch.Generator())


@pytest.mark.parametrize("dim", [2, 30])
def test_c2st_guesses_between_equal_distributions(dim: int) -> None:
    # binomial sd of 2,000 guesses 0.0112, a tenth more for folds that share training points; four of them
    assert abs(c2st(torch.randn(1000, dim), torch.randn(1000, dim), 0) - 0.5) < 0.05


def test_c2st_comes_near_the_best_accuracy_for_shifted_gaussians() -> None:
    a, b = torch.randn(1000, 2), torch.randn(1000, 2) + torch.tensor([2.0, 0.0])
    # binomial sd 0.008 around the best, less what a finite training set costs
    assert norm.cdf(1) - 0.05 < c2st(a, b, 0) < norm.cdf(1) + 0.033


def test_c2st_sees_the_wrong_shape_of_a_checkerboard() -> None:
    def square(n: int) -> Tensor:
        return torch.rand(n, 2) * 8 - 4

    board = square(5000)
    board = board[(board / 2).floor().sum(1) % 2 == 0][:2000]
    # the best answer, "board" on its squares, is right in 3/4 of the cases; chance would be 0.5 +- 0.008
    assert 0.65 < c2st(square(2000), board, 0) < 0.75 + 0.033


def test_c2st_is_balanced_and_repeatable() -> None:
    a, b = torch.randn(300, 2), torch.randn(3000, 2)
    assert c2st(a, b, 5) == c2st(a, b, 5)
    # an unbalanced set would be told apart by its size in ten of eleven cases; binomial sd 0.02
    assert c2st(a, b, 5) < 0.59


def test_compare_is_the_three_distances_of_equally_many_flat_points() -> None:
    a, b = torch.randn(300, 2, 2) + 1, torch.randn(250, 2, 2)
    found = compare(a, b, projections=16, trees=7, seed=3)
    assert found == {
        "mmd2": mmd2(a[:250], b),
        "sliced_w2": sliced_w2(a[:250].flatten(1), b.flatten(1), 16, torch.Generator().manual_seed(3)),
        "c2st": c2st(a[:250], b, 3, trees=7),
    }


def test_compare_calls_broken_samples_a_divergence() -> None:
    samples = torch.randn(20, 2)
    samples[3, 0], samples[5] = torch.nan, torch.inf
    with pytest.raises(Diverged, match="2 of 20 samples"):
        compare(samples, torch.randn(20, 2), projections=4, trees=5, seed=0)
