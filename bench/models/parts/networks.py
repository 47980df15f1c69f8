"""Small networks that entries share: linear layers with a sound start, perceptrons, a residual net.

Every size is derived from `width`, the number of hidden units that an entry has in all. Spreading that number over the
hidden layers, and not giving it to each of them, keeps the steps between parameter counts small enough for a budget to
be met within 2 %, even for 784 coordinates and 20,000 parameters.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError, unknown
from bench.machine.onednn_products import Linear


def relu(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """max(x, 0), with gradient 0 at 0.

    Under a compiler on a CPU it is x times 0 or 1: of the derivative that autograd knows, Inductor (torch 2.13) makes a
    mask of booleans, and spends more time on storing and reading it than on a layer's product. There -inf gives NaN.
    """
    if torch.compiler.is_compiling() and x.device.type == "cpu":
        return x * torch.sign(torch.relu(x)).detach()
    return torch.relu(x)


class ReLU(nn.Module):
    """`relu` as a layer."""

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Each number by itself."""
        return relu(x)


ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": ReLU, "tanh": nn.Tanh}


def activation_named(name: str) -> type[nn.Module]:
    """The class of an activation.

    Raises:
        BenchError: there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS, "model.activation")
    return ACTIVATIONS[name]


def spread(width: int, shape: Sequence[int]) -> list[int]:
    """`width` hidden units over layers in proportion to `shape`, at least one each.

    Raises:
        BenchError: for a width below 1, or no proportions.
    """
    if width < 1:
        raise BenchError(f"model.width={width} is not a size: give at least 1 hidden unit")
    check_shape(shape)
    # `+ layer` deals out what the division leaves: of equal shares the sizes sum to the width.
    return [max(1, (width * share + layer) // sum(shape)) for layer, share in enumerate(shape)]


def check_shape(shape: Sequence[int]) -> None:
    """Refuses what gives no proportions of layers.

    Raises:
        BenchError: there are none, or one is below 1.
    """
    if not shape or min(shape) < 1:
        raise BenchError(
            f"model.shape={list(shape)} is no list of proportions: give whole numbers from 1, such as [2, 1]"
        )


def linear_layer(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """A linear layer that gives unit inputs a standard deviation of about `gain` (He et al. 2015, arXiv:1502.01852).

    torch's own weights shrink a signal threefold a layer: a posterior mean would begin far below its noise, and the
    latent be given up before it is used. Biases are random as torch has them, because with few inputs and no biases
    every ReLU would bend at the origin.
    """
    layer = Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
    with torch.no_grad():
        layer.bias.mul_(gain)
    return layer


def mlp(sizes: Sequence[int], final_gain: float = 1.0, activation: str = "relu") -> nn.Sequential:
    """A perceptron with an activation between linear layers of `sizes`, from input to output.

    Args:
        sizes: input, hidden and output sizes, at least two numbers.
        final_gain: standard deviation of a new perceptron's outputs for inputs of unit variance.
        activation: a key of `ACTIVATIONS`.

    Raises:
        BenchError: for an unknown activation.
    """
    nonlinear = activation_named(activation)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [linear_layer(inputs, outputs, gain=math.sqrt(2)), nonlinear()]
    # A ReLU halves the mean square that it gets.
    return nn.Sequential(*layers, linear_layer(sizes[-2], sizes[-1], final_gain))


class ResidualNet(nn.Module):
    """A perceptron around one pre-activation residual block (He et al. 2016, arXiv:1603.05027).

    h = A x,  h' = h + C s(B s(h)),  y = D s(h'), each of A, B, C, D with a bias and s = ReLU.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int, final_gain: float = 1.0) -> None:
        """`hidden` is the size of h and that of the block's inside; `final_gain` scales C and D at first."""
        super().__init__()
        size, inside = hidden
        self.first = linear_layer(inputs, size)
        self.block = mlp([size, inside, size], final_gain)
        self.last = mlp([size, outputs], final_gain)

    def forward(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        """`(batch, outputs)`."""
        h = self.first(x)
        h = h + self.block(relu(h))
        y: Tensor = self.last(relu(h))
        return y


def soft_clamp(x: Float[Tensor, "*shape"], bound: float) -> Float[Tensor, "*shape"]:
    """`bound` tanh(x / bound): the identity near 0, never beyond ±`bound`, with a gradient everywhere."""
    return torch.tanh(x / bound) * bound
