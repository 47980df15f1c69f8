"""Real numbers in units of their own spread: entries and reports see these, users their own units."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bench.data.chunks import AT_ONCE, moments
from bench.data.spaces import Identity, ModelBatch
from bench.data.table.column import numbers_of
from bench.data.table.resolution import carried
from bench.errors import BenchError


@dataclass(frozen=True)
class Standardised(Identity):
    """Raw examples are standardised already; model space, report space and data space are these coordinates.

    A likelihood in the user's units differs by a constant, `unit_log_det`. Shift and scale are kept in float64, so that
    units far from 0, such as dates, come back as they were.

    Attributes:
        shift: mean of each coordinate over training examples, in the user's units; events are laid flat.
        scale: its standard deviation there; 1 where all values are equal.
        event_shape: the shape of an event as the user knows it, which gives coordinates their names.
    """

    shift: Float[Tensor, " dim"]
    scale: Float[Tensor, " dim"]
    event_shape: tuple[int, ...]

    @classmethod
    def fitted(cls, train: np.ndarray) -> "Standardised":
        """The space in which `train`, `(n, *event)` in the user's units, has mean 0 and deviation 1."""
        step = max(1, AT_ONCE // max(1, train[:1].size))
        starts = range(0, len(train), step)
        return cls.of_pieces(
            lambda: (torch.from_numpy(train[start : start + step].astype(np.float64)).flatten(1) for start in starts),
            tuple(train.shape[1:]),
        )

    @classmethod
    def of_pieces(
        cls, pieces: Callable[[], Iterable[Shaped[Tensor, "rows dim"]]], event_shape: tuple[int, ...]
    ) -> "Standardised":
        """The same of training rows that come in pieces of `AT_ONCE` coordinates, laid flat; asked for twice."""
        mean, variance = moments(pieces)
        return cls(mean, torch.where(variance > 0, variance.sqrt(), 1.0), event_shape)

    def standardised(self, rows: np.ndarray) -> Float[Tensor, "n dim"]:
        """Rows `(n, *event)` in the user's units as raw examples."""
        return ((torch.from_numpy(rows.astype(np.float64)).flatten(1) - self.shift) / self.scale).float()

    def to(self, device: torch.device) -> "Standardised":
        """The same space with its constants on `device`."""
        return replace(self, shift=self.shift.to(device), scale=self.scale.to(device))

    @property
    def noisy(self) -> bool:
        """False: no noise is drawn."""
        return False

    @property
    def names(self) -> tuple[str, ...]:
        """`x0`, `x1`, ... of flat events; `x0_1` of coordinate (0, 1) and so on."""
        return tuple("x" + "_".join(map(str, place)) for place in np.ndindex(self.event_shape))

    @property
    def unit_log_det(self) -> float:
        """log |det d standardised / d units| in nats: NLL in the user's units is the reported one minus this."""
        return -float(self.scale.double().log().sum())

    def to_units(self, x: ModelBatch) -> dict[str, np.ndarray]:
        """Model-space events as the user's coordinates by name, float64 of as many places as float32 carries."""
        rows, units = (x.double() * self.scale + self.shift).cpu().numpy(), self.scale.tolist()
        return {name: np.round(rows[:, place], carried(units[place])) for place, name in enumerate(self.names)}

    def from_units(self, columns: Mapping[str, np.ndarray], where: str) -> Float[Tensor, "n dim"]:
        """Raw examples from the user's coordinates.

        Args:
            columns: name -> `(n,)` numbers.
            where: the file, which an error begins with.

        Raises:
            BenchError: a coordinate is missing or one too many, or a value is no finite number; rows count from 1.
        """
        surplus = [name for name in columns if name not in self.names]
        missing = [name for name in self.names if name not in columns]
        if surplus or missing:
            fault = f"has no {missing[0]}" if missing else f"has {surplus[0]}, which the model does not know"
            raise BenchError(f"{where}: {fault}; give the {len(self.names)} coordinates {self.names[0]}, ...")
        rows = np.empty((len(columns[self.names[0]]), len(self.names)))
        for place, name in enumerate(self.names):
            rows[:, place] = numbers_of(columns[name], where, name)
        return self.standardised(rows)
