"""FFJORD as published (Grathwohl et al. 2019, arXiv:1810.01367; its code's `odefunc.py` and `diffeq_layers`).

Each layer is linear, its output gated and shifted example by example; the divergence is a probe of the Jacobian that
autograd differentiates a second time; torchdiffeq's dopri5 solves forward and, by the adjoint, back, with its own norm
over the state, the adjoint and every parameter.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torchdiffeq import odeint_adjoint

from bench.laws.gaussian import standard_normal_log_prob
from bench.ode.field import ConcatSquashField
from bench.speed.method import FieldLoss

Times = Float[Tensor, ""] | Float[Tensor, "batch 1"]
LinearFunction = Callable[[Tensor, Tensor, Tensor], Tensor]
"""x Wᵀ + b, twice differentiable."""


class Published(FieldLoss):
    """-log p(x) with one Gaussian probe, dopri5, adjoint."""

    def __init__(
        self, field: ConcatSquashField, tolerance: float, linear: LinearFunction = torch.nn.functional.linear
    ) -> None:
        super().__init__(field)
        self.tolerance, self.linear = tolerance, linear

    def loss(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Unbiased; the probe is the same through the whole solve."""
        rate = probed(self, torch.randn_like(x), self.linear)
        times = torch.tensor([0.0, 1.0], device=x.device)
        path: tuple[Tensor, Tensor] = odeint_adjoint(
            rate,
            (x, x.new_zeros(len(x), 1)),
            times,
            rtol=self.tolerance,
            atol=self.tolerance,
            method="dopri5",
            adjoint_params=tuple(self.field.parameters()),
        )
        z, log_det = (part[-1] for part in path)
        return -standard_normal_log_prob(z) - log_det.squeeze(1)


ProbedRate = Callable[[Times, tuple[Tensor, Tensor]], tuple[Tensor, Tensor]]


def probed(
    objective: FieldLoss, probe: Float[Tensor, "batch dim"], linear: LinearFunction = torch.nn.functional.linear
) -> ProbedRate:
    """The rate of (x, log-determinant), eᵀ J e by differentiating the field; counts its calls in `objective.nfe`."""

    def rate(t: Times, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        objective.nfe += 1
        with torch.enable_grad():
            x = state[0].requires_grad_(True)
            value = layers(objective.field, t, x, linear)
            (vector,) = torch.autograd.grad(value, x, probe, create_graph=True)
            return value, (vector * probe).sum(1, keepdim=True)

    return rate


def layers(
    field: ConcatSquashField,
    t: Times,
    x: Float[Tensor, "batch dim"],
    linear: LinearFunction = torch.nn.functional.linear,
) -> Float[Tensor, "batch dim"]:
    """f(t, x), t one time for all or one for each example: (W h + b) sigmoid(gate(t)) + shift(t) layer by layer."""
    units = (field.bias, field.gate_slope, field.gate_offset, field.shift_slope)
    parts = zip(field.weights, *(torch.split(unit, field.sizes) for unit in units), strict=True)  # type: ignore[no-untyped-call]
    h = x
    for number, (weight, bias, gate_slope, gate_offset, shift_slope) in enumerate(parts):
        inputs = field.activation.value(h) if number else h
        gate = torch.sigmoid(gate_slope * t + gate_offset)
        h = linear(inputs, weight, bias) * gate + shift_slope * t
    return h
