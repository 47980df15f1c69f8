"""The base class of entries with a latent: its size, and the standard normal prior."""

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError
from bench.laws.gaussian import standard_normal_log_prob
from bench.models.entry import Entry
from bench.spec import DataSpec

LARGEST_DEFAULT_LATENT = 16
LARGEST_LATENT = 1_000_000


def settled_size(data: DataSpec, latent_size: int | None) -> int:
    """The latent's size: `latent_size`, or for None that of x and at most 16.

    Raises:
        BenchError: it is below 1, or above a million, which no net here could hold.
    """
    if latent_size is None:
        return min(data.dim, LARGEST_DEFAULT_LATENT)
    if not 1 <= latent_size <= LARGEST_LATENT:
        raise BenchError(f"model.latent_size={latent_size} is not a size: give 1 to {LARGEST_LATENT}")
    return latent_size


class WithPrior(Entry):
    """An entry with a latent z, which is N(0, I) unless it says otherwise."""

    def __init__(self, data: DataSpec, *, width: int, latent_size: int | None = None) -> None:
        """Settles the latent's size: null takes that of x, and at most 16.

        Raises:
            BenchError: for a latent size below 1 or above a million.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width)
        self.latent_size = settled_size(data, latent_size)

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log p(z) in nats; here of N(0, I)."""
        return standard_normal_log_prob(z)

    def prior_sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` draws of z from the prior; here N(0, I)."""
        like = next(self.parameters())
        return torch.randn(n, self.latent_size, dtype=like.dtype, device=like.device)
