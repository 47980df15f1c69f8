"""Flow matching of pictures: the field is a small U-Net (Lipman et al. 2023, arXiv:2210.02747)."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from bench.config import Optimiser
from bench.models.optimise import Trainer
from bench.models.parts.matching import CountedStep, Matched, coupling_named
from bench.models.parts.picture_field import FEW_EXAMPLES, PictureField, unet_field
from bench.models.parts.weight_average import WeightAverage
from bench.spec import DataSpec


class FlowMatchingUNet(Matched):
    """A flow along an ODE whose field is a U-Net, learned by regression. Its loss on validation chooses the weights."""

    own_shape = True
    takes_bfloat16 = True
    standardise = "image"
    validated_by = "loss"
    field: PictureField
    reference_examples = FEW_EXAMPLES

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        shape: Sequence[int] = (1, 2),
        blocks: int = 2,
        coupling: Literal["independent", "optimal_transport"] = "independent",
        eval_rtol: float = 1e-4,
        eval_atol: float = 1e-4,
        probes: int = 2,
        average: float = 0.0,
    ) -> None:
        """Builds the field.

        Args:
            data: what an example is, a picture in its own shape.
            width: channels in all, spread over the levels of the U-Net on its way down and back.
            shape: proportions of the channels of its levels, each of half the sides of the one before.
            blocks: gated residual blocks of each level.
            coupling: how a batch is paired with as many draws of z.
            eval_rtol, eval_atol: tolerances of `log_prob`, `encode`, `decode` and `sample`.
            probes: from which `log_prob` estimates the divergence, at least two; 0 for the exact trace, which costs an
                evaluation for each coordinate.
            average: width of the average of weights that is evaluated, as a share of the steps; 0 takes the last ones.

        Raises:
            BenchError: for an unknown name, a size or an average out of range, or a tolerance that is not positive.
            NotApplicable: for data that are no pictures, sides that cannot be halved so often, and data with a context.
        """
        super().__init__(
            data,
            width=width,
            field=unet_field(data, width, shape, blocks, type(self).__name__),
            eval_rtol=eval_rtol,
            eval_atol=eval_atol,
            probes=probes,
        )
        self.coupling = coupling_named(coupling)
        self.average = WeightAverage(self, average) if average else None

    def evaluation_weights(self) -> dict[str, Tensor]:
        """The averaged weights, where they are averaged."""
        return {} if self.average is None else self.average.weights()

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual step, after which the average is brought up to date."""
        return CountedStep(self, settings, self.average)
