"""Pictures cut into square patches, row by row: `(batch, tokens, numbers of a patch)` and back; maps over them."""

from collections.abc import Iterable
from typing import Any, Protocol

from jaxtyping import Float
from nflows.transforms import Transform
from torch import Tensor, nn

from bench.errors import BenchError, NotApplicable
from bench.spec import DataSpec

LARGEST_DEFAULT = 4

Tokens = Float[Tensor, "batch tokens numbers"]
LogDet = Float[Tensor, " batch"]


class TokenMap(Protocol):
    """An invertible map of tokens; `forward` and `inverse` each give the tokens and a log-determinant."""

    def forward(self, x: Tokens) -> tuple[Tokens, LogDet]:
        """From the picture's side."""
        ...

    def inverse(self, z: Tokens) -> tuple[Tokens, LogDet]:
        """The way back."""
        ...


class OverPatches(Transform):  # type: ignore[misc]
    """Maps of tokens, one after the other, over the patches of a picture.

    As nflows' transforms do, it maps flat events to flat latents of as many numbers.
    """

    def __init__(self, image_shape: tuple[int, int, int], side: int, maps: Iterable[nn.Module]) -> None:
        """`maps` are modules that are `TokenMap`s, that of the picture's side first."""
        super().__init__()
        self.image_shape, self.side = image_shape, side
        self.maps = nn.ModuleList(maps)

    def forward(self, inputs: Tensor, context: Any = None) -> tuple[Tensor, Tensor]:
        """Latents and log-determinant, `(batch, dim)` and `(batch,)`."""
        x, total = patched(inputs.reshape(-1, *self.image_shape), self.side), inputs.new_zeros(len(inputs))
        for each in self.maps:
            x, log_det = each(x)
            total = total + log_det
        return x.flatten(1), total

    def inverse(self, inputs: Tensor, context: Any = None) -> tuple[Tensor, Tensor]:
        """Events and the log-determinant of the way back, `(batch, dim)` and `(batch,)`."""
        numbers = self.image_shape[0] * self.side**2
        z, total = inputs.reshape(len(inputs), -1, numbers), inputs.new_zeros(len(inputs))
        back: list[TokenMap] = list(self.maps)[::-1]  # type: ignore[assignment]
        for each in back:
            z, log_det = each.inverse(z)
            total = total + log_det
        return unpatched(z, self.side, self.image_shape).flatten(1), total


def patched(x: Float[Tensor, "batch channels height width"], side: int) -> Float[Tensor, "batch tokens features"]:
    """Patches of `side` x `side` pixels; a patch's numbers stand channel by channel."""
    batch, channels, height, width = x.shape
    cells = x.reshape(batch, channels, height // side, side, width // side, side)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * side * side)


def unpatched(
    tokens: Float[Tensor, "batch tokens features"], side: int, image_shape: tuple[int, int, int]
) -> Float[Tensor, "batch channels height width"]:
    """The inverse of `patched`."""
    channels, height, width = image_shape
    cells = tokens.reshape(-1, height // side, width // side, channels, side, side)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(-1, *image_shape)


def settled_patch(data: DataSpec, patch: int | None, name: str, across: int) -> tuple[tuple[int, int, int], int]:
    """`(channels, height, width)` of pictures, and the side of their patches.

    Args:
        data: what an example is.
        patch: the side; null takes the largest of up to 4 pixels that leaves so many `across` each side, else 1.
        name: of the entry, in an error.
        across: patches that an unset side leaves across the shorter side of a picture at least.

    Raises:
        BenchError: for a side below 1.
        NotApplicable: for data that are no pictures in their own shape, or that a patch does not divide.
    """
    if patch is not None and patch < 1:
        raise BenchError(f"model.patch={patch} is not a side of pixels: give at least 1")
    if data.image_shape is None or data.event_shape != data.image_shape:
        raise NotApplicable(f"{name} models pictures, and these data are none")
    _, height, width = data.image_shape
    shorter = min(height, width)
    divisors = [side for side in range(1, shorter + 1) if height % side == 0 and width % side == 0]
    if patch is None:
        most = max(1, min(LARGEST_DEFAULT, shorter // across))
        return data.image_shape, max(side for side in divisors if side <= most)
    if patch not in divisors:
        nearest = min(divisors, key=lambda side: abs(side - patch))
        raise NotApplicable(f"{name}: model.patch={patch} does not divide {height}x{width} pixels: use {nearest}")
    return data.image_shape, patch
