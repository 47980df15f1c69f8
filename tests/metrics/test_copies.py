"""Authenticity and C_T on points whose neighbours are known, and the Mann-Whitney statistic beside SciPy's."""

import math

import pytest
import torch
from scipy.stats import mannwhitneyu

from bench.errors import NotMeasured
from bench.metrics.authenticity import authenticity
from bench.metrics.data_copying import cell_centres, copying_z, mann_whitney_z
from bench.metrics.nearest import nearest


def authentic(samples: torch.Tensor, training: torch.Tensor) -> float:
    distances, places = (found[:, 0] for found in nearest(samples.double(), training.double()))
    return authenticity(distances, places, training.double())


def test_a_sample_is_authentic_where_it_is_farther_than_the_next_training_example() -> None:
    training = torch.tensor([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0]])
    # nearest at 0, .9, 1.1 and 8; their own neighbours at 1, 1, 1 and 9
    samples = torch.tensor([[0.0, 0.0], [-0.9, 0.0], [-1.1, 0.0], [18.0, 0.0]])
    assert authentic(samples, training) == pytest.approx(1 / 4)


@pytest.mark.parametrize("dim", [2, 20])
def test_copies_are_not_authentic_and_many_fresh_draws_are(dim: int) -> None:
    training = torch.randn(2000, dim)
    assert authentic(training[:500] + 1e-3 * torch.randn(500, dim), training) < 0.02
    assert authentic(torch.randn(500, dim), training) > 0.3


def test_the_z_is_that_of_scipy_and_counts_ties_half() -> None:
    a, b = torch.tensor([1.0, 2.0, 2.0, 5.0]), torch.tensor([2.0, 0.0, 3.0])
    larger = mannwhitneyu(a, b).statistic
    # 1 is above one of b, each 2 above one and level with another, 5 above all three
    assert larger == 1 + 2 * 1.5 + 3
    assert mann_whitney_z(a, b) == pytest.approx((larger - 6) / math.sqrt(4 * 3 * 8 / 12))
    assert mann_whitney_z(b, a) == pytest.approx(-mann_whitney_z(a, b))


def test_the_z_of_equal_laws_is_standard_normal() -> None:
    found = torch.tensor([mann_whitney_z(torch.rand(30), torch.rand(40)) for _ in range(500)])
    assert abs(found.mean()) < 4 / math.sqrt(500)
    assert found.std() == pytest.approx(1, abs=4 / math.sqrt(1000))


def test_cells_are_weighted_by_their_test_examples_and_small_ones_left_out() -> None:
    near, far = torch.zeros(20), torch.ones(20)
    samples, test = torch.cat([near, far, far[:5]]), torch.cat([far, near, near, near[:5]])
    of_samples = torch.tensor([0] * 20 + [1] * 20 + [2] * 5)
    of_test = torch.tensor([0] * 20 + [1] * 40 + [2] * 5)
    copied, spread = mann_whitney_z(near, far), mann_whitney_z(far, torch.zeros(40))
    expected = (20 * copied + 40 * spread) / 60
    assert copying_z(samples, test, of_samples, of_test, 3) == pytest.approx(expected)
    with pytest.raises(NotMeasured, match="no cell"):
        copying_z(near[:5], far, torch.zeros(5), torch.zeros(20), 1)


def test_there_are_as_many_cells_as_test_examples_fill() -> None:
    training = torch.randn(500, 3).double()
    assert [len(cell_centres(training, n, 0)) for n in (20, 120, 5000)] == [1, 3, 10]
