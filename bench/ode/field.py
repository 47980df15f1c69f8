"""A vector field with two hidden layers whose divergence has a closed form.

The layers are FFJORD's concatsquash (Grathwohl et al. 2019, arXiv:1810.01367): each is linear in its input, with a gate
g_i(t) and a shift c_i(t) that depend on time alone,

    f(t, x) = g3 (W3 s(g2 (W2 s(g1 (W1 x + b1) + c1) + b2) + c2) + b3) + c3.

At a fixed t this is a plain perceptron with weights V_i = diag(g_i) W_i and biases g_i b_i + c_i, so gates are folded
into the weights once per call instead of being applied to every example. Its Jacobian is V3 diag(d2) V2 diag(d1) V1
with d_i = s'(a_i), which gives both quantities that a continuous flow needs without differentiating the field:

    div f     = Σ_ij d2_i M_ij d1_j  with  M = V2 ∘ (V1 V3)ᵀ        exact, one more (batch, m, m) product;
    eᵀ J e    = ((e V3) d2 V2) · (d1 (V1 e))                        one Hutchinson probe e, unbiased for e ~ ±1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import unknown


@dataclass(frozen=True)
class Activation:
    """A pointwise nonlinearity and its derivatives.

    Attributes:
        value: s(a).
        slope: s'(a), from a and s(a).
        bend: s''(a) / s'(a), from s(a) and s'(a).
    """

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]
    bend: Callable[[Tensor, Tensor], Tensor]


ACTIVATIONS = {
    "tanh": Activation(torch.tanh, lambda a, s: 1 - s * s, lambda s, slope: -2 * s),
    "softplus": Activation(nn.functional.softplus, lambda a, s: torch.sigmoid(a), lambda s, slope: 1 - slope),
}


class _Pass(NamedTuple):
    """One pass through the field: value, weights folded for this time, both hidden layers before and after s."""

    value: Tensor
    weights: tuple[Tensor, Tensor, Tensor]
    before: tuple[Tensor, Tensor]
    after: tuple[Tensor, Tensor]


class Folded(NamedTuple):
    """The field at n times: plain perceptrons with the gates in their weights, differentiable in the parameters.

    Attributes:
        first, second, third: V_i, `(n, m1, dim)`, `(n, m2, m1)` and `(n, dim, m2)`.
        bias1, bias2, bias3: g_i b_i + c_i, `(n, m1)`, `(n, m2)` and `(n, dim)`.
        pairs: M of this file's head, `(n, m2, m1)`.
    """

    first: Float[Tensor, "n m1 dim"]
    second: Float[Tensor, "n m2 m1"]
    third: Float[Tensor, "n dim m2"]
    bias1: Float[Tensor, "n m1"]
    bias2: Float[Tensor, "n m2"]
    bias3: Float[Tensor, "n dim"]
    pairs: Float[Tensor, "n m2 m1"]


class ConcatSquashField(nn.Module):
    """f(t, x) of this file's head, for x of shape `(batch, dim)` and t a scalar tensor."""

    def __init__(
        self,
        dim: int,
        hidden: tuple[int, int],
        activation: str = "tanh",
        input_gain: float = 1.0,
        final_gain: float = 0.01,
    ) -> None:
        """Builds the field.

        Args:
            dim: coordinates of x.
            hidden: sizes of the two hidden layers.
            activation: a key of `ACTIVATIONS`.
            input_gain: factor on the first layer's initial weights and bias: a fine density needs features that change
                within a fraction of the data's spread, and training finds them slowly.
            final_gain: factor on the last layer's initial weights and bias: a small field is a flow near the identity.

        Raises:
            BenchError: for an unknown activation.
        """
        super().__init__()
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS, "model.activation")
        self.activation = ACTIVATIONS[activation]
        self.sizes = [*hidden, dim]
        units = sum(self.sizes)
        linear = [nn.Linear(i, o) for i, o in zip([dim, *hidden], self.sizes, strict=True)]
        with torch.no_grad():
            for layer, gain in ((linear[0], input_gain), (linear[-1], final_gain)):
                for parameter in layer.parameters():
                    parameter.mul_(gain)
        self.weights = nn.ParameterList(layer.weight for layer in linear)
        self.bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in linear]))
        self.gate_slope = nn.Parameter(torch.randn(units))
        self.gate_offset = nn.Parameter(torch.zeros(units))
        self.shift_slope = nn.Parameter(torch.cat([torch.randn(units - dim), final_gain * torch.randn(dim)]))

    def forward(self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """f(t, x)."""
        return self._run(t, x).value

    def at_times(self, times: Float[Tensor, " batch"], x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """f(t_i, x_i), a time for each example: gates are applied to every example and not folded into the weights."""
        t = times.unsqueeze(1)
        units = (self.bias, self.gate_offset, self.gate_slope, self.shift_slope)
        layers = zip(self.weights, *(torch.split(unit, self.sizes) for unit in units), strict=True)  # type: ignore[no-untyped-call]
        h = x
        for i, (weight, bias, offset, slope, shift) in enumerate(layers):
            inputs = self.activation.value(h) if i else x
            gate = torch.sigmoid(torch.addmm(offset, t, slope[None]))
            h = torch.addmm(gate * nn.functional.linear(inputs, weight, bias), t, shift[None])
        return h

    def divergence(self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """The exact trace of df/dx."""
        return self.forward_and_divergence(t, x)[1]

    def forward_and_divergence(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """f(t, x) and the exact trace of df/dx. Cost beyond f: O(batch m² + dim m²) for m hidden units a layer."""
        run = self._run(t, x)
        first, second, third = run.weights
        slope1, slope2 = map(self.activation.slope, run.before, run.after)
        pairs = second * (first @ third).T
        return run.value, (slope2 @ pairs).mul(slope1).sum(-1)

    def forward_and_probe(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """f(t, x) and eᵀ (df/dx) e for the probe e (Hutchinson 1989). Cost beyond f: O(batch (m² + dim m))."""
        run = self._run(t, x)
        first, second, third = run.weights
        slope1, slope2 = map(self.activation.slope, run.before, run.after)
        left = ((probe @ third) * slope2) @ second
        return run.value, (left * slope1).mul(probe @ first.T).sum(-1)

    def forward_and_vjp(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """f(t, x) and eᵀ df/dx for the probe e, one row an example. Cost beyond f: O(batch (m² + dim m))."""
        run = self._run(t, x)
        first, second, third = run.weights
        slope1, slope2 = map(self.activation.slope, run.before, run.after)
        return run.value, ((((probe @ third) * slope2) @ second) * slope1) @ first

    def folded(self, times: Float[Tensor, " n"]) -> Folded:
        """The field at each of `times`. Cost: O(n dim m²), to be shared by all the examples that pass there."""
        gates = torch.sigmoid(torch.addcmul(self.gate_offset, self.gate_slope, times[:, None]))
        biases = torch.addcmul(self.shift_slope * times[:, None], gates, self.bias)
        columns = torch.split(gates.unsqueeze(2), self.sizes, 1)  # type: ignore[no-untyped-call]
        first, second, third = (gate * weight for gate, weight in zip(columns, self.weights, strict=True))
        bias1, bias2, bias3 = torch.split(biases, self.sizes, 1)  # type: ignore[no-untyped-call]
        return Folded(first, second, third, bias1, bias2, bias3, second * (first @ third).mT)

    def _run(self, t: Tensor, x: Tensor) -> _Pass:
        gates = torch.sigmoid(torch.addcmul(self.gate_offset, self.gate_slope, t))
        biases = torch.addcmul(self.shift_slope * t, gates, self.bias)
        bias1, bias2, bias3 = torch.split(biases, self.sizes)  # type: ignore[no-untyped-call]
        columns = torch.split(gates.unsqueeze(1), self.sizes)  # type: ignore[no-untyped-call]
        first, second, third = (gate * weight for gate, weight in zip(columns, self.weights, strict=True))
        a1 = torch.addmm(bias1, x, first.T)
        h1 = self.activation.value(a1)
        a2 = torch.addmm(bias2, h1, second.T)
        h2 = self.activation.value(a2)
        return _Pass(torch.addmm(bias3, h2, third.T), (first, second, third), (a1, a2), (h1, h2))
