import pytest

from bench.ode.plan import planned
from bench.ode.runge_kutta import uniform
from bench.ode.tableau import TABLEAUS


def test_a_plan_evaluates_each_time_once_and_leaves_out_what_nothing_depends_on() -> None:
    rk4 = planned(uniform(2), TABLEAUS["rk4"])
    assert rk4.times == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert rk4.lengths == (0.5, 0.5)
    assert [[rk4.pattern.time(step, stage) for stage in range(4)] for step in (0, 1)] == [[0, 1, 1, 2], [2, 3, 3, 4]]
    dopri5 = planned(uniform(2), TABLEAUS["dopri5"])
    assert len(dopri5.pattern.stages) == 6
    assert len(dopri5.times) == 11
    assert sum(stage.weight for stage in dopri5.pattern.stages) == pytest.approx(1)
    midpoint = planned(uniform(2), TABLEAUS["midpoint"])
    assert midpoint.times == (0.0, 0.25, 0.5, 0.75)
