"""A hierarchy of latent maps, read from the lowest resolution up (Sønderby et al. 2016, arXiv:1602.02282).

The decoder begins with learned maps at the smallest sides. It takes in one group of latents after the other, each a few
maps of its level's sides. Between levels the sides are doubled. All latents are N(0, I): a group's scale, read off the
maps so far, stands for the conditional prior's. The posterior of a group is read off the maps so far and the encoder's
features of the same sides, so that it goes the same way.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.laws.gaussian import DiagonalGaussian
from bench.models.parts.coders import INITIAL_LOG_SCALE, LOG_SCALE_BOUND
from bench.models.parts.conv_net import GatedBlock, conv_layer, halving_levels
from bench.models.parts.networks import soft_clamp
from bench.models.parts.precision import restored
from bench.models.parts.squeeze import squeezed

SMALL_GAIN = 0.1
"""Factor on the first weights of what begins near a constant."""

Maps = Float[Tensor, "batch channels height width"]
Choice = Callable[[int, "Group", Maps], Float[Tensor, "batch latent"]]
"""The latents of a group of that number, given the maps so far."""


class LadderEncoder(nn.Module):
    """Features of pictures at every level, the smallest sides first."""

    def __init__(self, image_shape: tuple[int, int, int], channels: Sequence[int], blocks: int) -> None:
        """`channels` are those of each level; sides are halved as often."""
        super().__init__()
        self.image_shape = image_shape
        self.levels = nn.ModuleList(halving_levels(4 * image_shape[0], channels, blocks))

    def forward(self, x: Float[Tensor, "batch dim"]) -> list[Float[Tensor, "batch _ _ _"]]:
        """Of pictures, flat or not."""
        h = squeezed(x.reshape(-1, *self.image_shape))
        features: list[Tensor] = []  # `list[Tensor]()` would not compile
        for level in self.levels:
            h = level(h)
            features.insert(0, h)
        return features


class Group(nn.Module):
    """One group of latents: its scale, its posterior, and how the maps take it in."""

    def __init__(self, channels: int, beside: int, latent_channels: int, sides: tuple[int, int]) -> None:
        """Of `latent_channels` maps beside the decoder's `channels` and the encoder's `beside`."""
        super().__init__()
        self.shape = (latent_channels, *sides)
        self.scale = conv_layer(channels, latent_channels, side=1, gain=SMALL_GAIN)
        self.posterior = conv_layer(channels + beside, 2 * latent_channels)
        self.back = conv_layer(latent_channels, channels, side=1)
        self.block = GatedBlock(channels)

    def law(self, maps: Maps, features: Float[Tensor, "batch beside height width"]) -> DiagonalGaussian:
        """q(z | x, the latents before), flat."""
        mean, raw = restored(self.posterior(nn.functional.elu(torch.cat((maps, features), 1)))).chunk(2, 1)
        return DiagonalGaussian(mean.flatten(1), soft_clamp(raw.flatten(1) + INITIAL_LOG_SCALE, LOG_SCALE_BOUND))

    def forward(self, maps: Maps, z: Float[Tensor, "batch latent"]) -> Maps:
        """The maps with the group taken in."""
        scale = torch.exp(soft_clamp(restored(self.scale(nn.functional.elu(maps))), LOG_SCALE_BOUND))
        taken: Tensor = self.block(maps + self.back(scale * z.reshape(-1, *self.shape)))
        return taken


class TopDown(nn.Module):
    """The maps of a decoder, group by group.

    Attributes:
        sizes: latents of each group.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: Sequence[int],
        beside: Sequence[int],
        groups: Sequence[int],
        latent_channels: int,
    ) -> None:
        """Builds the groups.

        Args:
            image_shape: of pictures.
            channels: of each level, the smallest sides first.
            beside: channels of the encoder's levels, in the same order.
            groups: of each level.
            latent_channels: maps of a group.
        """
        super().__init__()
        levels = len(channels)
        sides = [(image_shape[1] >> (levels - level), image_shape[2] >> (levels - level)) for level in range(levels)]
        self.start = nn.Parameter(SMALL_GAIN * torch.randn(channels[0], *sides[0]))
        self.groups = nn.ModuleList()
        self.level_of: list[int] = []
        for level, count in enumerate(groups):
            self.level_of += [level] * count
            self.groups.extend(
                Group(channels[level], beside[level], latent_channels, sides[level]) for _ in range(count)
            )
        self.rises = nn.ModuleList(conv_layer(before, after) for before, after in pairwise(channels))
        self.sizes = [prod(group.shape) for group in self.groups if isinstance(group, Group)]

    def walk(self, batch: int, choose: Choice) -> Maps:
        """The maps at the largest sides, after every group has taken in what `choose` gives it."""
        maps, level = self.start.expand(batch, -1, -1, -1), 0
        for number, (group, own) in enumerate(zip(self.groups, self.level_of, strict=True)):
            assert isinstance(group, Group)
            while level < own:
                maps, level = self.raised(maps, level), level + 1
            maps = group(maps, choose(number, group, maps))
        for rest in range(level, len(self.rises)):
            maps = self.raised(maps, rest)
        return maps

    def raised(self, maps: Maps, level: int) -> Float[Tensor, "batch others rows columns"]:
        """Maps of twice the sides."""
        raised: Tensor = self.rises[level](nn.functional.interpolate(nn.functional.elu(maps), scale_factor=2))
        return raised

    def forward(self, z: Float[Tensor, "batch latent"]) -> Maps:
        """The maps of given latents, all groups side by side."""
        parts = torch.split(z, self.sizes, 1)
        return self.walk(len(z), lambda number, group, maps: parts[number])
