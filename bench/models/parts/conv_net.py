"""Convolutional nets that entries of pictures share: every layer is 3 x 3 or 1 x 1, pictures keep their sides.

A gate multiplies what a block adds by a number in (0, 1) that the block itself predicts (van den Oord et al. 2016,
arXiv:1606.05328).
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.models.parts.precision import restored


def conv_layer(inputs: int, outputs: int, side: int = 3, gain: float = 1.0) -> nn.Conv2d:
    """A convolution that keeps sides and gives unit inputs a standard deviation of about `gain`.

    Its weights lie channels last in memory, and so do its outputs.
    """
    layer = nn.Conv2d(inputs, outputs, side, padding=side // 2)
    layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    nn.init.normal_(layer.weight, std=gain / (side * math.sqrt(inputs)))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class GatedBlock(nn.Module):
    """h + a σ(b), where a and b are read off a 3 x 3 convolution of h."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = conv_layer(channels, channels, gain=math.sqrt(2))
        self.outside = conv_layer(channels, 2 * channels, side=1)

    def forward(self, h: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        """Features of the same shape."""
        change, gate = self.outside(nn.functional.elu(self.inside(nn.functional.elu(h)))).chunk(2, 1)
        return torch.addcmul(h, change, torch.sigmoid(gate))


def halving_levels(inputs: int, channels: Sequence[int], blocks: int) -> list[nn.Sequential]:
    """Levels of a convolution and gated blocks, of so many channels each; all but the first halve the sides."""
    levels = []
    for number, (before, width) in enumerate(zip([inputs, *channels], channels, strict=False)):
        first = conv_layer(before, width)
        first.stride = (1, 1) if number == 0 else (2, 2)
        levels.append(nn.Sequential(first, *(GatedBlock(width) for _ in range(blocks))))
    return levels


class GatedConvNet(nn.Module):
    """A 3 x 3 convolution, gated residual blocks, and another 3 x 3 convolution."""

    def __init__(self, inputs: int, channels: int, outputs: int, blocks: int, final_gain: float = 1.0) -> None:
        """`final_gain` is about the standard deviation of a new net's outputs for inputs of unit variance."""
        super().__init__()
        self.first = conv_layer(inputs, channels)
        self.blocks = nn.Sequential(*(GatedBlock(channels) for _ in range(blocks)))
        self.last = conv_layer(channels, outputs, gain=final_gain)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs height width"]:
        """Features of the same sides."""
        return restored(self.last(nn.functional.elu(self.blocks(self.first(x)))))
