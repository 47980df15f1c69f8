"""The spaces of a likelihood: data space -> model space, and the log-determinant back to the report space.

An entry models x in model space. The bench reports -log p(y) with y in the report space, so that

    log p(y) = log p(x) + log |det dx/dy|,

and the second term is added here, never by an entry. Reports are made
in nats of dequantised pixels y in [0, levels) for discrete data, in nats of the 0/1 pixel for binary data and in the
data's own coordinates for continuous data.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bench.data.dequantisation import dequantised, uniform
from bench.errors import BenchError
from bench.spec import Standardise

ImageBatch = Shaped[Tensor, "batch *event"]
ModelBatch = Float[Tensor, "batch *event"]

SMALLEST_ALPHA = 1e-6
REACH = 20.0


@runtime_checkable
class Space(Protocol):
    """The way from raw examples to what an entry sees, and back."""

    def to_model(self, raw: ImageBatch, generator: torch.Generator) -> ModelBatch:
        """Raw examples in model space; any noise comes from `generator`."""
        ...

    def log_det(self, x: ModelBatch) -> Float[Tensor, " batch"]:
        """log |det dx/dy| in nats, x in model space, y in the report space."""
        ...

    def to_data(self, x: ModelBatch) -> ModelBatch:
        """Model space to what a person looks at: pixels as fractions, tables standardised, toys as they are."""
        ...

    def to(self, device: torch.device) -> "Space":
        """The same space with its constants on `device`."""
        ...


@runtime_checkable
class HasUnits(Protocol):
    """A space whose events are rows of named columns, such as those of a user's table."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in the user's order."""
        ...

    @property
    def noisy(self) -> bool:
        """True where `to_model` draws noise."""
        ...

    @property
    def unit_log_det(self) -> float:
        """log |det d report / d units| in nats: the NLL in the user's units is that of the report space less this."""
        ...

    def to_units(self, x: ModelBatch) -> dict[str, Any]:
        """Events of model space as the user's columns: name -> array of floats, integers or words, one a row."""
        ...

    def from_units(self, columns: Mapping[str, Any], where: str) -> ImageBatch:
        """Raw rows, as `Dataset.train` holds them, of the user's columns: numbers or text, one a row.

        Raises:
            BenchError: it names the file `where`, the row and the column.
        """
        ...


@runtime_checkable
class Standardised(Space, Protocol):
    """A space of pictures whose logits can be standardised in several ways, to the same report space."""

    def standardised(self, how: Standardise) -> Space:
        """The same space, standardised so."""
        ...


@dataclass(frozen=True)
class Identity:
    """Model space, report space and data space are one: toys."""

    def to_model(self, raw: ImageBatch, generator: torch.Generator) -> ModelBatch:
        """`raw` itself."""
        return raw

    def log_det(self, x: ModelBatch) -> Float[Tensor, " batch"]:
        """Zeros."""
        return x.new_zeros(len(x))

    def to_data(self, x: ModelBatch) -> ModelBatch:
        """`x` itself."""
        return x

    def to(self, device: torch.device) -> "Identity":
        """`self`: there is nothing to move."""
        return self


@dataclass(frozen=True)
class Binary:
    """Grey levels drawn anew as 0/1 pixels with probability level / (levels - 1) (Salakhutdinov & Murray 2008)."""

    levels: int

    def to_model(self, raw: ImageBatch, generator: torch.Generator) -> ModelBatch:
        """One Bernoulli draw a pixel."""
        # u (levels - 1) < raw has probability raw / (levels - 1): black is always 0 and white always 1.
        return uniform(raw.shape, generator).mul_(self.levels - 1).lt_(raw.float())

    def log_det(self, x: ModelBatch) -> Float[Tensor, " batch"]:
        """Zeros: a probability of pixels needs no Jacobian."""
        return x.new_zeros(len(x))

    def to_data(self, x: ModelBatch) -> ModelBatch:
        """`x` itself: 0/1 pixels, or their probabilities."""
        return x

    def to(self, device: torch.device) -> "Binary":
        """`self`: there is nothing to move."""
        return self


@dataclass(frozen=True)
class DequantisedLogit:
    """Integer levels, uniform noise, logit, then standardised per coordinate.

    With u ~ U[0, 1): y = raw + u in [0, levels); s = alpha + (1 - 2 alpha) y / levels; x = (logit s - shift) / scale
    (Dinh et al. 2017, section 4.1; Papamakarios et al. 2017, appendix D). The report space is y. Because P(raw) is the
    integral of p(y) over a unit cube, -E log p(y) bounds -log P(raw) from above (Theis et al. 2016).

    Raises:
        BenchError: alpha is not in [1e-6, 0.5): below, float32 rounds s to 0 or 1, where the logit is infinite.
    """

    levels: int
    alpha: float
    shift: Float[Tensor, " *event"]
    scale: Float[Tensor, " *event"]

    def __post_init__(self) -> None:
        if not SMALLEST_ALPHA <= self.alpha < 0.5:
            raise BenchError(f"alpha={self.alpha} of the data set is out of range: choose one in [1e-6, 0.5)")

    @classmethod
    def fitted(cls, train: ImageBatch, levels: int, alpha: float, seed: int = 0) -> "DequantisedLogit":
        """The space whose `shift` and `scale` standardise `train`, dequantised with a fixed seed.

        Pixels that are black in nearly all of `train` have so small a spread that one white pixel elsewhere would lie
        hundreds of scales out. So no scale is smaller than the logit's whole range divided by `REACH`: no level of any
        pixel is further than 20 scales from the mean.
        """
        shape = train.shape[1:]
        plain = cls(levels, alpha, torch.zeros(shape), torch.ones(shape))
        x = plain.to_model(train, torch.Generator().manual_seed(seed))
        smallest = 2 * math.log((1 - alpha) / alpha) / REACH
        return replace(plain, shift=x.mean(0), scale=x.std(0).clamp(min=smallest))

    def standardised(self, how: Standardise) -> "DequantisedLogit":
        """The same space with logits standardised by pixel, as they are here, by image, or not at all.

        By image, all pixels get the mean of their means, and the spread around it of all pixels together, each by its
        own spread here, which `fitted` keeps from being too small.
        """
        if how == "pixel":
            return self
        if how == "none":
            return replace(self, shift=torch.zeros_like(self.shift), scale=torch.ones_like(self.scale))
        mean = self.shift.mean()
        spread = (self.scale.square() + (self.shift - mean).square()).mean().sqrt()
        return replace(self, shift=mean.expand_as(self.shift).clone(), scale=spread.expand_as(self.scale).clone())

    def to_model(self, raw: ImageBatch, generator: torch.Generator) -> ModelBatch:
        """Fresh uniform noise, logit and standardisation."""
        y = dequantised(raw, generator)
        s = y.mul_((1 - 2 * self.alpha) / self.levels).add_(self.alpha)
        # s lies in [alpha, 1 - alpha]: eps keeps rounding from its ends and changes no value.
        return s.logit_(eps=1e-7).sub_(self.shift).div_(self.scale)

    def log_det(self, x: ModelBatch) -> Float[Tensor, " batch"]:
        """log |det dx/dy|, with ds/dy = (1 - 2 alpha) / levels and dlogit/ds = 1 / (s (1 - s))."""
        v = x * self.scale + self.shift
        # -log(s (1 - s)) with s = sigmoid(v): the sum is exact where s rounds to 0 or 1.
        log_slope = torch.nn.functional.softplus(v) + torch.nn.functional.softplus(-v)
        constant = math.log((1 - 2 * self.alpha) / self.levels) - torch.log(self.scale)
        return (log_slope + constant).flatten(1).sum(1)

    def to_data(self, x: ModelBatch) -> ModelBatch:
        """Pixels as fractions of the levels; values that no image can have are clipped to [0, 1]."""
        s = torch.sigmoid(x * self.scale + self.shift)
        return ((s - self.alpha) / (1 - 2 * self.alpha)).clamp(0, 1)

    def to(self, device: torch.device) -> "DequantisedLogit":
        """The same space with `shift` and `scale` on `device`."""
        return replace(self, shift=self.shift.to(device), scale=self.scale.to(device))


@dataclass(frozen=True)
class Reshaped:
    """A space of events in another shape; numbers, draws and log-determinants are the inner space's.

    Attributes:
        inner: the space of events of `inner_shape`.
        inner_shape: shape of an event in the inner space, such as `(784,)`.
        event_shape: shape of an event here, of as many coordinates in the same order, such as `(1, 28, 28)`.
    """

    inner: Space
    inner_shape: tuple[int, ...]
    event_shape: tuple[int, ...]

    def to_model(self, raw: ImageBatch, generator: torch.Generator) -> ModelBatch:
        """Raw examples in model space, by the same draws as for events of `inner_shape`."""
        return self.inner.to_model(self._inward(raw), generator).reshape(raw.shape)

    def log_det(self, x: ModelBatch) -> Float[Tensor, " batch"]:
        """log |det dx/dy| in nats, over all coordinates of an event."""
        return self.inner.log_det(self._inward(x))

    def to_data(self, x: ModelBatch) -> ModelBatch:
        """Model space to what a person looks at."""
        return self.inner.to_data(self._inward(x)).reshape(x.shape)

    @property
    def alpha(self) -> float | None:
        """That of the inner space; None where it has none."""
        return getattr(self.inner, "alpha", None)

    def standardised(self, how: Standardise) -> "Reshaped":
        """The inner space standardised so, where it has such a choice."""
        return replace(self, inner=self.inner.standardised(how)) if isinstance(self.inner, Standardised) else self

    def to(self, device: torch.device) -> "Reshaped":
        """The same space with its constants on `device`."""
        return replace(self, inner=self.inner.to(device))

    def _inward(self, events: ImageBatch) -> Shaped[Tensor, "batch *inner"]:
        return events.reshape(len(events), *self.inner_shape)
