"""What latent-variable entries share: a likelihood estimated from log importance weights."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from bench.models.entry import Context, Entry, LogProb
from bench.models.importance import iwae
from bench.spec import Kind

CHUNK_ELEMENTS = 2**21
"""Coordinates that one chunk of importance samples holds: 8 MB a tensor, which stays near the cache."""


class LatentEntry(Entry):
    """An entry with `log_weights`, and from them a `log_prob`: the IWAE-K bound with K = `importance_samples`.

    A run's record takes its own K from `eval.importance_samples`, by way of `log_weights`.
    """

    family: ClassVar[str] = "VAE"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"continuous", "discrete", "binary"})
    latent = "posterior_mean"
    importance_samples: ClassVar[int] = 1_000

    def log_weights(
        self, x: Float[Tensor, "batch *event"], samples: int, context: Context = None
    ) -> Float[Tensor, "samples batch"]:
        """`(samples, batch)` nats of log p(x, z) - log q(z | x), with z drawn from q."""
        raise NotImplementedError(f"{type(self).__name__} must define log_weights(x, samples, context=None)")

    @torch.no_grad()
    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The IWAE-K bound of each example, in nats and without gradient; memory does not grow with K."""
        chunk = max(1, CHUNK_ELEMENTS // max(1, x.numel()))
        sizes = [min(chunk, self.importance_samples - done) for done in range(0, self.importance_samples, chunk)]
        return iwae(torch.cat([self.log_weights(x, size, context) for size in sizes]))
