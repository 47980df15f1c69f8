"""The linear-Gaussian model, whose density is known: the oracle of the variational entries.

With z ~ N(0, I) and x = W z + noise * e, e ~ N(0, I), the marginal is x ~ N(0, W W^T + noise^2 I) and the posterior is
z | x ~ N(M^-1 W^T x, noise^2 M^-1) with M = W^T W + noise^2 I: probabilistic PCA (Tipping & Bishop 1999).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.from_density import from_density
from bench.errors import BenchError


@dataclass(frozen=True)
class LinearGaussian:
    """The law of x = W z + noise * e.

    Attributes:
        weight: W, `(dim, latent)`, in float64.
        noise: standard deviation of each coordinate of x given z.
    """

    weight: Float[Tensor, "dim latent"]
    noise: float

    def covariance(self) -> Float[Tensor, "dim dim"]:
        """W W^T + noise^2 I."""
        identity = torch.eye(len(self.weight)).to(self.weight)
        return self.weight @ self.weight.T + self.noise**2 * identity

    def log_prob(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Log-density of x in nats, computed in float64, in the dtype and on the device of `x`."""
        factor: Tensor = torch.linalg.cholesky(self.covariance()).to(x.device)
        white: Tensor = torch.linalg.solve_triangular(factor, x.to(factor).T, upper=False)
        log_norm = len(factor) / 2 * math.log(2 * math.pi) + factor.diagonal().log().sum()
        return (-white.square().sum(0) / 2 - log_norm).to(x.dtype)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n dim"]:
        """`n` independent float32 draws on the generator's device."""
        dim, latent = self.weight.shape
        z = torch.randn(n, latent, generator=generator, device=generator.device)
        noise = torch.randn(n, dim, generator=generator, device=generator.device)
        return z @ self.weight.to(z).T + self.noise * noise


def linear_gaussian(
    name: str,
    *,
    dim: int = 8,
    latent: int = 4,
    noise: float = 0.5,
    train: int = 20_000,
    validation: int = 2_000,
    test: int = 10_000,
    seed: int = 0,
) -> Dataset:
    """A linear-Gaussian data set: float32 splits of shape `(n, dim)`, a `LinearGaussian` as the truth.

    W has entries N(0, 1 / latent), so that each coordinate has a signal of variance near 1; it depends on `dim`,
    `latent` and `seed` alone, and the test split is drawn after it from the same generator.

    Raises:
        BenchError: `latent` outside 1, ..., dim; `noise` not positive; or a size that is not a positive integer.
    """
    if not 1 <= latent <= dim:
        raise BenchError(
            f"data={name}: latent={latent} with dim={dim}; set data.latent to 1 or more and at most data.dim"
        )
    if not 0 < noise < math.inf:
        raise BenchError(f"data={name}: noise={noise} is not a positive number; set data.noise above 0")
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(dim, latent, generator=generator, dtype=torch.float64) / math.sqrt(latent)
    truth = LinearGaussian(weight, float(noise))
    return from_density(name, truth, dim, train=train, validation=validation, test=test, generator=generator)
