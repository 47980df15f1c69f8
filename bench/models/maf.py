"""Masked autoregressive flow (Papamakarios et al. 2017, arXiv:1705.07057), its affine maps by zuko."""

from typing import Literal

import torch
from nflows.transforms import CompositeTransform, Transform
from torch import Tensor

from bench.errors import BenchError, NotApplicable
from bench.models.parts.flow import Flow
from bench.models.parts.made import MADE
from bench.models.parts.monotone import Affine, Monotone
from bench.models.parts.networks import spread
from bench.models.realnvp import INITIAL_GAIN
from bench.spec import DataSpec

HIDDEN_LAYERS = 2
"""Hidden layers of each MADE."""


class AutoregressiveLayer(Transform):  # type: ignore[misc]
    """The map y_i = f(x_i; θ_i(x_1, ..., x_{i-1})), with the coordinates of y in reversed order.

    Forward takes one pass of the MADE, the inverse as many short ones as there are coordinates. The reversal makes the
    next layer condition the other way round; |det| of it is 1.
    """

    def __init__(self, dim: int, hidden: list[int], monotone: Monotone) -> None:
        """`hidden` are the hidden sizes of the MADE, `monotone` is f."""
        super().__init__()
        self.map = monotone
        self.net = MADE(dim, hidden, 0, monotone.outputs, INITIAL_GAIN)

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        outputs, log_slopes = self.map(torch.stack(self.net(inputs), -1)).call_and_ladj(inputs)
        return outputs.flip(1), log_slopes.sum(1)

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        y = inputs.flip(1)
        outputs = self.net.in_turn(len(y), lambda i, parameters: self.map(parameters).inv(y[:, i]))
        return outputs, -self.forward(outputs)[1]


class MAF(Flow):
    """A stack of autoregressive layers x_i exp(s) + t, the order of coordinates reversed between them.

    Likelihoods take one pass a layer; samples are made coordinate by coordinate, 784 short steps a layer for MNIST.
    The paper's batch normalisation is left out: the model space is standardised, and layers have free shifts and scales
    of their own. zuko's own MAF is not taken because its nets, where they have fewer hidden units than there are
    coordinates, read the first coordinates alone.
    """

    version = 2  # a rate of its own, chosen by trials

    def __init__(self, data: DataSpec, *, width: int, layers: int = 5) -> None:
        """Builds the flow.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers' nets, each with two hidden layers. Masked weights count
                as parameters.
            layers: autoregressive layers.

        Raises:
            BenchError: for no layers.
            NotApplicable: for a single coordinate, which leaves nothing to condition on, and for data with a context.
        """
        super().__init__(data, width=width)
        if data.dim < 2:
            name = type(self).__name__
            raise NotApplicable(f"{name} conditions each coordinate on those before it: it needs at least 2")
        if layers < 1:
            raise BenchError(f"model.layers={layers} is not a number of autoregressive layers: give at least 1")
        hidden = spread(width, [1] * (layers * HIDDEN_LAYERS))
        self.transform = CompositeTransform(
            AutoregressiveLayer(data.dim, hidden[HIDDEN_LAYERS * layer :][:HIDDEN_LAYERS], self.monotone())
            for layer in range(layers)
        )

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works`: its operations are few, most of them matrix products, so that little is gained."""
        return "works"

    def monotone(self) -> Monotone:
        """The map of a coordinate."""
        return Affine()
