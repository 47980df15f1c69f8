"""What an entry's proposal for its latent can do: see `bench.models.entry.HasProposal`."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Proposal(Protocol):
    """A law of u, one for each example of a batch, from which the latent z follows; it can be moved for each example.

    u is z itself for most laws; of a flow it is what goes in, whose density is known wherever it lies.
    """

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch u"], Float[Tensor, "samples batch"]]:
        """u by reparameterisation, and log q(u) in nats, both with gradients in the offsets."""
        ...

    def log_prob(self, u: Float[Tensor, "samples batch u"]) -> Float[Tensor, "samples batch"]:
        """log q(u) in nats, of draws of this law or of one moved from it."""
        ...

    def to_latent(
        self, u: Float[Tensor, "samples batch u"]
    ) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"] | float]:
        """z and log |det dz/du| in nats: a map that no offset changes."""
        ...

    def offsets(self) -> tuple[Float[Tensor, "batch *parameter"], ...]:
        """Zeros, a tensor for each parameter; any numbers in their place are a law."""
        ...

    def moved(self, *offsets: Float[Tensor, "batch *parameter"]) -> "Proposal":
        """The law with its parameters moved, 1 being about its own width; by zeros it is itself."""
        ...


@runtime_checkable
class WidensToFull(Proposal, Protocol):
    """A proposal with a version whose covariance is full, for `eval.refine_covariance=full`."""

    def with_full_covariance(self) -> Proposal:
        """The same law, moved by offsets of a full covariance."""
        ...
