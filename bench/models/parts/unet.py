"""A small U-Net of pictures at a time (Ronneberger et al. 2015, arXiv:1505.04597; Ho et al. 2020, arXiv:2006.11239).

A picture is squeezed, and its sides are halved once more on each further level. On the way back each level also gets
what it was on the way down. Every level has gated residual blocks, into which time enters as a factor and a shift of
each channel. The activation is smooth, as a solver follows the field: with ELU a solve to 1e-5 took twice the
evaluations.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.models.parts.conv_net import conv_layer
from bench.models.parts.networks import linear_layer
from bench.models.parts.precision import restored
from bench.models.parts.squeeze import squeezed, unsqueezed

FREQUENCIES = 4
"""Cosines and sines of a time, the fastest of two periods a unit of it: a solver has to follow what they do."""
FINAL_GAIN = 0.01
"""Factor on the last layer's initial weights: a small field is a flow near the identity."""

Maps = Float[Tensor, "batch channels height width"]
Features = Float[Tensor, "batch features"]


def time_features(times: Float[Tensor, " batch"]) -> Features:
    """Cosines and sines of π k t for k = 1, 2, ..."""
    angles = times.unsqueeze(1) * (math.pi * torch.arange(1, FREQUENCIES + 1, device=times.device, dtype=times.dtype))
    return torch.cat((angles.cos(), angles.sin()), 1)


class TimedBlock(nn.Module):
    """h + a σ(b), where a and b are read off a 3 x 3 convolution of h, scaled and shifted by the time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = conv_layer(channels, channels, gain=math.sqrt(2))
        self.time = linear_layer(2 * FREQUENCIES, 2 * channels)
        self.outside = conv_layer(channels, 2 * channels, side=1)

    def forward(self, h: Maps, time: Features) -> Maps:
        """Features of the same shape."""
        scale, shift = self.time(time)[:, :, None, None].chunk(2, 1)
        inside = torch.addcmul(shift, 1 + scale, self.inside(nn.functional.silu(h)))
        change, gate = self.outside(nn.functional.silu(inside)).chunk(2, 1)
        return torch.addcmul(h, change, torch.sigmoid(gate))


class Level(nn.Module):
    """A convolution, then blocks, all at the same sides."""

    def __init__(self, inputs: int, channels: int, blocks: int, stride: int = 1) -> None:
        super().__init__()
        self.first = conv_layer(inputs, channels)
        self.first.stride = (stride, stride)
        self.blocks = nn.ModuleList(TimedBlock(channels) for _ in range(blocks))

    def forward(self, h: Maps, time: Features) -> Float[Tensor, "batch others rows columns"]:
        """Features of as many channels as the level has, at its sides."""
        h = self.first(h)
        for block in self.blocks:
            h = block(h, time)
        return h


class UNet(nn.Module):
    """Pictures to pictures of the same shape, at a time each."""

    def __init__(self, channels: int, down: Sequence[int], up: Sequence[int], blocks: int) -> None:
        """Builds the levels.

        Args:
            channels: of pictures.
            down: channels of each level on the way down, the first at half the sides.
            up: of each on the way back, the lowest first: one fewer.
            blocks: gated residual blocks of each level.
        """
        super().__init__()
        inputs = [4 * channels, *down[:-1]]
        self.down = nn.ModuleList(
            Level(before, width, blocks, 1 if number == 0 else 2)
            for number, (before, width) in enumerate(zip(inputs, down, strict=True))
        )
        joined = [below + beside for below, beside in zip([down[-1], *up], reversed(down[:-1]), strict=False)]
        self.up = nn.ModuleList(Level(both, width, blocks) for both, width in zip(joined, up, strict=True))
        self.last = conv_layer([*down, *up][-1], 4 * channels, gain=FINAL_GAIN)

    def forward(self, x: Maps, times: Float[Tensor, " batch"]) -> Maps:
        """Pictures of the same shape."""
        h, time = squeezed(x), time_features(times)
        beside: list[Tensor] = []  # `list[Tensor]()` would not compile
        for level in self.down:
            h = level(h, time)
            beside.append(h)
        beside.pop()
        for level in self.up:
            h = level(torch.cat((nn.functional.interpolate(h, scale_factor=2), beside.pop()), 1), time)
        return restored(unsqueezed(self.last(nn.functional.silu(h))))
