"""The base class of normalizing flows: one invertible map, a standard normal, exact likelihood and inverse."""

import torch
from jaxtyping import Float
from nflows.transforms import Transform
from torch import Tensor

from bench.laws.gaussian import standard_normal_log_prob
from bench.models.entry import Context, Entry, LogProb


class Flow(Entry):
    """A flow z = f(x), z ~ N(0, I), so that log p(x) = log N(f(x); 0, I) + log |det df/dx|.

    Attributes:
        transform: f, set by the subclass: called with `(batch, dim)`, it gives z and the log-determinant `(batch,)`;
            its `inverse` gives x and the log-determinant of that.
    """

    family = "flow"
    latent = "exact"
    transform: Transform

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats."""
        return -self._log_prob(x)

    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The exact log-density in model space."""
        return LogProb(self._log_prob(x), "exact", is_bound=False)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Draws of z from N(0, I), pushed through the inverse."""
        like = next(self.parameters())
        return self.decode(torch.randn(n, self.data.dim, dtype=like.dtype, device=like.device))

    def encode(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, "batch dim"]:
        """The latent z = f(x), `(batch, dim)`."""
        z: Tensor = self.transform(x.flatten(1))[0]
        return z

    def decode(self, z: Float[Tensor, "batch dim"], context: Context = None) -> Float[Tensor, "batch *event"]:
        """The inverse, x with f(x) = z."""
        x: Tensor = self.transform.inverse(z)[0]
        return x.reshape(len(z), *self.data.event_shape)

    def _log_prob(self, x: Tensor) -> Tensor:
        z, log_det = self.transform(x.flatten(1))
        log_density: Tensor = standard_normal_log_prob(z) + log_det
        return log_density
