"""Gaussians and a checkerboard, whose best accuracies are known, and the size at which a curve leaves its floor."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.tree import ExtraTreeClassifier
from torch import Tensor

from bench.metrics.c2st import LEAF, accuracy_curve, c2st, forest_votes, labelled, leaves_at, sizes_of


@pytest.mark.parametrize("dim", [2, 30])
def test_it_guesses_between_equal_distributions(dim: int) -> None:
    # binomial sd of 2,000 guesses 0.0112, a tenth more for folds that share training points; four of them
    assert abs(c2st(torch.randn(1000, dim), torch.randn(1000, dim), 0, 10) - 0.5) < 0.05


def test_it_comes_near_the_best_accuracy_for_shifted_gaussians() -> None:
    a, b = torch.randn(1000, 2), torch.randn(1000, 2) + torch.tensor([2.0, 0.0])
    # binomial sd 0.008 around the best, less what a finite training set costs
    assert norm.cdf(1) - 0.06 < c2st(a, b, 0, 10) < norm.cdf(1) + 0.033


def test_it_sees_the_wrong_shape_of_a_checkerboard() -> None:
    def square(n: int) -> Tensor:
        return torch.rand(n, 2) * 8 - 4

    board = square(5000)
    board = board[(board / 2).floor().sum(1) % 2 == 0][:2000]
    # the best answer, "board" on its squares, is right in 3/4 of the cases; chance would be 0.5 +- 0.008
    assert 0.64 < c2st(square(2000), board, 0, 10) < 0.75 + 0.033


def test_it_is_balanced_and_repeatable() -> None:
    a, b = torch.randn(300, 2), torch.randn(3000, 2)
    assert c2st(a, b, 5, 10) == c2st(a, b, 5, 10)
    # an unbalanced set would be told apart by its size in ten of eleven cases; binomial sd 0.02
    assert c2st(a, b, 5, 10) < 0.59


@pytest.mark.parametrize("dim", [2, 30])
def test_its_trees_are_those_of_a_classifier(dim: int) -> None:
    sets = [torch.randn(400, dim).numpy(), 1.5 * torch.randn(400, dim).numpy()]
    training, labels = labelled(sets, np.arange(300))
    points, _ = labelled(sets, np.arange(300, 400))
    votes = np.zeros(len(points))
    for state in np.random.default_rng(0).integers(2**31, size=5):
        tree = ExtraTreeClassifier(min_samples_leaf=LEAF, max_features=dim, random_state=int(state))
        votes += tree.fit(training, labels).predict_proba(points)[:, 1] / 5
    np.testing.assert_allclose(forest_votes(training, labels, points, 0, 5), votes, rtol=0, atol=1e-12)


def test_the_curve_rises_with_the_examples_and_ends_at_c2st() -> None:
    a, b = torch.randn(600, 2), 1.5 * torch.randn(600, 2)
    sizes = sizes_of(600)
    assert sizes == (20, 50, 100, 200, 400)
    curve = accuracy_curve(a, b, sizes, 1, 10)
    assert [size for size, _ in curve] == list(sizes)
    # the best accuracy is .65; binomial sd .014
    assert curve[0][1] < curve[-1][1]
    assert curve[-1] == (400, c2st(a, b, 1, 10))


def test_sizes_end_at_what_a_fold_leaves() -> None:
    assert sizes_of(2000) == (20, 50, 100, 200, 500, 1000)
    assert sizes_of(360) == (20, 50, 100, 200, 240)
    assert sizes_of(10) == (6,)


@pytest.mark.parametrize(
    ("accuracies", "size"), [((0.5, 0.5, 0.5), None), ((0.5, 0.6, 0.7), 50), ((0.6, 0.5, 0.6), 100), ((0.9,) * 3, 20)]
)
def test_a_curve_leaves_where_it_stays_above(accuracies: tuple[float, ...], size: int | None) -> None:
    assert leaves_at(list(zip((20, 50, 100), accuracies, strict=True)), 0.5, 0.05) == size
