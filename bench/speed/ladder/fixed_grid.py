"""Steps of RK4 on a fixed grid, differentiated by autograd: with one probe of the divergence, or with its exact trace.

The two rungs between torchdiffeq and the gradient written by hand: they show what the solver's own bookkeeping costs,
and what the exact trace adds to a probe.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from bench.laws.gaussian import standard_normal_log_prob
from bench.ode.field import ConcatSquashField
from bench.ode.runge_kutta import solve_on_grid, uniform
from bench.ode.tableau import RK4
from bench.speed.method import FieldLoss


class FixedGrid(FieldLoss):
    """-log p(x) on a uniform grid; unbiased with one Rademacher probe, else exact but for the grid's error."""

    def __init__(self, field: ConcatSquashField, steps: int, probe: bool) -> None:
        super().__init__(field)
        self.grid, self.probe = uniform(steps), probe

    def loss(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """-log p(x) in nats."""
        probe = rademacher(x) if self.probe else None

        def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
            self.nfe += 1
            time = torch.full((), t, dtype=x.dtype, device=x.device)
            if probe is None:
                return self.field.forward_and_divergence(time, x)
            return self.field.forward_and_probe(time, x, probe)

        solution = solve_on_grid(rate, x, self.grid, RK4)
        return -standard_normal_log_prob(solution.x) - solution.log_det


def rademacher(x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    """±1 with equal chances, the next draws of torch's generator."""
    return torch.empty_like(x).bernoulli_(0.5).mul_(2).sub_(1)
