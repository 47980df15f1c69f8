"""The sliced 2-Wasserstein distance."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


def sliced_w2(
    a: Float[Tensor, "n *event"], b: Float[Tensor, "m *event"], projections: int, generator: torch.Generator
) -> float:
    """The sliced 2-Wasserstein distance (Bonneel et al. 2015), in the units of the points.

    The square root of the mean, over random unit directions, of the squared W2 of the projected points, which in one
    dimension pairs them in sorted order. It sees what moves mass far, such as a missing mode; not copies.

    Args:
        a, b: two sets of equally many points.
        projections: number of directions.
        generator: the source of the directions, on the device of the points.

    Raises:
        ValueError: the sets differ in size.
    """
    if len(a) != len(b):
        raise ValueError(f"sliced_w2 pairs points and needs equally many, got {len(a)} and {len(b)}")
    a, b = a.flatten(1).double(), b.flatten(1).double()
    directions = torch.randn(a.shape[1], projections, generator=generator, device=a.device, dtype=torch.float64)
    directions /= directions.norm(dim=0)
    gaps = sorted_along(a, directions) - sorted_along(b, directions)
    return float(np.sqrt(np.square(gaps).mean()))


def sorted_along(points: Float[Tensor, "n d"], directions: Float[Tensor, "d p"]) -> NDArray[np.float64]:
    """`(p, n)`: the points projected on each direction, in order. NumPy sorts ten times faster than torch."""
    return np.sort((directions.T @ points.T).cpu().numpy(), axis=1)
