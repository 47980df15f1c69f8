"""Channels of convolutional nets of several levels, from the one width of an entry."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from bench.errors import BenchError
from bench.models.parts.networks import check_shape, spread
from bench.models.parts.squeeze import sides_halved
from bench.spec import DataSpec


class ConvSizes(NamedTuple):
    """Channels by level, of pictures `(channels, height, width)`.

    Attributes:
        image_shape: of pictures.
        down: of each level on the way down, the first at half the sides.
        up: of each on the way back, the smallest sides first.
        others: sizes of further layers.
    """

    image_shape: tuple[int, int, int]
    down: list[int]
    up: list[int]
    others: list[int]


def conv_sizes(
    data: DataSpec,
    width: int,
    shape: Sequence[int],
    blocks: int,
    name: str,
    up: Sequence[int] | None = None,
    others: Sequence[int] = (),
) -> ConvSizes:
    """`width` channels and units in all, shared out.

    Args:
        data: what an example is, a picture in its own shape.
        width: channels of all levels and units of all other layers together.
        shape: proportions of the levels on the way down, each of half the sides of the one before.
        blocks: of each level, which must be at least one.
        name: of the entry, in an error.
        up: proportions on the way back; None mirrors `shape`.
        others: proportions of further layers, on the same scale.

    Raises:
        BenchError: for a width, a proportion or a number of blocks below 1.
        NotApplicable: for data that are no pictures, or sides that cannot be halved so often.
    """
    if blocks < 1:
        raise BenchError(f"model.blocks={blocks}: give at least 1")
    check_shape(shape)
    image_shape = sides_halved(data, len(shape), name, "a model.shape of {} numbers")
    back = list(reversed(shape)) if up is None else list(up)
    sizes = channels_of(width, [*shape, *back, *others])
    turn, end = len(shape), len(shape) + len(back)
    return ConvSizes(image_shape, sizes[:turn], sizes[turn:end], sizes[end:])


def channels_of(width: int, shape: Sequence[int]) -> list[int]:
    """`width` channels over levels in proportion to `shape`; one more goes to one level alone."""
    shares = iter(spread(width, [1] * sum(shape)))
    return [sum(islice(shares, share)) for share in shape]
