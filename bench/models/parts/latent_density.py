"""Densities fitted to an autoencoder's codes after training: Gaussian, mixture, kernels, or a flow.

Each is a module with `log_prob`, `sample` and `fit`. What is fitted lies in buffers of known shapes, and all of them
are N(0, I) until then. Codes are whitened before anything is fitted, so that no fit depends on their units.
"""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from sklearn import mixture
from sklearn.covariance import ledoit_wolf
from torch import Tensor, nn

from bench.errors import BenchError, Diverged
from bench.laws.kernels import GaussianKernels
from bench.laws.mixture import GaussianMixture
from bench.models.realnvp import RealNVP
from bench.spec import DataSpec

KERNELS = 2_000
"""Most codes that carry a kernel: each evaluation of the density looks at all of them."""

RIDGE = 1e-6
"""Added to a covariance, relative to its mean variance; and, to a component's of whitened codes, a hundred times it."""


@runtime_checkable
class LatentDensity(Protocol):
    """A density of codes, a module."""

    def log_prob(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, " n"]:
        """log p(z) in nats, differentiable in z."""
        ...

    def sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` independent draws."""
        ...

    def fit(self, z: Float[Tensor, "n latent"]) -> None:
        """Fits the density to codes, where its training has not done so already."""
        ...


class MixtureDensity(nn.Module):
    """Σₖ wₖ N(mₖ, Lₖ Lₖᵀ): one full-covariance Gaussian by its moments, or several by expectation maximisation."""

    weights: Tensor
    means: Tensor
    triangles: Tensor

    def __init__(self, latent_size: int, components: int) -> None:
        """The components' weights `(k,)`, means `(k, d)` and lower triangles `(k, d, d)` are buffers.

        Raises:
            BenchError: for fewer components than 1.
        """
        super().__init__()
        if components < 1:
            raise BenchError(f"model.components={components} is not a number of Gaussians: give at least 1")
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, latent_size))
        self.register_buffer("triangles", torch.eye(latent_size).repeat(components, 1, 1))

    @property
    def law(self) -> GaussianMixture:
        """The mixture."""
        return GaussianMixture(self.weights, self.means, self.triangles)

    def log_prob(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, " n"]:
        """log p(z) in nats."""
        return self.law.log_prob(z)

    def sample(self, n: int) -> Float[Tensor, "n latent"]:
        """A component by its weight, then a draw from it."""
        return self.law.sample(n)

    def check_codes(self, n: int) -> None:
        """Refuses fewer codes to fit than there are components.

        Raises:
            BenchError: n is that small.
        """
        if n < len(self.weights):
            raise BenchError(f"model.components={len(self.weights)}: there are {n} codes to fit; give at most so many")

    def fit(self, z: Float[Tensor, "n latent"]) -> None:
        """Moments, or scikit-learn's expectation maximisation from k-means, seeded by torch's generator.

        Raises:
            BenchError: there are fewer codes than components.
            Diverged: the codes are not finite or all the same.
        """
        mean, triangle = moments(z)
        components = len(self.weights)
        if components == 1:
            self.means.copy_(mean[None])
            self.triangles.copy_(triangle[None])
            return
        self.check_codes(len(z))
        weights, means, covariances = expectation_maximisation(whitened(z, mean, triangle), components)
        self.weights.copy_(weights)
        # Back from whitened codes: m + L μ, and L times the triangle of the component's covariance.
        self.means.copy_(mean + means @ triangle.T)
        self.triangles.copy_(triangle @ torch.linalg.cholesky(covariances))


class KernelDensity(nn.Module):
    """The mean of Gaussians around codes, their covariance that of the codes times n^(-2 / (d + 4)): Scott's rule.

    D. W. Scott, Multivariate Density Estimation (1992), equation 6.44.
    """

    centres: Tensor
    log_weights: Tensor
    triangle: Tensor

    def __init__(self, latent_size: int) -> None:
        """The centres `(KERNELS, d)`, their log-weights and the kernels' lower triangle `(d, d)` are buffers."""
        super().__init__()
        log_weights = torch.full((KERNELS,), -math.inf)
        log_weights[0] = 0.0
        self.register_buffer("centres", torch.zeros(KERNELS, latent_size))
        self.register_buffer("log_weights", log_weights)
        self.register_buffer("triangle", torch.eye(latent_size))

    @property
    def law(self) -> GaussianKernels:
        """The kernels."""
        return GaussianKernels(self.centres, self.log_weights, self.triangle)

    def log_prob(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, " n"]:
        """log p(z) in nats; memory is n x KERNELS."""
        return self.law.log_prob(z)

    def sample(self, n: int) -> Float[Tensor, "n latent"]:
        """A centre by chance, and a draw around it."""
        return self.law.sample(n)

    def fit(self, z: Float[Tensor, "n latent"]) -> None:
        """Places a kernel on each of the first `KERNELS` codes.

        Raises:
            Diverged: the codes are not finite or all the same.
        """
        z = z[:KERNELS]
        n, latent = z.shape
        mean, triangle = moments(z)
        # Places without a code stand at the mean and weigh 0: a buffer keeps its shape.
        self.centres.copy_(mean).index_copy_(0, torch.arange(n, device=z.device), z)
        self.log_weights.fill_(-math.inf)
        self.log_weights[:n] = -math.log(n)
        # Half of Scott's exponent: a triangle is a root of its covariance.
        self.triangle.copy_(n ** (-1 / (latent + 4)) * triangle)


class FlowDensity(nn.Module):
    """A RealNVP of codes. It has parameters, and learns beside the autoencoder, step by step."""

    def __init__(self, latent_size: int, width: int, layers: int) -> None:
        """A flow with `width` hidden units and `layers` couplings.

        Raises:
            BenchError: for a latent of one coordinate, which leaves a coupling nothing to condition on.
        """
        super().__init__()
        if latent_size < 2:
            raise BenchError(f"model.latent_size={latent_size}: density=flow needs at least 2 coordinates")
        self.flow = RealNVP(DataSpec((latent_size,)), width=width, layers=layers)

    def log_prob(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, " n"]:
        """log p(z) in nats."""
        return self.flow.log_prob(z).value

    def sample(self, n: int) -> Float[Tensor, "n latent"]:
        """Draws of N(0, I), pushed through the inverse."""
        return self.flow.sample(n)

    def fit(self, z: Float[Tensor, "n latent"]) -> None:
        """Does nothing: the flow was trained."""


def moments(z: Float[Tensor, "n latent"]) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
    """Mean and the lower triangle of the covariance (of n codes, not n - 1), in float64; a ridge keeps it regular.

    Raises:
        Diverged: the codes are not finite or all the same.
    """
    z = z.double()
    mean = z.mean(0)
    return mean, ridged_triangle((z - mean).T @ (z - mean) / len(z), len(z))


def shrunk_moments(z: Float[Tensor, "n latent"]) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
    """Mean and the lower triangle of the covariance shrunk by Ledoit & Wolf, in float64, of any number of examples.

    The correlations are drawn towards 0 by the share that is best in mean square (Ledoit & Wolf 2004, J. Multivariate
    Analysis 88, by scikit-learn), the variances stay: units of the coordinates change nothing.

    Raises:
        Diverged: the examples are not finite or all the same.
    """
    z = z.double()
    mean = z.mean(0)
    variances = (z - mean).square().mean(0)
    if not variances.isfinite().all():
        return mean, ridged_triangle(torch.diag(variances), len(z))
    scale = torch.where(variances > 0, variances, 1.0).sqrt()
    correlations, _ = ledoit_wolf(((z - mean) / scale).cpu().numpy(), assume_centered=True)
    covariance = torch.from_numpy(correlations).to(z) * scale * scale[:, None]
    covariance.diagonal().copy_(variances)
    return mean, ridged_triangle(covariance, len(z))


def ridged_triangle(covariance: Float[Tensor, "latent latent"], n: int) -> Float[Tensor, "latent latent"]:
    """The lower triangle of a covariance of n examples; a ridge keeps it regular.

    Raises:
        Diverged: it is not finite, or 0.
    """
    variance = covariance.diagonal().mean()
    if not (variance.isfinite() and variance > 0):
        raise Diverged(f"the density of {n} codes cannot be fitted: their mean variance is {variance.item()}")
    triangle: Tensor = torch.linalg.cholesky(covariance + RIDGE * variance * torch.eye(len(covariance)).to(covariance))
    return triangle


def expectation_maximisation(
    z: Float[Tensor, "n latent"], components: int
) -> tuple[Float[Tensor, " k"], Float[Tensor, "k latent"], Float[Tensor, "k latent latent"]]:
    """Weights, means and covariances by expectation maximisation on whitened codes, seeded by torch's generator."""
    seed = int(torch.randint(2**31, ()))
    estimate = mixture.GaussianMixture(components, reg_covar=100 * RIDGE, max_iter=300, random_state=seed)
    estimate.fit(z.cpu().numpy())
    weights, means, covariances = (
        torch.from_numpy(part).to(z) for part in (estimate.weights_, estimate.means_, estimate.covariances_)
    )
    return weights, means, covariances


def whitened(
    z: Float[Tensor, "n latent"], mean: Float[Tensor, " latent"], triangle: Float[Tensor, "latent latent"]
) -> Float[Tensor, "n latent"]:
    """L⁻¹ (z - m), in the precision of `triangle`."""
    columns: Tensor = torch.linalg.solve_triangular(triangle, (z - mean).to(triangle).mT, upper=False)
    return columns.mT
