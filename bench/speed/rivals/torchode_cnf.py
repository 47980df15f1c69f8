"""The field in torchode (Lienen & Günnemann 2022, arXiv:2210.12375): each example has its own steps of dopri5."""

import torch
import torchode
from jaxtyping import Float
from torch import Tensor

from bench.laws.gaussian import standard_normal_log_prob
from bench.ode.field import ConcatSquashField
from bench.speed.method import FieldLoss
from bench.speed.rivals.ffjord import probed


class TorchodeCNF(FieldLoss):
    """-log p(x) with one Gaussian probe, gradients through the solver's steps."""

    def __init__(self, field: ConcatSquashField, tolerance: float) -> None:
        super().__init__(field)
        self.tolerance = tolerance

    def loss(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Unbiased; the probe is the same through the whole solve."""
        rate = probed(self, torch.randn_like(x))

        def joint(t: Tensor, state: Tensor) -> Tensor:
            return torch.cat(rate(t.unsqueeze(1), (state[:, :-1], state[:, -1:])), 1)

        term = torchode.ODETerm(joint, with_stats=False)
        control = torchode.IntegralController(atol=self.tolerance, rtol=self.tolerance, term=term)
        solver = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), control, backprop_through_step_size_control=False)
        start = torch.cat((x, x.new_zeros(len(x), 1)), 1)
        problem = torchode.InitialValueProblem(start, x.new_zeros(len(x)), x.new_ones(len(x)))
        end: Tensor = solver.solve(problem).ys[:, -1]
        return -standard_normal_log_prob(end[:, :-1]) - end[:, -1]
