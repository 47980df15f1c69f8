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
from bench.linear import linear
from bench.ode.jacobian import pulled_back, quadratic_form, trace


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
    """One pass through the field: value, weights folded for this time, hidden layers before and after s."""

    value: Tensor
    weights: list[Tensor]
    before: list[Tensor]
    after: list[Tensor]


class Folded(NamedTuple):
    """A field of two hidden layers at n times: plain perceptrons, differentiable in the field's parameters.

    Attributes:
        first, second, third: V_i, `(n, m1, dim)`, `(n, m2, m1)` and `(n, dim, m2)`, contiguous.
        bias1, bias2, bias3: g_i b_i + c_i, `(n, m1)`, `(n, m2)` and `(n, dim)`.
        pairs: V_2 ∘ (V_1 V_3)ᵀ, `(n, m2, m1)`, with which div f = Σ_ij d2_i M_ij d1_j.
    """

    first: Float[Tensor, "n m1 dim"]
    second: Float[Tensor, "n m2 m1"]
    third: Float[Tensor, "n dim m2"]
    bias1: Float[Tensor, "n m1"]
    bias2: Float[Tensor, "n m2"]
    bias3: Float[Tensor, "n dim"]
    pairs: Float[Tensor, "n m2 m1"]


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

    def folded(self, times: Float[Tensor, " n"]) -> Folded:
        """The field at each of `times`. Cost: O(n dim m²), to be shared by all the examples that pass there.

        Raises:
            BenchError: the field has another number of hidden layers than two.
        """
        if len(self.sizes) != 3:
            raise BenchError(
                f"the fused solve is of two hidden layers, not {len(self.sizes) - 1}: give model.layers=2, or take "
                "bench.ode.solve"
            )
        weights, biases = self._layers(times)
        first, second, third = (weight.expand(len(times), *weight.shape[-2:]).contiguous() for weight in weights)
        bias1, bias2, bias3 = biases
        return Folded(first, second, third, bias1, bias2, bias3, second * (first @ third).mT)

    def _run(self, t: Tensor, x: Tensor) -> _Pass:
        weights, biases = self._layers(t)
        before, after = [], []
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            before.append(linear(x, weight, bias))
            x = self.activation.value(before[-1])
            after.append(x)
        return _Pass(linear(x, weights[-1], biases[-1]), weights, before, after)

    def _slopes(self, run: _Pass) -> list[Tensor]:
        """s'(a) of every hidden layer."""
        return list(map(self.activation.slope, run.before, run.after))

    def _layers(self, t: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """V_i and g_i b_i + c_i of every layer; gates of 1 leave a V_i without the axis of times."""
        gates, shifts = self.modulation(t)
        if gates is None:
            return list(self.weights), self._split(shifts + self.bias)
        columns = torch.split(gates.unsqueeze(-1), self.sizes, -2)  # type: ignore[no-untyped-call]
        weights = [gate * weight for gate, weight in zip(columns, self.weights, strict=True)]
        return weights, self._split(torch.addcmul(shifts, gates, self.bias))

    def _split(self, units: Tensor) -> list[Tensor]:
        """What belongs to each layer, of `(..., units)`."""
        return list(torch.split(units, self.sizes, -1))  # type: ignore[no-untyped-call]
