"""Nearest neighbours: a tree in few dimensions, blocks of distances in many."""

import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from bench.metrics.point_clouds import blocks

TREE_DIMENSION = 8
"""Coordinates up to which a k-d tree is faster than all distances."""


def nearest(
    queries: Float[Tensor, "n d"], points: Float[Tensor, "m d"], k: int = 1
) -> tuple[Float[Tensor, "n k"], Int[Tensor, "n k"]]:
    """Distances to the k nearest of the points, the nearest first, and their indices.

    Many coordinates are compared in single precision: a distance is then out by at most 1e-3 of the points' norm.
    """
    if queries.shape[1] <= TREE_DIMENSION:
        distances, places = cKDTree(points.cpu().numpy()).query(queries.cpu().numpy(), k=list(range(1, k + 1)))
        return torch.from_numpy(distances).to(queries), torch.from_numpy(places).to(queries.device)
    found = [rows.topk(k, dim=1, largest=False) for _, rows in blocks(queries.float(), points.float())]
    return torch.cat([top.values for top in found]).double(), torch.cat([top.indices for top in found])
