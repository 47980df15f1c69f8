"""Mixtures of Gaussians with full covariances."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.laws.gaussian import standard_normal_log_prob


@dataclass(frozen=True)
class GaussianMixture:
    """Σₖ wₖ N(mₖ, Lₖ Lₖᵀ).

    Attributes:
        weights: wₖ, `(k,)`, whose sum is 1.
        means: `(k, d)`.
        triangles: Lₖ, `(k, d, d)`, lower triangular with a positive diagonal.
    """

    weights: Float[Tensor, " k"]
    means: Float[Tensor, "k d"]
    triangles: Float[Tensor, "k d d"]

    def by_component(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "k n"]:
        """log wₖ N(x; mₖ, Lₖ Lₖᵀ) in nats; memory is k n d."""
        residual = torch.linalg.solve_triangular(self.triangles, (x - self.means[:, None]).mT, upper=False)
        log_scale = torch.log(torch.diagonal(self.triangles, dim1=1, dim2=2)).sum(1)
        return standard_normal_log_prob(residual.mT) + (torch.log(self.weights) - log_scale)[:, None]

    def log_prob(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """log p(x) in nats."""
        return torch.logsumexp(self.by_component(x), 0)

    def sample(self, n: int) -> Float[Tensor, "n d"]:
        """A component by its weight, then a draw from it, `n` times."""
        component = torch.multinomial(self.weights, n, replacement=True)
        drawn = torch.randn(n, self.means.shape[1], dtype=self.means.dtype, device=self.means.device)
        # Component by component: a triangle for each draw would be n d² numbers.
        for k, (mean, triangle) in enumerate(zip(self.means, self.triangles, strict=True)):
            drawn[component == k] = mean + drawn[component == k] @ triangle.T
        return drawn
