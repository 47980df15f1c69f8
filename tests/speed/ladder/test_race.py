import math

import pytest

from bench.speed.ladder.race import Limits, end

LIMITS = Limits(every=2, patience=2, most_seconds=1.0, slack=20.0, stale=3)


@pytest.mark.parametrize(
    ("values", "seconds", "target", "ended"),
    [
        ([9.0, 8.0], 1.0, None, ""),
        ([9.0, 8.0, 8.5, 8.2], 1.0, None, "stopped improving"),
        ([9.0, 8.0, 8.5, 8.2], 1.0, 7.0, ""),
        ([9.0, 8.0, 8.5, 8.2, 8.1], 1.0, 7.0, "stopped improving"),
        ([9.0, 8.0, 7.0], 1.0, 7.0, "reached"),
        ([9.0, 8.0], 5.0, 7.0, "gave up"),
        ([9.0, 8.0], 5.0, None, "gave up"),
        ([9.0, math.nan], 1.0, 7.0, "diverged"),
    ],
)
def test_a_race_ends_for_one_of_four_reasons(
    values: list[float], seconds: float, target: float | None, ended: str
) -> None:
    curve = [[seconds * (number + 1) / len(values), number, value] for number, value in enumerate(values)]
    assert end(curve, LIMITS, target, most_seconds=5.0) == ended


def test_a_row_that_is_measured_more_seldom_gives_up_after_as_many_steps() -> None:
    limits = Limits(every=5, stale=400)
    seldom = limits.measured(10)
    assert (seldom.every, seldom.stale) == (50, 40)
    assert limits.measured(1) == limits
