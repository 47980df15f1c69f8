"""Convolutional encoders and decoders of pictures, for entries whose latent is a vector.

An encoder squeezes a picture, and halves its sides once more on each further level; what is left is flattened through a
narrow layer. The decoder is its mirror image. Every level has gated residual blocks. No
convolution is at full resolution: the first squeeze stands in its place.
"""

import math
from collections.abc import Sequence
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.models.parts.coders import INITIAL_LOG_SCALE, LOG_SCALE_BOUND, BernoulliLaw, GaussianLaw, Trunk
from bench.models.parts.conv_net import GatedBlock, conv_layer, halving_levels
from bench.models.parts.conv_sizes import ConvSizes
from bench.models.parts.levels import GreyLevels
from bench.models.parts.logistic_law import LogisticLaw, Reading
from bench.models.parts.networks import linear_layer, soft_clamp
from bench.models.parts.precision import restored
from bench.models.parts.squeeze import squeezed, unsqueezed
from bench.spec import DataSpec

NECK = 8
"""Channels of the layer between the last level and the latent: few, so that a linear layer on it stays small."""


class ConvEncoder(nn.Module):
    """The layers of an encoder of pictures; heads of any posterior read their parameters off it.

    Attributes:
        outputs: numbers of an example's features.
        top: `(channels, height, width)` of the narrow layer.
    """

    def __init__(self, image_shape: tuple[int, int, int], channels: Sequence[int], blocks: int) -> None:
        """`channels` are those of each level; sides are halved as often."""
        super().__init__()
        self.image_shape = image_shape
        sides = image_shape[1] >> len(channels), image_shape[2] >> len(channels)
        self.top = (NECK, *sides)
        self.outputs = prod(self.top)
        levels = halving_levels(4 * image_shape[0], channels, blocks)
        neck = conv_layer(channels[-1], NECK, side=1, gain=math.sqrt(2))
        self.layers = nn.Sequential(*levels, nn.ELU(), neck, nn.ELU())

    def forward(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch hidden"]:
        """Features of pictures, flat or not."""
        return restored(self.layers(squeezed(x.reshape(-1, *self.image_shape)))).flatten(1)


class ConvNet(nn.Module):
    """From a latent to so many maps of the picture's sides: the mirror image of `ConvEncoder`."""

    def __init__(
        self, latent_size: int, image_shape: tuple[int, int, int], channels: Sequence[int], blocks: int, maps: int
    ) -> None:
        """`channels` are those of each level, the smallest sides first."""
        super().__init__()
        self.top = (NECK, image_shape[1] >> len(channels), image_shape[2] >> len(channels))
        self.first = linear_layer(latent_size, prod(self.top), gain=math.sqrt(2))
        layers: list[nn.Module] = [nn.ELU()]
        inputs = NECK
        for number, width in enumerate(channels):
            doubled = [nn.Upsample(scale_factor=2)] if number else []
            layers += [*doubled, conv_layer(inputs, width), *(GatedBlock(width) for _ in range(blocks))]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.ELU(), conv_layer(inputs, 4 * maps))

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch maps height width"]:
        """Maps of each latent."""
        top = self.first(z.reshape(-1, z.shape[-1])).reshape(-1, *self.top)
        maps = restored(unsqueezed(self.layers(top)))
        return maps.reshape(*z.shape[:-1], *maps.shape[1:])


class ConvGaussianDecoder(GaussianLaw):
    """A Gaussian whose mean and log-scale are maps of one net."""

    def __init__(
        self, latent_size: int, image_shape: tuple[int, int, int], channels: Sequence[int], blocks: int
    ) -> None:
        super().__init__()
        self.net = ConvNet(latent_size, image_shape, channels, blocks, 2 * image_shape[0])

    def forward(
        self, z: Float[Tensor, "*batch latent"]
    ) -> tuple[Float[Tensor, "*batch dim"], Float[Tensor, "*batch dim"]]:
        """Mean and log-scale."""
        mean, raw = self.net(z).chunk(2, -3)
        return mean.flatten(-3), soft_clamp(raw.flatten(-3) + INITIAL_LOG_SCALE, LOG_SCALE_BOUND)


class ConvBernoulliDecoder(BernoulliLaw):
    """Pixels whose logits are maps of one net."""

    def __init__(
        self, latent_size: int, image_shape: tuple[int, int, int], channels: Sequence[int], blocks: int
    ) -> None:
        super().__init__()
        self.net = ConvNet(latent_size, image_shape, channels, blocks, image_shape[0])

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """log-odds of a 1."""
        maps: Tensor = self.net(z)
        return maps.flatten(-3)


class ConvLogisticDecoder(LogisticLaw):
    """Levels by mixtures of logistics whose log-weights, means and log-scales are maps of one net."""

    first_means: Tensor

    def __init__(self, latent_size: int, sizes: ConvSizes, blocks: int, mixtures: int, levels: GreyLevels) -> None:
        super().__init__()
        self.levels, self.mixtures = levels, mixtures
        self.net = ConvNet(latent_size, sizes.image_shape, sizes.up, blocks, 3 * mixtures * sizes.image_shape[0])
        # Equal means would get equal gradients, and stay one logistic.
        self.register_buffer("first_means", torch.linspace(-1, 1, mixtures + 2)[1:-1], persistent=False)

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Reading:
        """Log-weights, means and log-scales."""
        maps = self.net(z).unflatten(-3, (3, self.mixtures, -1)).flatten(-3).movedim(-3, 0).transpose(-1, -2)
        log_weights, means, raw = maps
        log_scales = soft_clamp(raw + INITIAL_LOG_SCALE, LOG_SCALE_BOUND)
        return log_weights.log_softmax(-1), means + self.first_means, log_scales


class LevelEncoder(nn.Module):
    """A trunk that sees levels on [-1, 1] in place of their logits, without the noise.

    Attributes:
        outputs: of the trunk.
    """

    def __init__(self, trunk: Trunk, levels: GreyLevels) -> None:
        super().__init__()
        self.trunk, self.levels, self.outputs = trunk, levels, trunk.outputs

    def forward(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch hidden"]:
        """Features of pictures, flat or not."""
        return self.trunk(2 * (self.levels.level(x) + 0.5) / self.levels.count - 1)


def conv_decoder_for(
    data: DataSpec, latent_size: int, sizes: ConvSizes, blocks: int
) -> ConvGaussianDecoder | ConvBernoulliDecoder:
    """The decoder of that kind of data: Bernoulli for binary, else Gaussian with a learned scale."""
    kind = ConvBernoulliDecoder if data.kind == "binary" else ConvGaussianDecoder
    return kind(latent_size, sizes.image_shape, sizes.up, blocks)
