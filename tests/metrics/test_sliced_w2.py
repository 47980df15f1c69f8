"""The line, where the best assignment is known, and Gaussians, whose distance has a closed form."""

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from bench.metrics.sliced_w2 import sliced_w2


def test_in_one_dimension_it_is_the_best_assignment() -> None:
    a, b = torch.randn(60, 1), torch.rand(60, 1) * 3
    cost = (a - b.T).double().square().numpy()
    best = math.sqrt(cost[linear_sum_assignment(cost)].mean())
    # every direction of the line is the line itself
    assert sliced_w2(a, b, 3, torch.Generator()) == pytest.approx(best, rel=1e-6)


def test_of_shifted_gaussians() -> None:
    shift = torch.tensor([1.0, -2.0, 0.5, 0.0])
    found = sliced_w2(torch.randn(5000, 4), torch.randn(5000, 4) + shift, 2000, torch.Generator().manual_seed(0))
    # E (shift . direction)² = |shift|² / 4; 2,000 directions give 2.5 % of sd to the square, the points 2 %
    assert found**2 == pytest.approx(shift.square().sum().item() / 4, rel=0.13)


def test_it_needs_equal_sizes() -> None:
    with pytest.raises(ValueError, match="got 3 and 4"):
        sliced_w2(torch.randn(3, 2), torch.randn(4, 2), 5, torch.Generator())
