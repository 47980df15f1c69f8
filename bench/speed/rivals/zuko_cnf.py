"""The field in zuko's continuous flow: dopri5, one Gaussian probe, gradients by the adaptive checkpoint adjoint."""

from jaxtyping import Float
from torch import Tensor
from zuko.transforms import FreeFormJacobianTransform

from bench.laws.gaussian import standard_normal_log_prob
from bench.ode.field import ConcatSquashField
from bench.speed.method import FieldLoss
from bench.speed.rivals.ffjord import layers


class ZukoCNF(FieldLoss):
    """-log p(x) as `zuko.flows.CNF` has it; the tolerance of the log-determinant is 100 times the state's, zuko's."""

    def __init__(self, field: ConcatSquashField, tolerance: float) -> None:
        super().__init__(field)
        self.tolerance = tolerance

    def loss(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Unbiased; the probe is the same through the whole solve."""
        flow = FreeFormJacobianTransform(
            f=self.rate,
            phi=self.field.parameters(),
            atol=self.tolerance,
            rtol=self.tolerance,
            exact=False,
        )
        end: tuple[Tensor, Tensor] = flow.call_and_ladj(x)
        z, log_det = end
        return -standard_normal_log_prob(z) - log_det

    def rate(self, t: Tensor, x: Tensor) -> Tensor:
        """The field."""
        self.nfe += 1
        return layers(self.field, t, x)
