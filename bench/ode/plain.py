"""A plain field: a perceptron that is given t as one more input of every layer.

    f(t, x) = W_L s(… W_1 x + b_1 + t c_1 …) + b_L + t c_L

These are FFJORD's `concat` layers (Grathwohl et al. 2019, arXiv:1810.01367): time moves the biases and nothing else.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.ode.perceptron import Field, ramp


class PlainField(Field):
    """f(t, x) of this file's head, for x of shape `(batch, dim)` and t a scalar tensor."""

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int],
        activation: str = "tanh",
        input_gain: float = 1.0,
        final_gain: float = 0.01,
    ) -> None:
        """Builds the field, see `Field`; the weights c_i of t begin as those of one more input of their layer would."""
        super().__init__(dim, hidden, activation, input_gain, final_gain)
        bounds = [torch.full((o,), (i + 1) ** -0.5) for i, o in zip([dim, *hidden], self.sizes, strict=True)]
        bounds[-1] *= final_gain
        self.shift_slope = nn.Parameter(torch.cat(bounds) * (2 * torch.rand(sum(self.sizes)) - 1))

    def modulation(self, t: Float[Tensor, "*n"]) -> tuple[None, Tensor]:
        """No gates, and shifts t c_i."""
        return None, ramp(t, self.shift_slope)
