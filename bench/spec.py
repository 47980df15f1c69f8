"""The data as an entry is told of them: shape and kind of one event, its context and classes, how many examples."""

from dataclasses import dataclass
from math import prod
from typing import Literal

Kind = Literal["continuous", "discrete", "binary"]

Standardise = Literal["pixel", "image", "none"]
"""Of a picture's logits: each pixel by its own mean and spread, all of them by one, or none."""


@dataclass(frozen=True)
class DataSpec:
    """The data as an entry sees them, in model space.

    Attributes:
        event_shape: shape of one example, such as `(2,)` for a toy or `(64,)` for an 8x8 image laid flat.
        kind: `continuous`; `discrete` (integer levels, dequantised before an entry sees them); or `binary` (0 or 1).
        levels: number of integer levels of discrete data before dequantisation; None otherwise.
        context_size: size of the conditioning vector handed to an entry beside x; 0 when there is none.
        classes: number of classes of which an entry may see labels. The context is then a label of that size: a one-hot
            row for a labelled example, a row of zeros for an unlabelled one. 0 when no labels are shown.
        image_shape: `(channels, height, width)` of an event that is a picture, flat or not; None otherwise.
        examples: number of training examples; None where an entry is built without a data set.
        alpha: of discrete data whose logits are not standardised, as an entry asks by `standardise = "none"`: with
            levels plus noise y, x = log(s / (1 - s)) of s = alpha + (1 - 2 alpha) y / levels. None otherwise.

    A data set fills in the last three.
    """

    event_shape: tuple[int, ...]
    kind: Kind = "continuous"
    levels: int | None = None
    context_size: int = 0
    classes: int = 0
    image_shape: tuple[int, int, int] | None = None
    examples: int | None = None
    alpha: float | None = None

    @property
    def dim(self) -> int:
        """Number of coordinates of one event."""
        return prod(self.event_shape)
