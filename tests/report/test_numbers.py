import pytest

from bench.report.intervals import Interval
from bench.report.numbers import plain, quantity


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (1.23456, 0.0567, "1.235 ± 0.057"),
        (-85.234, 1.44, "-85.2 ± 1.4"),
        (1234.5, 678.9, "1,234 ± 679"),
        (1.25e-7, 0.5e-7, "(1.25 ± 0.50)·10⁻⁷"),
        (2e-12, 0.0, "2·10⁻¹²"),
        (50_003, 0.0, "50,003"),
        (0.5, None, "0.5000"),
        (0.0, None, "0"),
        (0.0, 0.25, "0.00 ± 0.25"),
        (1_234.5, 4e-6, "1,234.50000 ± 4.0·10⁻⁶"),
        (1.0, 1e-9, "1.00000 ± 1.0·10⁻⁹"),
    ],
)
def test_digits_follow_the_interval(mean: float, half_width: float | None, text: str) -> None:
    assert quantity(Interval(mean, half_width, 3)) == text


def test_scale_and_digits() -> None:
    assert quantity(Interval(3 * 2**20, None, 1), scale=2**-20) == "3"
    assert quantity(Interval(0.0312, None, 1), digits=2) == "0.031"
    assert plain(12345.678) == "12,346"
