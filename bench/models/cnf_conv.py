"""A continuous flow of pictures: FFJORD's solve along a small convolutional field (Grathwohl et al. 2019)."""

from collections.abc import Sequence

from bench.models.parts.ode_flow import ODEFlow
from bench.models.parts.picture_field import FEW_EXAMPLES, PictureField, unet_field
from bench.spec import DataSpec


class CNFConv(ODEFlow):
    """A flow along an ODE whose field is a U-Net, trained by maximum likelihood with one probe of the divergence."""

    own_shape = True
    standardise = "image"
    field: PictureField
    reference_examples = FEW_EXAMPLES

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        shape: Sequence[int] = (1,),
        blocks: int = 1,
        solver: str = "dopri5",
        rtol: float = 1e-3,
        atol: float = 1e-3,
        step_size: float | None = None,
        adjoint: bool = False,
        kinetic: float = 0.0,
        jacobian: float = 0.0,
        eval_rtol: float = 1e-4,
        eval_atol: float = 1e-4,
        probes: int = 2,
    ) -> None:
        """Builds the field.

        Args:
            data: what an example is, a picture in its own shape.
            width: channels in all, spread over the levels of the U-Net on its way down and back.
            shape: proportions of the channels of its levels, each of half the sides of the one before.
            blocks: gated residual blocks of each level.
            solver, rtol, atol, step_size, adjoint, kinetic, jacobian: of training, as those of `cnf`.
            eval_rtol, eval_atol: tolerances of `log_prob`, `encode`, `decode` and `sample`.
            probes: from which `log_prob` estimates the divergence, at least two; 0 for the exact trace, which costs an
                evaluation for each coordinate.

        Raises:
            BenchError: for a size, a tolerance or a weight out of range, or an unknown name.
            NotApplicable: for data that are no pictures, sides that cannot be halved so often, and data with a context.
        """
        super().__init__(
            data,
            width=width,
            field=unet_field(data, width, shape, blocks, type(self).__name__),
            solver=solver,
            rtol=rtol,
            atol=atol,
            step_size=step_size,
            adjoint=adjoint,
            kinetic=kinetic,
            jacobian=jacobian,
            eval_rtol=eval_rtol,
            eval_atol=eval_atol,
            probes=probes,
        )
        # An adaptive solver would take rounding for stiffness; the adjoint solves again where products are of float32.
        self.takes_bfloat16 = step_size is not None and not adjoint
