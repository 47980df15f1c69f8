"""Steps against expm, the log-determinant against the flow's own Jacobian."""

import math

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.ode.runge_kutta import Rate, Tolerance, solve_on_grid, uniform
from bench.ode.tableau import TABLEAUS, Tableau
from tests.ode.helpers import rate_of, rough

every_tableau = pytest.mark.parametrize("method", TABLEAUS.values(), ids=TABLEAUS)
STEPS = {1: 64, 2: 16, 3: 8, 4: 6, 5: 5}


def linear(matrix: Tensor) -> Rate:
    """f(t, x) = A x cos t, with time in it so that the nodes matter: x(t) = expm(A sin t) x(0)."""
    return lambda t, x: (math.cos(t) * x @ matrix.T, math.cos(t) * matrix.trace().expand(len(x)))


@every_tableau
def test_order_of_convergence_on_a_linear_field(method: Tableau) -> None:
    torch.manual_seed(0)
    matrix, x = torch.randn(4, 4).double(), torch.randn(8, 4).double()
    exact = x @ torch.linalg.matrix_exp(matrix * math.sin(1)).T
    trace = float(matrix.trace()) * math.sin(1)

    def errors(steps: int) -> Tensor:
        found = solve_on_grid(linear(matrix), x, uniform(steps), method)
        return torch.stack([(found.x - exact).abs().max(), (found.log_det - trace).abs().max()])

    steps = STEPS[method.order] * 4
    orders = torch.log2(errors(steps) / errors(2 * steps))
    # The next term of the error's expansion is not yet gone: it moves the slope by a tenth or two, and by more where
    # the first is as small as tsit5's. That none has a higher order is a matter of its conditions, see test_tableau.
    assert (orders > method.order - 0.35).all()
    assert orders[0] < method.order + 0.6


@every_tableau
def test_log_det_is_that_of_the_flows_jacobian(method: Tableau) -> None:
    """At d = 5 in float64, on grids so fine that the two differ by the method's error alone."""
    f, x = rough("concatsquash", 2, 5), torch.randn(3, 5).double()
    steps = {1: 4000, 2: 400, 3: 100, 4: 40, 5: 24}[method.order]
    found = solve_on_grid(rate_of(f), x, uniform(steps), method)
    jacobian = torch.func.vmap(
        torch.func.jacrev(lambda row: solve_on_grid(rate_of(f), row[None], uniform(steps), method).x[0])
    )(x)
    tolerance = 5e-3 if method.order == 1 else 1e-5
    torch.testing.assert_close(found.log_det, torch.linalg.slogdet(jacobian).logabsdet, rtol=0, atol=tolerance)


@every_tableau
def test_the_way_back_undoes_the_way(method: Tableau) -> None:
    f, x = rough("concatsquash", 2, 3), torch.randn(5, 3).double()
    steps = {1: 4000, 2: 400, 3: 100, 4: 40, 5: 24}[method.order]
    there = solve_on_grid(rate_of(f), x, uniform(steps), method)
    back = solve_on_grid(rate_of(f), there.x, uniform(steps, 1.0, 0.0), method)
    tolerance = 1e-2 if method.order == 1 else 1e-5
    torch.testing.assert_close(back.x, x, rtol=0, atol=tolerance)
    torch.testing.assert_close(back.log_det, -there.log_det, rtol=0, atol=tolerance)


def test_a_reused_last_stage_saves_an_evaluation_a_step() -> None:
    calls = []

    def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(t)
        return -x, -x.sum(1)

    solve_on_grid(rate, torch.ones(2, 1), uniform(5), TABLEAUS["dopri5"])
    assert len(calls) == 7 + 4 * 6
    calls.clear()
    solve_on_grid(rate, torch.ones(2, 1), uniform(5), TABLEAUS["rk4"])
    assert len(calls) == 20


@pytest.mark.parametrize("name", ["bosh3", "dopri5", "tsit5"])
def test_an_examples_error_is_its_own_and_near_the_true_one(name: str) -> None:
    f = rough("concatsquash", 2, 2)
    calm, wild = torch.zeros(1, 2).double(), torch.full((1, 2), 3.0).double()
    tolerance, method = Tolerance(1e-6, 1e-6), TABLEAUS[name]
    alone = solve_on_grid(rate_of(f), calm, uniform(4), method, tolerance).errors
    beside = solve_on_grid(rate_of(f), torch.cat([calm, wild]), uniform(4), method, tolerance).errors
    assert beside.shape == (4, 2)
    torch.testing.assert_close(alone[:, 0], beside[:, 0])
    # One step's estimate is the error of the lower order, at least as large as what the method itself commits.
    step = solve_on_grid(rate_of(f), wild, [0.0, 0.05], method, tolerance)
    exact = solve_on_grid(rate_of(f), wild, uniform(20, 0.0, 0.05), TABLEAUS["dopri5"])
    lower = step.errors[0, 0].item()
    committed = float((step.x - exact.x).detach().square().mean().sqrt()) / (1e-6 * (1 + 3))
    assert committed < 2 * lower


@pytest.mark.parametrize("grid", [[0.0], [0.0, 0.5, 0.5, 1.0], [0.0, 1.0, 0.5]])
def test_what_is_no_grid_is_refused(grid: list[float]) -> None:
    with pytest.raises(BenchError, match="not a grid"):
        solve_on_grid(linear(torch.eye(2)), torch.ones(1, 2), grid, TABLEAUS["euler"])


def test_an_error_needs_an_embedded_method() -> None:
    with pytest.raises(BenchError, match="rk4 has no embedded error: take bosh3"):
        solve_on_grid(linear(torch.eye(2)), torch.ones(1, 2), [0.0, 1.0], TABLEAUS["rk4"], Tolerance(1e-3, 1e-3))


@pytest.mark.parametrize(
    ("rtol", "atol"), [(0.0, 1e-5), (1e-5, 0.0), (-1e-5, 1e-5), (math.nan, 1e-5), (1e-5, math.inf)]
)
def test_what_is_no_tolerance_is_refused(rtol: float, atol: float) -> None:
    """With 0 no step would do; with infinity or NaN every step would."""
    name, value = ("rtol", rtol) if atol == 1e-5 else ("atol", atol)
    with pytest.raises(BenchError, match=rf"^{name}={value} is not a tolerance: give a finite number above 0"):
        Tolerance(rtol, atol)
