import math

import numpy as np
import pytest
from scipy import stats

from bench.report.intervals import Interval, normal_interval, paired_difference, t_interval


def test_three_values_by_hand() -> None:
    # mean 2, s = 1, t_{0.975, 2} = 4.302653 from a printed table
    mean, half_width, n = t_interval([1.0, 2.0, 3.0])
    assert (mean, n) == (2.0, 3)
    assert half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)


def test_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).normal(5, 2, 11)
    low, high = stats.t.interval(0.95, 10, values.mean(), stats.sem(values))
    found = t_interval(list(values))
    assert found.half_width is not None
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high), rel=1e-12)


def test_covers_the_mean_in_95_of_100_studies_of_three_seeds() -> None:
    rng = np.random.default_rng(1)
    found = [t_interval(list(values)) for values in rng.normal(1.0, 3.0, (4_000, 3))]
    covered = np.mean([abs(mean - 1.0) <= (half or 0.0) for mean, half, _ in found])
    # standard error sqrt(0.95 * 0.05 / 4000) = 0.0034; a normal quantile in place of t would cover only 81 %
    assert covered == pytest.approx(0.95, abs=4 * 0.0034)


def test_one_value_has_no_interval() -> None:
    assert t_interval([3.0]) == Interval(3.0, None, 1)
    assert not t_interval([3.0]).excludes_zero


def test_one_run_has_the_interval_of_its_standard_error() -> None:
    assert normal_interval(3.0, 0.5) == Interval(3.0, pytest.approx(1.959964 * 0.5), 1)
    assert normal_interval(3.0, None) == Interval(3.0, None, 1)


def test_equal_values_have_a_spread_of_exactly_zero() -> None:
    assert t_interval([0.1, 0.1, 0.1]) == Interval(0.1, 0.0, 3)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf, 1.0]])
def test_nothing_or_nan_is_never_averaged(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no interval"):
        t_interval(values)


def test_pairing_removes_what_seeds_share() -> None:
    a, b = {0: 10.0, 1: 20.0, 2: 30.0, 7: 99.0}, {0: 9.0, 1: 19.0, 2: 29.0, 8: -5.0}
    assert paired_difference(a, b) == Interval(1.0, 0.0, 3)
    assert paired_difference({0: 1.0}, {1: 1.0}) is None
