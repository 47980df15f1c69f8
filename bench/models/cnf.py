"""The continuous normalizing flow (Chen et al. 2018, arXiv:1806.07366; Grathwohl et al. 2019, arXiv:1810.01367).

A flow along an ODE, see `bench.models.parts.ode_flow`, whose field is a perceptron. Neither the probe nor the exact
trace differentiates it: the probe costs as much again as the field itself, and so does the trace's closed form, which
one or two hidden layers have; with more of them the trace costs as much for every coordinate (`bench.ode.jacobian`).
"""

import math
from typing import Literal

from bench.errors import BenchError
from bench.models.parts.networks import spread
from bench.models.parts.ode_flow import ODEFlow
from bench.ode.field import Field, field_named
from bench.spec import DataSpec


class CNF(ODEFlow):
    """A flow along an ODE's field, solved by torchdiffeq. `nfe` counts evaluations of the field, one per batch."""

    version = 3  # a rate of its own, chosen by trials
    field: Field

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        field: Literal["concatsquash", "plain"] = "concatsquash",
        layers: int = 2,
        activation: str = "tanh",
        input_gain: float = 1.0,
        divergence: Literal["hutchinson", "exact"] = "hutchinson",
        solver: str = "dopri5",
        rtol: float = 1e-4,
        atol: float = 1e-4,
        step_size: float | None = None,
        adjoint: bool = False,
        kinetic: float = 0.0,
        jacobian: float = 0.0,
        eval_rtol: float = 1e-5,
        eval_atol: float = 1e-5,
    ) -> None:
        """Builds the field.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the field's hidden layers.
            field: how time enters its layers: through gates and shifts (`concatsquash`, FFJORD's) or as one more input
                (`plain`).
            layers: hidden layers; with more than two the exact trace costs an evaluation for every coordinate.
            activation: `tanh` or `softplus`.
            input_gain: factor on the first layer's initial weights and biases: how fine the features of x start out.
            divergence: the training's: `hutchinson` (one probe, unbiased) or `exact`.
            solver: the training's, a name of torchdiffeq; evaluation always takes dopri5.
            rtol, atol: tolerances of an adaptive solver in training; at 1e-3 the mean of `loss` was 0.013 nats off on
                a trained 8gaussians, at 1e-4 less than 0.001.
            step_size: step of a fixed-grid solver, the whole interval being 1.
            adjoint: gradients by the adjoint ODE (memory independent of the steps) and not through the solver.
            kinetic, jacobian: weights of RNODE's penalties, see `bench.models.parts.rnode`; at 0 they cost nothing.
            eval_rtol, eval_atol: tolerances of `log_prob`, `encode`, `decode` and `sample`.

        Raises:
            BenchError: for an unknown name, a tolerance or step that is not positive, a step size missing or unused, or
                a penalty that is negative or asked for with the exact divergence.
            NotApplicable: for data with a context.
        """
        if not 0 < input_gain < math.inf:
            raise BenchError(f"model.input_gain={input_gain} is not a factor: give a finite number above 0")
        if layers < 1:
            raise BenchError(f"model.layers={layers} is not a number of hidden layers: give at least 1")
        super().__init__(
            data,
            width=width,
            field=field_named(field)(data.dim, spread(width, [1] * layers), activation, input_gain),
            divergence=divergence,
            solver=solver,
            rtol=rtol,
            atol=atol,
            step_size=step_size,
            adjoint=adjoint,
            kinetic=kinetic,
            jacobian=jacobian,
            eval_rtol=eval_rtol,
            eval_atol=eval_atol,
        )
