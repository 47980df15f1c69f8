"""Flow matching, then maximum likelihood on the same field.

Matching costs one evaluation of the field a step, and comes near the data's law in a fraction of the time that solving
an ODE in every step takes; but what it minimises is no likelihood. So the last share of the budget descends the exact
one, as `cnf_fast` does, from where matching has come to.
"""

from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.cnf_fast import CNFFast
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.matching import coupling_named, matching_loss
from bench.ode.runge_kutta import uniform
from bench.spec import DataSpec

UNCHOSEN = 16
"""Steps of the grid before the finish chooses one: fine enough for the `loss` of a field that is still matched."""


class FlowMatchingML(CNFFast):
    """The flow of `cnf_fast`, its field matched before its likelihood is maximised.

    `loss` is -log p(x) always: what the finish minimises. Until `matched` of the budget is used, training minimises
    `matching` in its place, and the training loss of the history is that one's, no likelihood. Validation is by the
    exact likelihood in both phases; an early stop (`train.patience`) in the first leaves the second out.
    """

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        activation: str = "tanh",
        input_gain: float = 1.0,
        coupling: Literal["independent", "optimal_transport"] = "independent",
        matched: float = 0.7,
        rtol: float = 1e-3,
        atol: float = 1e-3,
        eval_rtol: float = 1e-5,
        eval_atol: float = 1e-5,
    ) -> None:
        """Builds the field.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the field's two hidden layers.
            activation: `tanh` or `softplus`.
            input_gain: factor on the first layer's initial weights and biases: how fine the features of x start out.
            coupling: how a batch is paired with as many draws of z while the field is matched.
            matched: share of the budget after which the likelihood is maximised.
            rtol, atol: tolerances of every training example in every step when the finish chooses a grid.
            eval_rtol, eval_atol: tolerances of every example in `log_prob`, `encode`, `decode` and `sample`.

        Raises:
            BenchError: for an unknown name, a share of the budget that leaves a phase out, or a tolerance that is not
                positive.
            NotApplicable: for data with a context.
        """
        super().__init__(
            data,
            width=width,
            activation=activation,
            input_gain=input_gain,
            rtol=rtol,
            atol=atol,
            eval_rtol=eval_rtol,
            eval_atol=eval_atol,
        )
        if not 0 < matched < 1:
            raise BenchError(
                f"model.matched={matched} leaves out a phase: give a share between 0 and 1, or take cnf_fast or "
                "flow_matching"
            )
        self.matched, self.grid = matched, uniform(UNCHOSEN)
        self.coupling = coupling_named(coupling)

    def matching(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, " batch"]:
        """The loss of `flow_matching`."""
        return matching_loss(self.field.at_times, x.flatten(1), self.coupling)

    def trainer(self, settings: Optimiser) -> Trainer:
        """A trainer for each phase."""
        return Phases(self, MatchingStep(self, settings), super().trainer(settings))

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`no`: it has two kinds of step."""
        return "no"


class MatchingStep(GradientStep):
    """The usual step, down the loss of flow matching."""

    entry: FlowMatchingML

    def count(self) -> None:
        """Adds the batch's one evaluation."""
        self.entry.nfe += 1

    def objective(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """The mean of `matching`."""
        return self.entry.matching(x).mean()


class Phases:
    """A step of one trainer until `matched` of the budget is used, then of another, each with a schedule of its own.

    Each has its own moments too: the gradients of the two losses differ in size.
    """

    def __init__(self, entry: FlowMatchingML, matching: Trainer, finish: Trainer) -> None:
        self.entry, self.matching, self.finish = entry, matching, finish

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """One step of the phase that `progress` lies in; the mean of that phase's loss before it."""
        matched = self.entry.matched
        if progress < matched:
            return self.matching.step(x, progress / matched)
        return self.finish.step(x, (progress - matched) / (1 - matched))

    def state_dict(self) -> dict[str, Any]:
        """The states of both."""
        return {"matching": self.matching.state_dict(), "finish": self.finish.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from the states of both."""
        self.matching.load_state_dict(state["matching"])
        self.finish.load_state_dict(state["finish"])
