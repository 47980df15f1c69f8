from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.laws.gaussian import standard_normal_log_prob
from bench.ode.field import ConcatSquashField
from bench.ode.runge_kutta import solve_on_grid, uniform
from bench.ode.tableau import RK4, RK38, Tableau
from bench.speed.cnf_problem import next_batches
from bench.speed.ladder.fixed_grid import rademacher
from bench.speed.ladder.parity import SEED, gap, reference
from bench.speed.ladder.rows import ROWS, STOCK, Row
from bench.speed.method import InProcess
from tests.speed.ladder.helpers import CPU, strong_weights, tiny

IN_PROCESS = [row for row in ROWS if row.library != "JAX" and row.key not in {"compiled", "graph"}]
WITH_LIKELIHOOD = [row for row in IN_PROCESS if row.likelihood]
ON_THE_GRID = [row for row in WITH_LIKELIHOOD if row.key in {"rk4", "grid-probe", "grid-exact", "by-hand"}]
ADAPTIVE = [row for row in WITH_LIKELIHOOD if row not in ON_THE_GRID]


def each(rows: list[Row]):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.key)


def started(row: Row, problem, weights) -> InProcess:
    if row.missing(CPU):
        pytest.skip(str(row.missing(CPU)))
    method = row.start(problem)
    assert isinstance(method, InProcess)
    method.load(weights, SEED)
    method.begin()
    return method


def by_reference(row: Row, problem, weights, x: Tensor, steps: int, tableau: Tableau = RK4) -> tuple[float, Tensor]:
    """The loss and its gradient in float64, with the probe that the row's seed draws."""
    torch.manual_seed(SEED)
    probe = None if row.probe is None else row.probe(x).double()
    field, x = problem.field(weights).double(), x.double()

    def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        time = torch.full((), t, dtype=x.dtype)
        return field.forward_and_divergence(time, x) if probe is None else field.forward_and_probe(time, x, probe)

    found = solve_on_grid(rate, x, uniform(steps), tableau)
    loss = (-standard_normal_log_prob(found.x) - found.log_det).mean()
    loss.backward()
    return float(loss.detach()), gradient(field)


def gradient(field: ConcatSquashField) -> Tensor:
    return torch.cat([parameter.grad.flatten().double() for parameter in field.parameters()])


@each(ON_THE_GRID)
def test_rows_on_the_grid_have_the_loss_and_the_gradient_of_its_float64_solve(row: Row) -> None:
    problem = tiny()
    weights, x = strong_weights(), next_batches(problem.batches(1), 1)[0]
    method = started(row, problem, weights)
    torch.manual_seed(SEED)
    loss = method.loss(x)
    tableau = RK38 if row.key == "rk4" else RK4
    expected, slopes = by_reference(row, problem, weights, x, problem.setting.steps, tableau)
    # Single precision, some hundred operations deep.
    assert loss == pytest.approx(expected, rel=1e-5, abs=1e-5)
    torch.testing.assert_close(gradient(method.field), slopes, rtol=1e-3, atol=1e-5)


@each(ADAPTIVE)
def test_adaptive_rows_have_the_loss_and_the_gradient_of_a_tight_solve(row: Row) -> None:
    problem = tiny()
    weights, x = strong_weights(), next_batches(problem.batches(1), 1)[0]
    method = started(row, problem, weights)
    torch.manual_seed(SEED)
    loss = method.loss(x)
    expected, slopes = by_reference(row, problem, weights, x, 64)
    # Each step may err by 1e-5, of the log-determinant in zuko by 1e-3, and there are ten or so. The gradient is solved
    # to the same tolerance; each of its numbers is held against the largest. The seminorm leaves them out of the
    # control of the steps, so that they err by several times as much.
    error = 5e-3 if row.key == "zuko" else 2e-4
    assert loss == pytest.approx(expected, abs=error)
    of_gradient = 1e-3 if row.key == "seminorm" else error
    assert float((gradient(method.field) - slopes).abs().max()) < of_gradient * float(slopes.abs().max())


@each(WITH_LIKELIHOOD)
def test_the_gap_is_small_where_the_grid_is_fine(row: Row) -> None:
    problem, weights = tiny(steps=16), strong_weights()
    x = next_batches(problem.batches(1), 1)[0]
    found = gap(row, started(row, problem, weights), problem, weights, x)
    assert found is not None
    assert found < (5e-3 if row.key == "zuko" else 2e-4)  # as above


def test_the_gap_tells_a_wrong_estimate() -> None:
    problem, weights = tiny(), strong_weights()
    x = next_batches(problem.batches(1), 1)[0]
    for wrong in (replace(STOCK, probe=rademacher), replace(STOCK, probe=None)):
        found = gap(wrong, started(STOCK, problem, weights), problem, weights, x)
        assert found is not None
        assert found > 1e-3  # five times what the right one may be


@each([row for row in IN_PROCESS if not row.likelihood])
def test_flow_matching_has_no_likelihood_to_compare(row: Row) -> None:
    problem, weights = tiny(), strong_weights()
    x = next_batches(problem.batches(1), 1)[0]
    assert gap(row, started(row, problem, weights), problem, weights, x) is None


def test_a_probe_is_right_on_average() -> None:
    # 4,000 copies of an example, a probe each: the mean estimate is the exact divergence within five standard errors.
    problem, weights = tiny(), strong_weights()
    x = next_batches(problem.batches(1), 1)[0][:1].expand(4_000, 3).contiguous()
    method = started(STOCK, problem, weights)
    losses = method.module.loss(x).detach()
    expected = reference(problem.field(weights), x[:1], None)
    assert abs(float(losses.mean()) - expected) < 5 * float(losses.std()) / 4_000**0.5
