"""The flow of every kind of field at every depth: its Jacobian, its gradients, its density."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torchdiffeq import odeint

from bench.ode.field import FIELDS
from bench.ode.runge_kutta import solve_on_grid, uniform
from bench.ode.tableau import DOPRI5, RK4
from tests.ode.helpers import HIDDEN, rate_of, rough

every_flow = pytest.mark.parametrize(("kind", "layers"), list(itertools.product(FIELDS, HIDDEN)))


@every_flow
def test_log_det_is_that_of_the_flows_jacobian(kind: str, layers: int) -> None:
    """At d = 5, on a grid that leaves the two 2e-8 apart at worst: the method's error, no other."""
    rate, x = rate_of(rough(kind, layers, 5)), torch.randn(3, 5).double()
    found = solve_on_grid(rate, x, uniform(24), DOPRI5)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: solve_on_grid(rate, row[None], uniform(24), DOPRI5).x[0]))(
        x
    )
    assert found.log_det.abs().max() > 0.1
    torch.testing.assert_close(found.log_det, torch.linalg.slogdet(jacobian).logabsdet, rtol=0, atol=1e-7)


@every_flow
def test_gradients_agree_with_a_tight_adaptive_solve(kind: str, layers: int) -> None:
    f, x = rough(kind, layers, 3), torch.randn(6, 3).double()

    def objective(end: Tensor, log_det: Tensor) -> Tensor:
        return (end.square().sum(1) - log_det).mean()

    def joined(t: Tensor, state: Tensor) -> Tensor:
        value, divergence = f.forward_and_divergence(t, state[:, :-1])
        return torch.cat((value, divergence[:, None]), 1)

    start = torch.cat((x, torch.zeros(6, 1).double()), 1)
    path = odeint(joined, start, torch.tensor([0.0, 1.0]).double(), rtol=1e-10, atol=1e-10, method="dopri5")
    expected = torch.autograd.grad(objective(path[-1, :, :-1], path[-1, :, -1]), list(f.parameters()))
    found = solve_on_grid(rate_of(f), x, uniform(40), DOPRI5)
    got = torch.autograd.grad(objective(found.x, found.log_det), list(f.parameters()))
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


@every_flow
def test_the_density_of_a_flow_integrates_to_one(kind: str, layers: int) -> None:
    axis = torch.linspace(-9, 9, 201).double()
    points = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        found = solve_on_grid(rate_of(rough(kind, layers, 2)), points, uniform(16), RK4)
    log_prob = -0.5 * found.x.square().sum(1) - math.log(2 * math.pi) + found.log_det
    edge = log_prob.view(201, 201)[[0, -1]].amax()
    assert edge < -15
    # A smooth density on a lattice of spacing 0.09 that it has left at the edge: what is seen is the solver's error.
    assert float(log_prob.exp().sum() * (axis[1] - axis[0]) ** 2) == pytest.approx(1, abs=1e-5)
