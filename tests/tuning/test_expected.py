"""The closed form against every order of the trials."""

import math
from itertools import permutations

import pytest

from bench.tuning.expected import expected_best


@pytest.mark.parametrize("values", [[3.0], [2.0, 1.0], [5.0, 1.0, 4.0, 1.0, 3.5], [7.0, 6.0, 100.0, -2.0, 0.5, 0.25]])
def test_it_is_the_mean_over_every_order(values: list[float]) -> None:
    orders = list(permutations(values))
    for k, mean in expected_best(values):
        assert mean == pytest.approx(sum(min(order[:k]) for order in orders) / len(orders), rel=1e-12)
    assert [k for k, _ in expected_best(values)] == list(range(1, len(values) + 1))


def test_a_curve_falls_to_the_best_and_begins_at_the_mean() -> None:
    values = [3.0, 1.0, 2.0, 10.0]
    means = [mean for _, mean in expected_best(values)]
    assert means[0] == 4.0
    assert means[-1] == 1.0
    assert means == sorted(means, reverse=True)


def test_trials_without_a_value_come_into_every_order() -> None:
    """Those that diverged are worse than any; the curve begins where each order has met one that did not."""
    values = [2.0, None, 1.0, None]
    orders = list(permutations(math.inf if value is None else value for value in values))
    curve = expected_best(values)
    assert [k for k, _ in curve] == [3, 4]
    for k, mean in curve:
        assert mean == pytest.approx(sum(min(order[:k]) for order in orders) / len(orders), rel=1e-12)


def test_without_any_value_there_is_no_curve() -> None:
    assert expected_best([None, None]) == []
    assert expected_best([]) == []
