"""The base class of flows along an ODE's field, solved by torchdiffeq (Chen et al. 2018, arXiv:1806.07366).

x flows along dx/dt = f(t, x) from t = 0 to z at t = 1, where z ~ N(0, I), and

    log p(x) = log N(z; 0, I) + ∫ div f(t, x(t)) dt.

The integral is one more coordinate of the state. Training estimates the divergence with one Rademacher probe, the same
through a whole solve; `log_prob` takes the exact trace, or several probes where that would cost too much.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor
from torchdiffeq import odeint, odeint_adjoint

from bench.config import Optimiser
from bench.errors import BenchError, Diverged
from bench.laws.gaussian import standard_normal_log_prob
from bench.models.entry import Context, Entry, LogProb
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.ode_solver import (
    EVALUATION_SOLVER,
    Norm,
    adaptive,
    check_options,
    pooled_norm,
    short,
    worst_norm,
)
from bench.models.parts.rnode import Penalty
from bench.models.parts.vector_field import VectorField
from bench.ode.runge_kutta import Tolerance
from bench.spec import DataSpec

REFERENCE_TOLERANCE = 1e-7
"""Of the float64 solve, whose mean is off by less than the rounding of the float32 likelihoods held against it."""

ROUGH_TOLERANCE = 1e-3
"""Of the solves that choose weights: on the fields of the study `quick` their mean was off by .03 nats at most."""


PROBED_TOLERANCE = 1e-4
"""Of the solves by probes that choose weights: the mean was off by .004 nats on a U-Net of 8 x 8 pictures, at 1e-3 by
.1."""

StateRate = Callable[[Tensor, Tensor], Tensor]


class ODEFlow(Entry):
    """A flow along an ODE's field, solved by torchdiffeq. `nfe` counts evaluations of the field, one per batch."""

    family = "ODE flow"
    latent = "exact"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        field: VectorField,
        divergence: str = "hutchinson",
        solver: str = "dopri5",
        rtol: float = 1e-4,
        atol: float = 1e-4,
        step_size: float | None = None,
        adjoint: bool = False,
        kinetic: float = 0.0,
        jacobian: float = 0.0,
        eval_rtol: float = 1e-5,
        eval_atol: float = 1e-5,
        probes: int = 0,
    ) -> None:
        """Keeps the field and the options.

        Args:
            data, width, divergence, solver, rtol, atol, step_size, adjoint, kinetic, jacobian, eval_rtol, eval_atol: as
                those of `cnf`.
            field: of events laid flat.
            probes: from which `log_prob` estimates the divergence, at least two, so that the error is known; 0 for the
                exact trace.

        Raises:
            BenchError: for an unknown name, a tolerance or step that is not positive, a step size missing or unused, a
                penalty that is negative or asked for with the exact divergence, or one probe.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width)
        check_options(divergence, solver, step_size, rtol=rtol, atol=atol, eval_rtol=eval_rtol, eval_atol=eval_atol)
        self.divergence = divergence
        self.solver, self.rtol, self.atol, self.step_size = solver, rtol, atol, step_size
        self.adjoint = adjoint
        self.penalty = Penalty(kinetic, jacobian)
        self.penalty.check(divergence)
        self.eval_rtol, self.eval_atol = eval_rtol, eval_atol
        if probes < 0 or probes == 1:
            raise BenchError(
                f"model.probes={probes}: give at least 2, from which an error is known, or 0 for the trace"
            )
        self.probes = probes
        self.field = field
        self.nfe = 0
        self._time = torch.zeros(())

    def check_training(self, batch_size: int, finish_examples: int) -> None:
        """Refuses a tolerance that the numbers it is solved in cannot hold.

        Raises:
            BenchError: one is below the precision of the parameters.
        """
        dtype = next(self.field.parameters()).dtype
        finest = torch.finfo(dtype).eps
        for name in ("rtol", "atol", "eval_rtol", "eval_atol"):
            tolerance = getattr(self, name)
            if tolerance < finest:
                raise BenchError(
                    f"model.{name}={short(tolerance)} is finer than {dtype}, in which it is solved, can hold: give "
                    f"{10 * finest:.0e} or more"
                )

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats at the training tolerance; unbiased, not exact, with Hutchinson's divergence.

        With `kinetic` or `jacobian` their penalties are added; `log_prob` has none.
        """
        state = _with_zeros(x.flatten(1), 2 if self.penalty else 1)
        options = {"step_size": self.step_size} if self.step_size else adaptive(pooled_norm, end=1.0)
        solve = odeint
        extra = {}
        # With the seminorm the error of the parameters' adjoints sets no step: they are integrals, which nothing else
        # depends on (Kidger et al. 2021, arXiv:2009.09457).
        if self.adjoint:
            solve = odeint_adjoint
            extra = {
                "adjoint_params": tuple(self.field.parameters()),
                "adjoint_options": {k: v for k, v in options.items() if k in {"step_size", "max_num_steps"}}
                | {"norm": "seminorm"},
            }
        times = torch.linspace(0, 1, 2, device=x.device)
        with self._failures():
            path = solve(
                self._training_rate(state),
                state,
                times,
                rtol=self.rtol,
                atol=self.atol,
                method=self.solver,
                options=options,
                **extra,
            )
        final = path[-1]
        # With a penalty the state ends in two integrals: the log-determinant, then the penalty.
        return final[:, -1] - _log_density(final[:, :-1]) if self.penalty else -_log_density(final)

    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The log-density at the evaluation tolerance, with the exact trace or by probes.

        Raises:
            Diverged: when the solver cannot reach the end.
        """
        return self._log_prob(x, Tolerance(self.eval_rtol, self.eval_atol), worst_norm)

    def rough_log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The same at `rough_tolerance`, the error pooled over the batch.

        Raises:
            Diverged: when the solver cannot reach the end.
        """
        return self._log_prob(x, self.rough_tolerance(), pooled_norm)

    def rough_tolerance(self) -> Tolerance:
        """`ROUGH_TOLERANCE`, by probes `PROBED_TOLERANCE`, or that of evaluation where it is looser."""
        rough = PROBED_TOLERANCE if self.probes else ROUGH_TOLERANCE
        return Tolerance(max(self.eval_rtol, rough), max(self.eval_atol, rough))

    def reference_log_prob(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, " batch"]:
        """The log-density in float64 at a tolerance of 1e-7, by torchdiffeq.

        Raises:
            Diverged: when the solver cannot reach the end.
        """
        reference = copy.deepcopy(self).double()
        reference.eval_rtol = reference.eval_atol = REFERENCE_TOLERANCE
        return ODEFlow.log_prob(reference, x.double()).value

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Draws of z from N(0, I), taken back along the flow."""
        like = next(self.parameters())
        return self.decode(torch.randn(n, self.data.dim, dtype=like.dtype, device=like.device))

    def encode(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, "batch dim"]:
        """z at t = 1 of the path that starts in x, `(batch, dim)`."""
        return self._carried(x.flatten(1), 0.0, 1.0)

    def decode(self, z: Float[Tensor, "batch dim"], context: Context = None) -> Float[Tensor, "batch *event"]:
        """x at t = 0 of the path that ends in z."""
        return self._carried(z, 1.0, 0.0).reshape(len(z), *self.data.event_shape)

    def trainer(self, settings: Optimiser) -> Trainer:
        """A gradient step in which a backward solve that fails counts as divergence too."""
        return _SolverStep(self, settings)

    def _log_prob(self, x: Tensor, tolerance: Tolerance, norm: Norm) -> LogProb:
        flat, solved = x.flatten(1), f"(rtol={short(tolerance.rtol)})"
        if not self.probes:
            final = self._solve(self._exact_rate, _with_zeros(flat), 0.0, 1.0, tolerance, norm)
            return LogProb(_log_density(final), f"ode-exact{solved}", is_bound=False)
        rate = self._probed_rate([rademacher(flat) for _ in range(self.probes)])
        final = self._solve(rate, _with_zeros(flat, self.probes), 0.0, 1.0, tolerance, norm)
        z, integrals = final[:, : self.data.dim], final[:, self.data.dim :]
        error = integrals.std(1) / self.probes**0.5
        value = standard_normal_log_prob(z) + integrals.mean(1)
        return LogProb(value, f"ode-hutchinson-{self.probes}{solved}", is_bound=False, standard_error=error)

    def _carried(self, x: Tensor, start: float, end: float) -> Tensor:
        return self._solve(self._plain_rate, x, start, end, Tolerance(self.eval_rtol, self.eval_atol), worst_norm)

    def _solve(
        self, rate: StateRate, state: Tensor, start: float, end: float, tolerance: Tolerance, norm: Norm
    ) -> Tensor:
        times = torch.tensor([start, end], device=state.device)
        with self._failures():
            path: Tensor = odeint(
                rate,
                state,
                times,
                rtol=tolerance.rtol,
                atol=tolerance.atol,
                method=EVALUATION_SOLVER,
                options=adaptive(norm, end),
            )
        if not torch.isfinite(path[-1]).all():
            raise Diverged("the ODE's state is not finite at the end of the solve")
        return path[-1]

    def _training_rate(self, state: Tensor) -> StateRate:
        if self.divergence == "exact":
            return self._exact_rate
        # One probe for a whole solve (Grathwohl et al. 2019, section 3.1): with a fresh one at each evaluation the
        # right-hand side would be noise, whose error no step size brings down.
        probe = torch.empty_like(state[:, : self.data.dim]).bernoulli_(0.5).mul_(2).sub_(1)

        def rate(t: Tensor, state: Tensor) -> Tensor:
            self._count(t)
            x = state[:, : self.data.dim]
            if self.penalty:
                value, *integrands = self.penalty.rates(self.field, t, x, probe)
            else:
                value, *integrands = self.field.forward_and_probe(t, x, probe)
            return torch.cat((value, torch.stack(integrands, 1)), 1)

        return rate

    def _exact_rate(self, t: Tensor, state: Tensor) -> Tensor:
        self._count(t)
        value, divergence = self.field.forward_and_divergence(t, state[:, :-1])
        return torch.cat((value, divergence.unsqueeze(1)), 1)

    def _probed_rate(self, probes: Sequence[Tensor]) -> StateRate:
        """The rate of x and of one integral for each probe, the same probes through a whole solve."""

        def rate(t: Tensor, state: Tensor) -> Tensor:
            self._count(t)
            x = state[:, : self.data.dim]
            estimates = [self.field.forward_and_probe(t, x, probe) for probe in probes]
            return torch.cat((estimates[0][0], torch.stack([each for _, each in estimates], 1)), 1)

        return rate

    def _plain_rate(self, t: Tensor, state: Tensor) -> Tensor:
        self._count(t)
        value: Tensor = self.field(t, state)
        return value

    def _count(self, t: Tensor) -> None:
        self.nfe += 1
        self._time = t.detach()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turns torchdiffeq's assertions about the solve, and no others, into `Diverged`."""
        try:
            yield
        except AssertionError as error:
            reasons = ("underflow in dt", "non-finite values in state", "max_num_steps exceeded")
            reason = next((reason for reason in reasons if str(error).startswith(reason)), None)
            if reason is None:
                raise
            raise Diverged(f"the ODE solver stopped near t={abs(float(self._time)):.4g}: {reason}") from error


class _SolverStep(GradientStep):
    """The usual step; the adjoint's backward solve can fail like a forward one."""

    packs = True
    entry: ODEFlow

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        with self.entry._failures():
            return super().step(x, progress)


def rademacher(like: Tensor) -> Tensor:
    """Fair signs; from the same random state the same ones in every precision."""
    return torch.randint(0, 2, like.shape, device=like.device).to(like.dtype).mul_(2).sub_(1)


def _with_zeros(x: Tensor, integrals: int = 1) -> Tensor:
    """x and integrals of 0, the log-determinant the first, as one state, `(batch, dim + integrals)`."""
    return torch.cat((x, x.new_zeros(len(x), integrals)), 1)


def _log_density(final: Tensor) -> Tensor:
    return standard_normal_log_prob(final[:, :-1]) + final[:, -1]
