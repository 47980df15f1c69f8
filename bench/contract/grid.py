"""Partitions of small spaces, to sum a density over: a stretched grid on the plane, and the corners of a cube."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bench.contract.methods import bits

BINS = 160
REACH = 25.0
COARSE = 8
LATTICES = 4
"""A grid's points are those of 4 x 4 coarser grids: how much their sums differ says how rough the density is."""


@runtime_checkable
class Partition(Protocol):
    """A whole space in pieces: fine ones to sum a density over, coarse ones to count samples in."""

    @property
    def points(self) -> Float[Tensor, "fine event"]:
        """One point of each fine piece."""
        ...

    @property
    def volume(self) -> Float[Tensor, " fine"]:
        """Volume of each fine piece; 1 where the space is discrete."""
        ...

    @property
    def coarse(self) -> Int[Tensor, " fine"]:
        """The coarse cell of each fine piece."""
        ...

    def locate(self, x: Float[Tensor, "n event"]) -> Int[Tensor, " n"]:
        """The coarse cell of each example."""
        ...

    def inside(self, x: Float[Tensor, "n event"]) -> Bool[Tensor, " n"]:
        """True for each example that lies in a piece."""
        ...

    def roughness(self, mass: Float[Tensor, " fine"]) -> float:
        """Standard error of the sum of `mass`; 0 where each piece is one point of a discrete space."""
        ...

    def outskirts(self, mass: Float[Tensor, " fine"]) -> float:
        """Mass in the outer half of the space; 0 where nothing lies beyond the pieces."""
        ...


@dataclass(frozen=True)
class Plane:
    """R² up to `REACH` deviations of the data, in pieces that widen with the distance from the data's median.

    The edges of an axis are median + deviation · sinh(t) for evenly spaced t, so that the pieces are fine where the
    data lie and tails still count. A coarse cell is bounded by eighths of the data on each axis, moved to the nearest
    fine edge: the expected and the counted samples of a cell are those of the same rectangle.

    Attributes:
        edges: `(2, BINS + 1)` the fine edges of each axis.
        strip: `(2, BINS)` the coarse strip that each fine one belongs to.
    """

    edges: Float[Tensor, "2 edges"]
    strip: Int[Tensor, "2 bins"]

    @classmethod
    def around(cls, data: Float[Tensor, "n 2"]) -> "Plane":
        """The partition fitted to `data`."""
        t = torch.linspace(-1, 1, BINS + 1) * torch.asinh(torch.tensor(REACH))
        edges = data.median(0).values[:, None] + data.std(0)[:, None] * torch.sinh(t)
        levels = torch.arange(1, COARSE) / COARSE
        cuts = torch.quantile(data, levels, dim=0).T.contiguous()
        strip = torch.stack([torch.searchsorted(cuts[axis], middles(edges)[axis]) for axis in range(2)])
        return cls(edges, strip)

    @property
    def points(self) -> Float[Tensor, "fine 2"]:
        """The middles of all fine pieces."""
        return torch.cartesian_prod(*middles(self.edges))

    @property
    def volume(self) -> Float[Tensor, " fine"]:
        """Their areas."""
        return torch.cartesian_prod(*self.edges.diff(dim=1)).prod(1)

    @property
    def coarse(self) -> Int[Tensor, " fine"]:
        """Their coarse cells, numbered row by row."""
        return torch.cartesian_prod(*self.strip) @ torch.tensor([COARSE, 1])

    def locate(self, x: Float[Tensor, "n 2"]) -> Int[Tensor, " n"]:
        """The coarse cell of each example; what lies beyond the grid counts in the outermost cells."""
        strips = [
            self.strip[axis][(torch.searchsorted(self.edges[axis], x[:, axis].contiguous()) - 1).clamp(0, BINS - 1)]
            for axis in range(2)
        ]
        return strips[0] * COARSE + strips[1]

    def inside(self, x: Float[Tensor, "n 2"]) -> Bool[Tensor, " n"]:
        """True for each example within the outermost edges."""
        return ((x > self.edges[:, 0]) & (x < self.edges[:, -1])).all(1)

    def roughness(self, mass: Float[Tensor, " fine"]) -> float:
        """Standard error of the sum of `mass`, from the sums over every fourth line and column: 16 coarser grids.

        It is the error of the coarser grids that is measured, and that of the fine one is less where it resolves the
        density: an upper estimate.
        """
        folded = mass.reshape(BINS // LATTICES, LATTICES, BINS // LATTICES, LATTICES)
        sums = folded.sum((0, 2)).flatten() * LATTICES**2
        return float(sums.std() / LATTICES)

    def outskirts(self, mass: Float[Tensor, " fine"]) -> float:
        """Mass farther than half the way to the outermost edges on some axis.

        A tail no heavier than Cauchy's, P(|x| > r) ~ 1 / r, has no more beyond the edges than here.
        """
        middle, reach = (self.edges[:, -1] + self.edges[:, 0]) / 2, (self.edges[:, -1] - self.edges[:, 0]) / 2
        return float(mass[((self.points - middle).abs() > reach / 2).any(1)].sum())

    def half_steps(self, x: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
        """Half the sides of the fine piece that each example lies in."""
        columns = [
            self.edges[axis].diff()[
                (torch.searchsorted(self.edges[axis], x[:, axis].contiguous()) - 1).clamp(0, BINS - 1)
            ]
            for axis in range(2)
        ]
        return 0.5 * torch.stack(columns, 1)


@dataclass(frozen=True)
class Cube:
    """{0, 1}^`dim`, every corner a piece and a cell of its own."""

    dim: int

    @property
    def points(self) -> Float[Tensor, "fine dim"]:
        """The corners, each a row of 0 and 1."""
        return torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * self.dim)

    @property
    def volume(self) -> Float[Tensor, " fine"]:
        """Ones: a probability is summed as it is."""
        return torch.ones(2**self.dim)

    @property
    def coarse(self) -> Int[Tensor, " fine"]:
        """Each corner's number."""
        return torch.arange(2**self.dim)

    def locate(self, x: Float[Tensor, "n dim"]) -> Int[Tensor, " n"]:
        """The corner of each example; where samples are probabilities of a 1, a corner drawn from them."""
        return bits(x).long() @ 2 ** torch.arange(self.dim - 1, -1, -1)

    def inside(self, x: Float[Tensor, "n dim"]) -> Bool[Tensor, " n"]:
        """True throughout."""
        return torch.ones(len(x), dtype=torch.bool)

    def roughness(self, mass: Float[Tensor, " fine"]) -> float:
        """0: a sum over corners is exact."""
        return 0.0

    def outskirts(self, mass: Float[Tensor, " fine"]) -> float:
        """0: there are no other corners."""
        return 0.0


def middles(edges: Float[Tensor, "axes edges"]) -> Float[Tensor, "axes bins"]:
    """The middle of each interval."""
    return (edges[:, 1:] + edges[:, :-1]) / 2
