"""Convolutional encoders and decoders of pictures, for entries whose latent is a vector.

An encoder squeezes a picture, and halves its sides once more on each further level; what is left is flattened through a
narrow layer. The decoder is its mirror image. Every level has gated residual blocks. No
convolution is at full resolution: the first squeeze stands in its place.
"""

import math
from collections.abc import Sequence
from itertools import islice
from math import prod

from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError
from bench.models.parts.coders import INITIAL_LOG_SCALE, LOG_SCALE_BOUND, BernoulliLaw, GaussianLaw
from bench.models.parts.conv_net import GatedBlock, conv_layer
from bench.models.parts.networks import check_shape, linear_layer, soft_clamp, spread
from bench.models.parts.squeeze import sides_halved, squeezed, unsqueezed
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
        layers: list[nn.Module] = []
        inputs = 4 * image_shape[0]
        for number, width in enumerate(channels):
            layer = conv_layer(inputs, width)
            layer.stride = (1, 1) if number == 0 else (2, 2)
            layers += [layer, *(GatedBlock(width) for _ in range(blocks))]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.ELU(), conv_layer(inputs, NECK, side=1, gain=math.sqrt(2)), nn.ELU())

    def forward(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch hidden"]:
        """Features of pictures, flat or not."""
        features: Tensor = self.layers(squeezed(x.reshape(-1, *self.image_shape)))
        return features.flatten(1)


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
        maps = unsqueezed(self.layers(top))
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


def conv_coders(
    data: DataSpec, width: int, shape: Sequence[int], others: Sequence[int], latent_size: int, blocks: int, name: str
) -> tuple[ConvEncoder, ConvGaussianDecoder | ConvBernoulliDecoder, list[int]]:
    """An encoder's layers, the decoder of that kind of data, and the sizes of the entry's other nets.

    Args:
        data: what an example is, a picture in its own shape; binary pixels are Bernoulli, others Gaussian.
        width: channels of all levels and units of all other layers together.
        shape: proportions of the encoder's levels; the decoder mirrors them.
        others: proportions of further layers, on the scale of `shape`.
        latent_size: of the decoder's input.
        blocks: gated residual blocks of each level.
        name: of the entry, in an error.

    Raises:
        BenchError: for a width, a proportion or a number of blocks below 1.
        NotApplicable: for data that are no pictures, or sides that cannot be halved so often.
    """
    if blocks < 1:
        raise BenchError(f"model.blocks={blocks}: give at least 1")
    check_shape(shape)
    image_shape = sides_halved(data, len(shape), name, "a model.shape of {} numbers")
    sizes = channels_of(width, [*shape, *reversed(shape), *others])
    down, up = sizes[: len(shape)], sizes[len(shape) : 2 * len(shape)]
    kind = ConvBernoulliDecoder if data.kind == "binary" else ConvGaussianDecoder
    trunk = ConvEncoder(image_shape, down, blocks)
    return trunk, kind(latent_size, image_shape, up, blocks), sizes[2 * len(shape) :]


def channels_of(width: int, shape: Sequence[int]) -> list[int]:
    """`width` channels over levels in proportion to `shape`; one more goes to one level alone."""
    shares = iter(spread(width, [1] * sum(shape)))
    return [sum(islice(shares, share)) for share in shape]
