"""RealNVP of pictures: affine couplings of convolutional nets on several scales (Dinh et al. 2017, arXiv:1605.08803).

The paper masks a checkerboard at full resolution. Here a picture is squeezed first, so that the two colours of the
checkerboard are two halves of the channels: the same pixels condition the same others, in a quarter of the operations.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from nflows.transforms import CompositeTransform

from bench.errors import BenchError, unknown
from bench.models.entry import PictureForm
from bench.models.parts.conv_flow import Chain, ChannelNorm, ConvCoupling, Levels, PictureMap, Shuffle
from bench.models.parts.flow import Flow
from bench.models.parts.levels import GreyLevels
from bench.models.parts.networks import spread
from bench.models.parts.squeeze import sides_halved
from bench.models.parts.within_levels import WithinLevels
from bench.spec import DataSpec, Standardise

Dequantisation = Literal["uniform", "variational"]
NOISE_COUPLINGS = 4
"""Of variational dequantisation: each half of the noise is changed twice."""


class RealNVPConv(Flow):
    """A flow z = f(x) of pictures, z ~ N(0, I): each level squeezes, couples, and factors out half of its channels."""

    own_shape = True
    takes_bfloat16 = True
    standardise: Standardise = "image"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        levels: int = 2,
        couplings: int = 6,
        blocks: int = 2,
        dequantisation: Dequantisation = "uniform",
        recompute: bool = False,
    ) -> None:
        """Builds the flow.

        Args:
            data: what an example is, a picture in its own shape.
            width: channels in all, spread over the nets of all couplings.
            levels: scales; sides are halved so often.
            couplings: of each level. Of the first level's the first two split a checkerboard; before each further
                pair channels are put in an order drawn at random.
            blocks: gated residual blocks of a coupling's net.
            dequantisation: `uniform`, or `variational`: four couplings more bend the noise within each grey level,
                given the levels of the picture (Ho et al. 2019).
            recompute: whether a coupling's net is computed again in the backward pass: for a third more time the
                features of one net at a time are held.

        Raises:
            BenchError: for a number below 1, or an unknown dequantisation.
            NotApplicable: for data that are no pictures, sides that cannot be halved so often, data with a context, and
                noise to bend of data without levels.
        """
        super().__init__(data, width=width)
        for name, value in {"couplings": couplings, "blocks": blocks}.items():
            if value < 1:
                raise BenchError(f"model.{name}={value}: give at least 1")
        self.own_shape, self.standardise = self.picture_form({"dequantisation": dequantisation})
        self.dequantisation, bends = dequantisation, dequantisation == "variational"
        image_shape = sides_halved(data, levels, type(self).__name__)
        channels = image_shape[0]
        sizes = spread(width, [1] * (levels * couplings + bends * NOISE_COUPLINGS))
        hidden, of_noise = iter(sizes[: levels * couplings]), sizes[levels * couplings :]
        scales: list[PictureMap] = []
        for level in range(levels):
            channels = 4 * channels if level == 0 else 2 * channels
            maps: list[PictureMap] = []
            for number in range(couplings):
                maps += self.before(level, number, channels)
                maps.append(ConvCoupling(channels // 2, channels, next(hidden), blocks, recompute))
            scales.append(Chain(maps))
        self.transform = Levels(image_shape, scales)
        if bends:
            grey = GreyLevels.of(data, "model.dequantisation=variational")
            self.transform = CompositeTransform([WithinLevels(image_shape, grey, of_noise, blocks), self.transform])

    @classmethod
    def picture_form(cls, options: Mapping[str, Any]) -> PictureForm:
        """Variational dequantisation takes plain logits, to know the levels by.

        Raises:
            BenchError: there is no dequantisation of that name.
        """
        chosen = options.get("dequantisation", "uniform")
        if chosen not in get_args(Dequantisation):
            raise unknown("dequantisation", chosen, get_args(Dequantisation), "model.dequantisation")
        return PictureForm(True, "none") if chosen == "variational" else super().picture_form(options)

    def before(self, level: int, number: int, channels: int) -> list[PictureMap]:
        """What stands before a level's coupling of that number."""
        if number % 2:
            return []
        # The first two couplings of all split the checkerboard that the squeeze left.
        return [ChannelNorm(channels), *([Shuffle(channels)] if level or number else [])]

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works`: nothing changes from step to step; `no` with zuko's splines, as for `nsf`."""
        return "works" if self.dequantisation == "uniform" else "no"
