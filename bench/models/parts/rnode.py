"""RNODE: penalties that make a continuous flow straight and smooth, so that it takes few steps (Finlay et al. 2020).

Training adds kinetic ∫ ½ |f|² dt + jacobian ∫ |eᵀ J|² dt to -log p(x), along each example's path, with e the probe of
the divergence, so that E |eᵀ J|² is the squared Frobenius norm of J = df/dx (arXiv:2002.02798). The paper's code adds λ
times the mean over coordinates of either square to the bits per dimension; here the squares are summed, as -log p is in
nats and of the whole example: the same objective has the weight λ ln 2.
"""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError


@runtime_checkable
class ProbedField(Protocol):
    """A field that can be multiplied by a probe from the left."""

    def forward_and_vjp(
        self, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """f(t, x) and eᵀ df/dx."""
        ...


class Penalty(NamedTuple):
    """The two weights, in nats.

    Attributes:
        kinetic: of half the squared speed.
        jacobian: of the squared norm of eᵀ J.
    """

    kinetic: float
    jacobian: float

    def __bool__(self) -> bool:
        return self.kinetic > 0 or self.jacobian > 0

    def check(self, divergence: str) -> None:
        """Refuses weights that mean nothing.

        Raises:
            BenchError: one is negative or not finite, or the training's `divergence` has no probe to share.
        """
        for name, weight in self._asdict().items():
            if not 0 <= weight < math.inf:
                raise BenchError(f"model.{name}={weight} is not a weight: give a finite number from 0")
            if weight and divergence != "hutchinson":
                raise BenchError(f"model.{name}={weight} needs the probe of model.divergence=hutchinson: set that")

    def rates(
        self, field: ProbedField, t: Float[Tensor, ""], x: Float[Tensor, "batch dim"], probe: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """f(t, x), the estimate eᵀ J e of its divergence and the penalty's integrand, from one pass of the field."""
        # eᵀ J serves twice: its product with e is the divergence's estimate, its square that of |J|² (Finlay et al.
        # 2020).
        value, pulled = field.forward_and_vjp(t, x, probe)
        penalty = 0.5 * self.kinetic * value.square().sum(1) + self.jacobian * pulled.square().sum(1)
        return value, torch.linalg.vecdot(pulled, probe), penalty
