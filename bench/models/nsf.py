"""Neural spline flow of couplings (Durkan et al. 2019, arXiv:1906.04032), its splines by zuko."""

from typing import Literal

import torch
from nflows.transforms import Transform
from torch import Tensor

from bench.models.parts.monotone import Spline
from bench.models.parts.networks import ResidualNet
from bench.models.realnvp import INITIAL_GAIN, RealNVP
from bench.spec import DataSpec


class SplineCoupling(Transform):  # type: ignore[misc]
    """The spline coupling y = (g(x2; θ(x1)), x1): `realnvp`'s with a spline g of each coordinate for the affine map."""

    def __init__(self, kept: int, dim: int, hidden: list[int]) -> None:
        """Conditions the last `dim - kept` coordinates on the first `kept`."""
        super().__init__()
        self.kept, self.changed = kept, dim - kept
        self.map = Spline()
        self.net = ResidualNet(kept, hidden, self.changed * self.map.outputs, INITIAL_GAIN)

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        kept, changed = inputs.tensor_split([self.kept], 1)
        outputs, log_slopes = self.map(self.parameters_of(kept)).call_and_ladj(changed)
        return torch.cat((outputs, kept), 1), log_slopes.sum(1)

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        changed, kept = inputs.tensor_split([self.changed], 1)
        spline = self.map(self.parameters_of(kept))
        outputs = spline.inv(changed)
        return torch.cat((kept, outputs), 1), -spline.call_and_ladj(outputs)[1].sum(1)

    def parameters_of(self, kept: Tensor) -> Tensor:
        """The splines' parameters, `(batch, changed, outputs)`."""
        parameters: Tensor = self.net(kept).view(len(kept), self.changed, self.map.outputs)
        return parameters


class NSF(RealNVP):
    """RQ-NSF (C): the stack of `realnvp` with spline couplings, so that the couplings are all that differs.

    As in the paper, conditioners are residual nets and LU layers mix the coordinates, here as far as that is cheap.
    Other than there, a coupling leaves the coordinates that it conditions on as they are; the paper puts splines of
    constant parameters on them. zuko's own NSF with `passes=2` is the same map, but half of its weights are masked
    away and would count in a budget. A coupling's last layer has 23 outputs for a coordinate where an affine one has 2:
    of a small budget little is left for hidden units.
    """

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        layers: int = 4,
        mixing: Literal["auto", "lu", "actnorm"] = "auto",
    ) -> None:
        """Builds the flow; the options are those of `RealNVP`.

        Raises:
            BenchError: for no layers or an unknown mixing.
            NotApplicable: for a single coordinate, which leaves nothing to condition on, and for data with a context.
        """
        super().__init__(data, width=width, layers=layers, mixing=mixing)

    def coupling(self, kept: int, dim: int, hidden: list[int]) -> Transform:
        """A new coupling that conditions on the first `kept` of `dim` coordinates, and swaps the two parts."""
        return SplineCoupling(kept, dim, hidden)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`no`: Inductor (torch 2.13, CPU) compiles zuko's splines to the right loss and a wrong gradient."""
        return "no"
