"""The Fréchet distance between Gaussians with the moments of two sets of features (Heusel et al. 2017's formula)."""

import torch
from jaxtyping import Float
from torch import Tensor


def frechet_distance(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> float:
    """|μ_a - μ_b|² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½); biased upwards in small sets, as its floor shows.

    On features of a classifier it sees a missing class, blurred pictures and unreadable ones; not copies. It is no
    FID: the features are not Inception's, and values compare within one data set and one `features_hash` alone.
    """
    gap = (a.mean(0) - b.mean(0)).square().sum()
    of_a, of_b = torch.cov(a.T), torch.cov(b.T)
    # tr (A B)^½ is the sum of the roots of the eigenvalues of A^½ B A^½, which is symmetric.
    values, vectors = torch.linalg.eigh(of_a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ of_b @ root).clamp(min=0).sqrt().sum()
    return float(gap + of_a.trace() + of_b.trace() - 2 * cross)
