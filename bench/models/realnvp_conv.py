"""RealNVP of pictures: affine couplings of convolutional nets on several scales (Dinh et al. 2017, arXiv:1605.08803).

The paper masks a checkerboard at full resolution. Here a picture is squeezed first, so that the two colours of the
checkerboard are two halves of the channels: the same pixels condition the same others, in a quarter of the operations.
"""

from typing import Literal

from bench.errors import BenchError
from bench.models.parts.conv_flow import Chain, ChannelNorm, ConvCoupling, Levels, PictureMap, Shuffle
from bench.models.parts.flow import Flow
from bench.models.parts.networks import spread
from bench.models.parts.squeeze import sides_halved
from bench.spec import DataSpec


class RealNVPConv(Flow):
    """A flow z = f(x) of pictures, z ~ N(0, I): each level squeezes, couples, and factors out half of its channels."""

    own_shape = True
    standardise = "image"

    def __init__(self, data: DataSpec, *, width: int, levels: int = 2, couplings: int = 6, blocks: int = 2) -> None:
        """Builds the flow.

        Args:
            data: what an example is, a picture in its own shape.
            width: channels in all, spread over the nets of all couplings.
            levels: scales; sides are halved so often.
            couplings: of each level. Of the first level's the first two split a checkerboard; before each further
                pair channels are put in an order drawn at random.
            blocks: gated residual blocks of a coupling's net.

        Raises:
            BenchError: for a number below 1.
            NotApplicable: for data that are no pictures, sides that cannot be halved so often, and data with a context.
        """
        super().__init__(data, width=width)
        for name, value in {"couplings": couplings, "blocks": blocks}.items():
            if value < 1:
                raise BenchError(f"model.{name}={value}: give at least 1")
        image_shape = sides_halved(data, levels, type(self).__name__)
        channels = image_shape[0]
        hidden = iter(spread(width, [1] * (levels * couplings)))
        scales: list[PictureMap] = []
        for level in range(levels):
            channels = 4 * channels if level == 0 else 2 * channels
            maps: list[PictureMap] = []
            for number in range(couplings):
                maps += self.before(level, number, channels)
                maps.append(ConvCoupling(channels // 2, channels, next(hidden), blocks))
            scales.append(Chain(maps))
        self.transform = Levels(image_shape, scales)

    def before(self, level: int, number: int, channels: int) -> list[PictureMap]:
        """What stands before a level's coupling of that number."""
        if number % 2:
            return []
        # The first two couplings of all split the checkerboard that the squeeze left.
        return [ChannelNorm(channels), *([Shuffle(channels)] if level or number else [])]

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works`: nothing changes from step to step."""
        return "works"
