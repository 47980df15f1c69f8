"""Sets of points and what their pairwise distances tell, a block of rows at a time: what most sample metrics share."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NEIGHBOURS = 5
"""k of the k-th neighbour that bounds a point's ball (Naeem et al. 2020 take 5)."""
BLOCK = 2**18
"""Distances that are held at once: 2 MB, which a processor's cache holds too."""
LOW_DIMENSION = 16
"""Coordinates up to which distances by subtraction are as fast as those by a matrix product, and exact for copies."""
MEDIAN_POINTS = 2_000
"""First so many points whose distances give the median."""
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Bandwidths of the kernel in medians of the real set's distances; `mean_kernel` relies on each doubling."""


@dataclass(frozen=True)
class Cloud:
    """One set of points, and what the distances between them tell.

    Attributes:
        points: `(n, d)`, float64.
        median: of the real set's distances, the unit of the kernel's bandwidths.
        mean_distance: over pairs of different points.
        mean_kernel: the kernel's mean over such pairs; 0 where the median is 0.
        radii: `(n,)`, distance of each point to its k-th neighbour in the set.
    """

    points: Float[Tensor, "n d"]
    median: float
    mean_distance: float
    mean_kernel: float
    radii: Float[Tensor, " n"]

    @classmethod
    def of(cls, x: Float[Tensor, "n *event"], median: float | None = None) -> "Cloud":
        """The cloud of at least two points; k is smaller in a set of k points or fewer.

        Args:
            x: the points.
            median: of the real set's distances; None for the real set itself.
        """
        points = flat(x)
        median = median_distance(points) if median is None else median
        k = min(NEIGHBOURS, len(points) - 1)
        total, kernel, radii = 0.0, 0.0, []
        for start, distances in blocks(points, points):
            total += distances.sum().item()
            # A point's pair with itself is none: at an infinite distance it adds 0 to the kernel and is no neighbour.
            distances.diagonal(start).fill_(torch.inf)
            radii.append(distances.topk(k, dim=1, largest=False, sorted=True).values[:, -1])
            kernel += kernel_sum(distances, median)
        pairs = len(points) * (len(points) - 1)
        return cls(points, median, total / pairs, kernel / pairs, torch.cat(radii))


@dataclass(frozen=True)
class Pair:
    """Samples beside real points. A point's ball reaches to its k-th neighbour in its own set.

    Attributes:
        samples, real: the two sets.
        mean_distance, mean_kernel: over pairs of a sample and a real point.
        holding: `(n,)`, real balls that hold each sample.
        reached: `(m,)`, whether any sample's ball holds the real point.
        covered: `(m,)`, whether the real point's ball holds any sample.
    """

    samples: Cloud
    real: Cloud
    mean_distance: float
    mean_kernel: float
    holding: Int[Tensor, " n"]
    reached: Bool[Tensor, " m"]
    covered: Bool[Tensor, " m"]

    @classmethod
    def of(cls, samples: Cloud, real: Cloud) -> "Pair":
        """The pair, from one pass over the distances between the two."""
        total, kernel, holding = 0.0, 0.0, []
        reached = torch.zeros(len(real.points), dtype=torch.bool, device=real.points.device)
        covered = torch.zeros_like(reached)
        for start, distances in blocks(samples.points, real.points):
            total += distances.sum().item()
            in_real = distances <= real.radii
            holding.append(in_real.sum(1))
            covered |= in_real.any(0)
            reached |= (distances <= samples.radii[start : start + len(distances), None]).any(0)
            kernel += kernel_sum(distances, real.median)
        pairs = len(samples.points) * len(real.points)
        return cls(samples, real, total / pairs, kernel / pairs, torch.cat(holding), reached, covered)


def flat(x: Float[Tensor, "n *event"]) -> Float[Tensor, "n d"]:
    """Events as points, in float64."""
    return x.flatten(1).double()


def blocks(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Iterator[tuple[int, Float[Tensor, "rows m"]]]:
    """The distances from `a` to `b`, `BLOCK` at a time: the first row of each block, and the block."""
    exact, rows = a.shape[1] <= LOW_DIMENSION, max(1, BLOCK // len(b))
    norms, of_b = a.square().sum(1, keepdim=True), b.square().sum(1)
    for start in range(0, len(a), rows):
        block = a[start : start + rows]
        if exact:
            yield start, torch.cdist(block, b, compute_mode="donot_use_mm_for_euclid_dist")
        else:
            squares = torch.addmm(of_b, block, b.T, alpha=-2).add_(norms[start : start + rows])
            yield start, squares.clamp_(min=0).sqrt_()


def median_distance(points: Float[Tensor, "n d"]) -> float:
    """The median distance between two of the first `MEDIAN_POINTS` points."""
    return torch.nn.functional.pdist(points[:MEDIAN_POINTS]).median().item()


def kernel_sum(distances: Float[Tensor, "rows m"], median: float) -> float:
    """The sum over pairs of the mean, over bandwidths σ in `SCALES`, of exp(-distance² / (2 σ²)); 0 without a median.

    Each bandwidth is half of the next: the kernel of one is the fourth power of the other's, which saves exponentials.
    `distances` is overwritten.
    """
    if median == 0:
        return 0.0
    kernel = distances.square_().mul_(-0.5 / (SCALES[-1] * median) ** 2).exp_()
    total = kernel.sum().item()
    for _ in SCALES[1:]:
        total += kernel.square_().square_().sum().item()
    return total / len(SCALES)
