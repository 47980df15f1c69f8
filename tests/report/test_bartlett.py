"""Bartlett's test is SciPy's."""

import math

import numpy as np
import pytest
from scipy.stats import bartlett

from bench.report.bartlett import p_value


@pytest.mark.parametrize("sizes", [(3, 3), (3, 5, 4), (2, 2, 2, 2), (10,) * 9])
@pytest.mark.parametrize("widest", [1.0, 5.0, 1e3])
def test_probabilities_are_those_of_scipy(sizes: tuple[int, ...], widest: float) -> None:
    rng = np.random.default_rng(len(sizes))
    samples = [rng.normal(7.0, widest if place == 0 else 1.0, size) for place, size in enumerate(sizes)]
    assert p_value(samples) == pytest.approx(float(bartlett(*samples).pvalue), rel=1e-9, abs=1e-300)


def test_one_sample_that_does_not_vary_is_told_apart_and_only_such_are_not() -> None:
    varied, constant = np.array([1.0, 2.0, 4.0]), np.ones(3)
    assert p_value([varied, constant]) == 0
    assert math.isnan(p_value([constant, constant]))
    assert math.isnan(p_value([varied, np.ones(1)]))
