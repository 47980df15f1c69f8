"""Kernel densities: a Gaussian of one covariance around each of many points."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class GaussianKernels:
    """Σₖ wₖ N(cₖ, L Lᵀ).

    Attributes:
        centres: cₖ, `(k, d)`.
        log_weights: log wₖ, `(k,)`; -inf where a place has no kernel.
        triangle: L, `(d, d)`, lower triangular with a positive diagonal.
    """

    centres: Float[Tensor, "k d"]
    log_weights: Float[Tensor, " k"]
    triangle: Float[Tensor, "d d"]

    def log_prob(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """log p(x) in nats; memory is n k."""
        # Around the centres' middle the least of the distances cancels.
        middle = self.centres.mean(0)
        points, kernels = (
            torch.linalg.solve_triangular(self.triangle, (part - middle).mT, upper=False).mT
            for part in (x, self.centres)
        )
        constant = torch.log(torch.diagonal(self.triangle)).sum() + 0.5 * x.shape[1] * math.log(2 * math.pi)
        return torch.logsumexp(self.log_weights - 0.5 * squared_distances(points, kernels), 1) - constant

    def sample(self, n: int) -> Float[Tensor, "n d"]:
        """A centre by its weight, and a draw around it, `n` times."""
        centre = self.centres[torch.multinomial(torch.exp(self.log_weights), n, replacement=True)]
        return centre + torch.randn_like(centre) @ self.triangle.T


def squared_distances(points: Float[Tensor, "n d"], centres: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    """|z - c|² of each pair, multiplied out: one product of matrices and no (n, k, d) tensor."""
    return points.square().sum(1)[:, None] - 2 * points @ centres.T + centres.square().sum(1)
