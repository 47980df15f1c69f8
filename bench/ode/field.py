"""FFJORD's concatsquash field (Grathwohl et al. 2019, arXiv:1810.01367), and the kinds of field by name.

Its layers are gated and shifted by time, of `bench.ode.perceptron`

    f(t, x) = g_L (W_L s(… g_1 (W_1 x + b_1) + c_1 …) + b_L) + c_L,

with gates g_i(t) = sigmoid(u_i t + v_i) and shifts c_i(t) = w_i t. With two hidden layers it is the field that FFJORD
has for tables, and its divergence has a closed form.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import unknown
from bench.ode.perceptron import ACTIVATIONS, Activation, Field, Folded, ramp
from bench.ode.plain import PlainField

__all__ = ["ACTIVATIONS", "FIELDS", "Activation", "ConcatSquashField", "Field", "Folded", "PlainField", "field_named"]


class ConcatSquashField(Field):
    """f(t, x) of this file's head, for x of shape `(batch, dim)` and t a scalar tensor."""

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int],
        activation: str = "tanh",
        input_gain: float = 1.0,
        final_gain: float = 0.01,
    ) -> None:
        """Builds the field, see `Field`; gates begin around 1/2."""
        super().__init__(dim, hidden, activation, input_gain, final_gain)
        units = sum(self.sizes)
        self.gate_slope = nn.Parameter(torch.randn(units))
        self.gate_offset = nn.Parameter(torch.zeros(units))
        self.shift_slope = nn.Parameter(torch.cat([torch.randn(units - dim), final_gain * torch.randn(dim)]))

    def modulation(self, t: Float[Tensor, "*n"]) -> tuple[Tensor, Tensor]:
        """Gates g_i(t) and shifts c_i(t)."""
        slope, offset = self.gate_slope, self.gate_offset
        gates = torch.addmm(offset, t.unsqueeze(1), slope[None]) if t.ndim else torch.addcmul(offset, slope, t)
        return torch.sigmoid(gates), ramp(t, self.shift_slope)


FIELDS: dict[str, type[Field]] = {"concatsquash": ConcatSquashField, "plain": PlainField}


def field_named(name: str) -> type[Field]:
    """The kind of field of that name.

    Raises:
        BenchError: there is none.
    """
    if name not in FIELDS:
        raise unknown("field", name, FIELDS, "model.field")
    return FIELDS[name]
