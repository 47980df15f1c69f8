"""Flow matching: the field of `cnf` learned by regression, without a solver (Lipman et al. 2023, arXiv:2210.02747)."""

from typing import Literal

from bench.models.cnf import CNF
from bench.models.parts.matching import Matched, coupling_named
from bench.ode.field import Field
from bench.spec import DataSpec


class FlowMatching(Matched, CNF):
    """A flow along the field of `cnf`, learned by regression. `nfe` counts evaluations of the field, one per batch.

    It counts those of training steps and of densities, not that of a call of `loss`, which is no likelihood: the row's
    comes from `log_prob`, `cnf`'s own; `rough_log_prob` chooses the weights.
    """

    field: Field

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        activation: str = "tanh",
        input_gain: float = 1.0,
        coupling: Literal["independent", "optimal_transport"] = "independent",
        eval_rtol: float = 1e-5,
        eval_atol: float = 1e-5,
    ) -> None:
        """Builds the field.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the field's two hidden layers.
            activation: `tanh` or `softplus`.
            input_gain: factor on the first layer's initial weights and biases: how fine the features of x start out.
            coupling: how a batch is paired with as many draws of z.
            eval_rtol, eval_atol: tolerances of `log_prob`, `encode`, `decode` and `sample`.

        Raises:
            BenchError: for an unknown name, or a tolerance that is not positive.
            NotApplicable: for data with a context.
        """
        super().__init__(
            data,
            width=width,
            activation=activation,
            input_gain=input_gain,
            eval_rtol=eval_rtol,
            eval_atol=eval_atol,
        )
        self.coupling = coupling_named(coupling)
