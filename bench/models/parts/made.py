"""A masked autoregressive perceptron, with or without a context: MADE (Germain et al. 2015, arXiv:1502.03509)."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from bench.machine.onednn_products import Linear, linear
from bench.models.parts.networks import activation_named


class MaskedLinear(nn.Linear):
    """A linear layer in which an output of degree d reads inputs of degree up to d; the last layer, below d.

    Weights start with variances that make up for the masked ones, which stay 0.
    """

    def __init__(
        self, in_degrees: Int[Tensor, " inputs"], out_degrees: Int[Tensor, " outputs"], gain: float, last: bool = False
    ) -> None:
        super().__init__(len(in_degrees), len(out_degrees))
        # A unit of degree d may read coordinates up to d. In the last layer alone the comparison is strict, else
        # coordinate d would read itself.
        read = out_degrees[:, None] > in_degrees if last else out_degrees[:, None] >= in_degrees
        self.mask: Tensor
        self.register_buffer("mask", read.float(), persistent=False)
        scale = gain / self.mask.sum(1, keepdim=True).clamp(min=1).sqrt()
        with torch.no_grad():
            self.weight.normal_().mul_(scale * self.mask)
            self.bias.mul_(gain)

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """The masked linear map of x, `(*batch, outputs)`."""
        return linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    """Outputs for each coordinate of z, made from the coordinates before it and a context, where there is one.

    nflows' MADE has one size for all layers, units for the first coordinates only where there are fewer units than
    coordinates (zuko's likewise), and no unit that reads the context alone, so that its first outputs are constants.
    Here degrees run evenly from 0, the context alone, to dim - 1; without a context they are the middles of as many
    equal parts of 1 to dim - 1.
    """

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int],
        context_size: int,
        outputs: int,
        final_gain: float,
        activation: str = "relu",
    ) -> None:
        """Builds the net.

        Args:
            dim: coordinates of z, at least 2.
            hidden: sizes of the hidden layers.
            context_size: size of the context, which the first hidden layer reads; 0 for none.
            outputs: outputs per coordinate.
            final_gain: standard deviation of a new net's outputs for inputs of unit variance.
            activation: `relu` or `tanh`.

        Raises:
            BenchError: for an unknown activation.
        """
        super().__init__()
        self.outputs = outputs
        coordinates = torch.arange(1, dim + 1)
        degrees = [coordinates, *[hidden_degrees(dim, size, context_size) for size in hidden]]
        gain = math.sqrt(2)
        self.context = Linear(context_size, hidden[0], bias=False) if context_size else None
        if self.context is not None:
            nn.init.normal_(self.context.weight, std=gain / math.sqrt(context_size))
        self.first = MaskedLinear(degrees[0], degrees[1], gain)
        layers: list[nn.Module] = [activation_named(activation)()]
        for before, after in pairwise(degrees[1:]):
            layers += [MaskedLinear(before, after, gain), activation_named(activation)()]
        # All first outputs of the coordinates, then all second ones: `chunk` in `forward` takes them apart.
        self.rest = nn.Sequential(
            *layers, MaskedLinear(degrees[-1], coordinates.repeat(outputs), final_gain, last=True)
        )

    def forward(
        self, z: Float[Tensor, "*samples batch dim"], context: Float[Tensor, "batch context"] | None = None
    ) -> tuple[Float[Tensor, "*samples batch dim"], ...]:
        """As many tensors of the shape of z as there are outputs per coordinate."""
        hidden = self.first(z)
        if self.context is not None:
            hidden = hidden + self.context(context)
        return self.rest(hidden).chunk(self.outputs, -1)  # type: ignore[no-any-return]

    def in_turn(
        self, n: int, value: Callable[[int, Float[Tensor, "n outputs"]], Float[Tensor, " n"]]
    ) -> Float[Tensor, "n dim"]:
        """`n` examples z made one coordinate after the other: z_i = value(i, the outputs for i, given those before).

        The first layer is summed up as z grows and of the last only the rows for i are taken: O(h²) for each coordinate
        of an example, where a forward costs O(dim h). For a net without a context.
        """
        last: MaskedLinear = self.rest[-1]  # type: ignore[assignment]
        between, into, dim = self.rest[:-1], self.first.weight * self.first.mask, self.first.in_features
        weight = (last.weight * last.mask).view(self.outputs, dim, -1)
        bias = last.bias.view(self.outputs, dim)
        hidden, coordinates = self.first.bias.expand(n, -1), list[Tensor]()
        for i in range(dim):
            # `hidden` is the first layer of z_0, ..., z_{i-1}. Units that read more lack the rest still, and are masked
            # from output i.
            coordinates.append(value(i, nn.functional.linear(between(hidden), weight[:, i], bias[:, i])))
            hidden = torch.addcmul(hidden, coordinates[-1][:, None], into[:, i])
        return torch.stack(coordinates, 1)


def hidden_degrees(dim: int, size: int, context_size: int) -> Int[Tensor, " size"]:
    """The degree of each of `size` hidden units: the most coordinates that it may read."""
    if context_size:
        return torch.arange(size) * dim // size
    return 1 + (2 * torch.arange(size) + 1) * (dim - 1) // (2 * size)
