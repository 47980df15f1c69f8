"""What of an axis is shown."""

import math

import pytest

from bench.report.intervals import Interval
from bench.report.plots_range import positive_ends, shown_part, top_of


def far(*means: float) -> list[float]:
    edge = shown_part([(mean, 0.01) for mean in means]).edge
    return [mean for mean in means if mean > edge]


def test_one_far_value_flattens_no_other_and_no_near_one_is_cut() -> None:
    assert far(1, 2, 3, 4) == []
    assert far(1, 2, 3, 300) == [300]
    assert far(1, 300) == []
    part = shown_part([(1, 0.1), (2, 0.1), (3, 0.1), (300, 0.1)])
    assert part.low < 1
    assert 3 < part.high < 4
    assert shown_part([(5, 0)]).high > 5


def test_a_wide_interval_is_cut_and_what_must_be_there_is() -> None:
    part = shown_part([(1.0, 0.1), (1.2, 0.1), (1.4, 0.1), (1.6, 500.0)], [0.2])
    assert part.high < 5
    assert part.low < 0.2


def test_far_parts_of_curves_are_cut_where_others_end_near() -> None:
    assert top_of([[1, 2], [1.1, 2.2], [90, 95]]) < 10
    assert top_of([[1, 2], [1.5, 3]]) == 3


def test_an_interval_of_what_cannot_be_negative_stays_above_zero() -> None:
    low, high = positive_ends(Interval(1.0, 1.2, 3))
    assert (low, high) == pytest.approx((math.exp(-1.2), math.exp(1.2)))
    low, high = positive_ends(Interval(10.0, 0.1, 3))
    assert (low, high) == pytest.approx((9.9, 10.1), rel=1e-4)
    assert positive_ends(Interval(1e-9, 5.0, 3))[0] > 0
    assert positive_ends(Interval(2.0, None, 1)) == (2.0, 2.0)
