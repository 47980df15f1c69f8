"""Autoregressive neural spline flow (Durkan et al. 2019, arXiv:1906.04032), its splines by zuko."""

from typing import Literal

from bench.models.maf import MAF
from bench.models.parts.monotone import Monotone, Spline
from bench.spec import DataSpec


class NSFAR(MAF):
    """RQ-NSF (AR): the stack of `maf` with a spline for the affine map.

    Other than in the paper, no LU layers stand between: reversals alone mix the coordinates, as in `maf`. The last
    weights of a net give 23 numbers for each coordinate, and half of them are masked away: what `nsf` says of small
    budgets holds twice.
    """

    def __init__(self, data: DataSpec, *, width: int, layers: int = 3) -> None:
        """Builds the flow; the options are those of `MAF`.

        Raises:
            BenchError: for no layers.
            NotApplicable: for a single coordinate, which leaves nothing to condition on, and for data with a context.
        """
        super().__init__(data, width=width, layers=layers)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`no`, for the reason of `NSF.compiles`."""
        return "no"

    def monotone(self) -> Monotone:
        """The map of a coordinate."""
        return Spline()
