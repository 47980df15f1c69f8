"""What a flow along an ODE asks of its field."""

from collections.abc import Iterator
from typing import Protocol

from jaxtyping import Float
from torch import Tensor, nn


class VectorField(Protocol):
    """f(t, x), a module; x flat, t a scalar."""

    def __call__(self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """The field at each x."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of the module."""
        ...

    def forward_and_divergence(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """f(t, x) and its exact divergence, the trace of df/dx."""
        ...

    def forward_and_probe(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """f(t, x) and eᵀ df/dx e, whose mean over probes e is the divergence."""
        ...

    def forward_and_vjp(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """f(t, x) and eᵀ df/dx."""
        ...
