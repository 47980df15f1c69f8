"""Quantiles of the studentized range are those of SciPy and of the printed tables, in a hundredth of the time."""

import math
import time

import pytest
from scipy.stats import studentized_range

from bench.report.comparison import DEGREES
from bench.report.studentized_range import quantile


@pytest.mark.parametrize(
    ("means", "df", "printed"),
    [(2, 1, 17.97), (3, 10, 3.88), (10, 5, 6.99), (20, 60, 5.24), (5, 2, 10.88), (20, 1, 59.56)],
)
def test_quantiles_are_those_of_the_tables(means: int, df: float, printed: float) -> None:
    """Upper 5 % points of Harter (1960)."""
    assert quantile(0.95, means, df) == pytest.approx(printed, abs=0.006)


@pytest.mark.parametrize(("means", "df"), [(2, 1), (2, 1.5), (4, 1), (7, 3), (12, 30), (40, 1000), (9, math.inf)])
def test_quantiles_are_those_of_scipy(means: int, df: float) -> None:
    assert quantile(0.95, means, df) == pytest.approx(float(studentized_range.isf(0.05, means, df)), rel=1e-8)


def test_all_that_a_large_study_asks_for_take_a_second_or_two() -> None:
    start = time.process_time()
    for means in range(50, 60):
        for df in DEGREES:
            quantile(0.95, means, df)
    assert time.process_time() - start < 10
