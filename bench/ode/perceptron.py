"""Velocity fields that at each time are perceptrons: what their kinds share.

Every layer is linear in its input, with a gate g_i(t) and a shift c_i(t) that depend on time alone,

    f(t, x) = g_L (W_L s(… g_1 (W_1 x + b_1) + c_1 …) + b_L) + c_L.

At a fixed t this is a plain perceptron with weights V_i = diag(g_i) W_i and biases g_i b_i + c_i, so gates are folded
into the weights once per call instead of being applied to every example. Its divergence is exact or a probe's:

    forward_and_divergence    the exact trace: a closed form for one or two hidden layers, one forward tangent for each
                              coordinate with more of them (`bench.ode.jacobian`);
    forward_and_probe         Hutchinson's estimate from one probe, at any depth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError, unknown
from bench.machine.onednn_products import linear
from bench.ode.jacobian import pulled_back, quadratic_form, trace


@dataclass(frozen=True)
class Activation:
    """A pointwise nonlinearity and its derivatives.

    Attributes:
        value: s(a).
        untraced: s(a) without a gradient; may write over a.
        slope: s'(a), from s(a).
        bend: s''(a) / s'(a), from s(a) and s'(a).
    """

    value: Callable[[Tensor], Tensor]
    untraced: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    bend: Callable[[Tensor, Tensor], Tensor]


def untraced_tanh(a: Tensor) -> Tensor:
    """tanh in place. torch's takes seven times as long as its sigmoid on a CPU, of which it is 2 σ(2a) - 1."""
    return a.tanh_() if a.is_cuda else a.mul_(2).sigmoid_().mul_(2).sub_(1)


ACTIVATIONS = {
    "tanh": Activation(torch.tanh, untraced_tanh, lambda s: 1 - s * s, lambda s, slope: -2 * s),
    # s'(a) = sigmoid(a) = 1 - exp(-s(a)), and s''/s' = 1 - s'.
    "softplus": Activation(
        nn.functional.softplus, nn.functional.softplus, lambda s: -torch.expm1(-s), lambda s, slope: 1 - slope
    ),
}


class _Pass(NamedTuple):
    """One pass through the field: value, weights folded for this time, hidden layers."""

    value: Tensor
    weights: list[Tensor]
    hidden: list[Tensor]


class Folded(NamedTuple):
    """A field of two hidden layers at one time, or at n times side by side: plain perceptrons.

    Attributes:
        first, second, third: V_i, `(m1, dim)`, `(m2, m1)` and `(dim, m2)`, contiguous.
        bias1, bias2, bias3: g_i b_i + c_i, `(m1,)`, `(m2,)` and `(dim,)`.
        pairs: V_2 ∘ (V_1 V_3)ᵀ, `(m2, m1)`, with which div f = Σ_ij d2_i M_ij d1_j.
    """

    first: Float[Tensor, "*n m1 dim"]
    second: Float[Tensor, "*n m2 m1"]
    third: Float[Tensor, "*n dim m2"]
    bias1: Float[Tensor, "*n m1"]
    bias2: Float[Tensor, "*n m2"]
    bias3: Float[Tensor, "*n dim"]
    pairs: Float[Tensor, "*n m2 m1"]


def ramp(t: Float[Tensor, "*n"], slope: Float[Tensor, " units"]) -> Tensor:
    """slope t of every unit, `(units,)` for a scalar t, `(n, units)` for `(n,)` times.

    For many times it is a product of matrices, whose gradient is one too and no sum over a broadcast axis.
    """
    return t.unsqueeze(1) @ slope[None] if t.ndim else slope * t


class Field(nn.Module):
    """f(t, x) of this file's head, for x of shape `(batch, dim)` and t a scalar tensor.

    A kind of field says how its gates and shifts follow time, in `modulation`.
    """

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int],
        activation: str = "tanh",
        input_gain: float = 1.0,
        final_gain: float = 0.01,
    ) -> None:
        """Builds the layers.

        Args:
            dim: coordinates of x.
            hidden: sizes of the hidden layers, at least one.
            activation: a key of `ACTIVATIONS`.
            input_gain: factor on the first layer's initial weights and bias: a fine density needs features that change
                within a fraction of the data's spread, and training finds them slowly.
            final_gain: factor on the last layer's initial weights and bias: a small field is a flow near the identity.

        Raises:
            BenchError: for an unknown activation, or no hidden layer.
        """
        super().__init__()
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS, "model.activation")
        if not hidden:
            raise BenchError("a field without hidden layers is linear in x: give at least one, such as hidden=[64, 64]")
        self.activation = ACTIVATIONS[activation]
        self.sizes = [*hidden, dim]
        layers = [nn.Linear(i, o) for i, o in zip([dim, *hidden], self.sizes, strict=True)]
        with torch.no_grad():
            for layer, gain in ((layers[0], input_gain), (layers[-1], final_gain)):
                for parameter in layer.parameters():
                    parameter.mul_(gain)
        self.weights = nn.ParameterList(layer.weight for layer in layers)
        self.bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in layers]))

    def modulation(self, t: Float[Tensor, "*n"]) -> tuple[Tensor | None, Tensor]:
        """Gates and shifts of all layers' units side by side, `(units,)` for a scalar t, `(n, units)` for `(n,)` times.

        None stands for gates of 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define modulation(t)")

    def forward(self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """f(t, x)."""
        return self._run(t, x).value

    def at_times(self, times: Float[Tensor, " batch"], x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """f(t_i, x_i), a time for each example: gates are applied to every example and not folded into the weights."""
        gates, shifts = self.modulation(times)
        each = [None] * len(self.sizes) if gates is None else self._split(gates)
        layers = zip(self.weights, self._split(self.bias), each, self._split(shifts), strict=True)
        # Weights cannot be folded: every example has gates of its own.
        for i, (weight, bias, gate, shift) in enumerate(layers):
            h = linear(self.activation.value(x) if i else x, weight, bias)
            x = h + shift if gate is None else torch.addcmul(shift, gate, h)
        return x

    def divergence(self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """The exact trace of df/dx."""
        return self.forward_and_divergence(t, x)[1]

    def forward_and_divergence(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """f(t, x) and the exact trace of df/dx.

        Cost beyond f, for m hidden units a layer: at most O(batch m² + dim m²) with one or two hidden layers; with
        more, O(batch dim m²) for each but the first.
        """
        run = self._run(t, x)
        return run.value, trace(run.weights, self._slopes(run))

    def forward_and_probe(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """f(t, x) and eᵀ (df/dx) e for the probe e (Hutchinson 1989), unbiased for e ~ ±1; costs as much again as f."""
        run = self._run(t, x)
        return run.value, quadratic_form(run.weights, self._slopes(run), probe)

    def forward_and_vjp(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """f(t, x) and eᵀ df/dx for the probe e, one row an example; costs as much again as f."""
        run = self._run(t, x)
        return run.value, pulled_back(run.weights, self._slopes(run), probe)

    def folded(self, times: Float[Tensor, " n"]) -> list[Folded]:
        """The field at each of `times`, differentiable in its parameters.

        Cost: O(n dim m²), to be shared by all the examples that pass there. One tensor a time and part: an axis of
        times would have to be put together again on the way back.

        Raises:
            BenchError: the field has another number of hidden layers than two.
        """
        if len(self.sizes) != 3:
            raise BenchError(
                f"the fused solve is of two hidden layers, not {len(self.sizes) - 1}: give the field two, or take "
                "bench.ode.runge_kutta"
            )
        gates, shifts = self.modulation(times)
        # Layers are split before times: Inductor (torch 2.13) gives the parts of what is taken apart in the other order
        # a wrong gradient.
        bias1, bias2, bias3 = (each.unbind(0) for each in self._biases(gates, shifts))
        if gates is None:
            gated = [list(self.weights)] * len(times)
        else:
            gated = [self._gated(gate) for gate in zip(*(gate.unbind(0) for gate in self._split(gates)), strict=True)]
        fields: list[Folded] = []
        for (first, second, third), b1, b2, b3 in zip(gated, bias1, bias2, bias3, strict=True):
            same = fields and gates is None  # without gates the weights, and so the pairs, are those of every time
            pairs = fields[0].pairs if same else second * linear(third.T, first, None)
            fields.append(Folded(first, second, third, b1, b2, b3, pairs))
        return fields

    def _run(self, t: Tensor, x: Tensor) -> _Pass:
        gates, shifts = self.modulation(t)
        weights = list(self.weights) if gates is None else self._gated(self._split(gates))
        biases = self._biases(gates, shifts)
        hidden = []
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = self.activation.value(linear(x, weight, bias))
            hidden.append(x)
        return _Pass(linear(x, weights[-1], biases[-1]), weights, hidden)

    def _slopes(self, run: _Pass) -> list[Tensor]:
        """s'(a) of every hidden layer."""
        return list(map(self.activation.slope, run.hidden))

    def _gated(self, gates: Sequence[Tensor]) -> list[Tensor]:
        """V_i at one time from the gates of each layer."""
        return [gate.unsqueeze(1) * weight for gate, weight in zip(gates, self.weights, strict=True)]

    def _biases(self, gates: Tensor | None, shifts: Tensor) -> list[Tensor]:
        """g_i b_i + c_i of every layer, from the gates and shifts of all units at one time or at many."""
        return self._split(shifts + self.bias if gates is None else torch.addcmul(shifts, gates, self.bias))

    def _split(self, units: Tensor) -> list[Tensor]:
        """The parts of `(..., units)`, one a layer."""
        return list(torch.split(units, self.sizes, -1))  # type: ignore[no-untyped-call]
