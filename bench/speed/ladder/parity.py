"""A check of each row's likelihood: its loss beside a tight solve in float64."""

import torch
from jaxtyping import Float
from torch import Tensor

from bench.laws.gaussian import standard_normal_log_prob
from bench.ode.field import ConcatSquashField
from bench.ode.runge_kutta import solve_on_grid, uniform
from bench.ode.tableau import RK4
from bench.speed.cnf_problem import Problem, Weights
from bench.speed.ladder.rows import Row
from bench.speed.method import Method

REFERENCE_STEPS = 32
"""Steps of RK4 in float64: on the warm field its error is below 1e-6 nats."""

VOID = 0.01
"""Nats between a row and its reference above which the row says nothing."""

SEED = 0


def gap(row: Row, method: Method, problem: Problem, weights: Weights, x: Float[Tensor, "batch dim"]) -> float | None:
    """|loss - reference| in nats at `weights`, the method left there; None for a loss that is no likelihood.

    A method with a probe draws it first of all, so that the reference takes the same one.
    """
    method.load(weights, SEED)
    method.begin()
    torch.manual_seed(SEED)
    loss = method.loss(x)
    if not row.likelihood:
        return None
    torch.manual_seed(SEED)
    probe = None if row.probe is None else row.probe(x)
    return abs(loss - reference(problem.field(weights), x, probe))


def reference(
    field: ConcatSquashField, x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"] | None
) -> float:
    """Mean -log p(x) in nats with the exact trace, or with the probe's estimate in its place; float64."""
    field, x = field.double(), x.double()
    wide = None if probe is None else probe.double()

    def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        time = torch.full((), t, dtype=x.dtype, device=x.device)
        return field.forward_and_divergence(time, x) if wide is None else field.forward_and_probe(time, x, wide)

    with torch.no_grad():
        solution = solve_on_grid(rate, x, uniform(REFERENCE_STEPS), RK4)
        return float((-standard_normal_log_prob(solution.x) - solution.log_det).mean())
