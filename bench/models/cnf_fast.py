"""The continuous flow of `cnf`, trained on a fixed grid with the exact divergence and a gradient written out.

Same field, same parameters, same density; what differs is how the ODE is solved. Training steps along a grid that an
embedded method chose some steps ago (`bench.ode.frozen_grid`), with no error looked at on the way and no probe:
the loss is the exact log-density of the discretised flow, its gradient that of `bench.ode.fused`. The density that is
reported is solved to a tolerance, example by example (`bench.ode.per_example`).
"""

import math
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode

from bench.config import Optimiser
from bench.errors import BenchError, unknown
from bench.laws.gaussian import standard_normal_log_prob
from bench.machine.onednn_products import transformed
from bench.models.cnf import CNF
from bench.models.entry import Context, LogProb
from bench.models.optimise import ROUNDING, GradientStep, Trainer
from bench.models.parts.ode_solver import short
from bench.ode.frozen_grid import chosen_grid
from bench.ode.fused import solve_fused
from bench.ode.kernel_solve import kernel_refusal, solve_by_kernel
from bench.ode.per_example import solve_per_example
from bench.ode.plan import planned
from bench.ode.runge_kutta import Solution, Tolerance, solve_on_grid, uniform
from bench.ode.tableau import DOPRI5, named
from bench.spec import DataSpec

KERNELS = ("auto", "pytorch")

FIRST_STEPS = 4
"""Steps of the grid before any is chosen."""

PARTS = 20
"""Parts of the budget, each of which begins with a grid chosen anew: a short run's field changes much in few steps."""

FEWEST_STEPS = 4
"""Steps that a chosen grid is kept for at least: choosing one costs as much as some steps."""

GRADIENT_PRICE = 3
"""Evaluations of the field that one with its gradient is worth, in FLOPs and in time."""


class CNFFast(CNF):
    """A flow along the field of `cnf` on a frozen grid. `nfe` counts evaluations of the field, one per batch.

    It counts those of training steps and of densities, not those of a call of `loss`. Those that choose a training grid
    have no gradient and count as a third: a step's time and FLOPs stay in proportion to the count.
    """

    version = 5  # a rate of its own, chosen by trials

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        activation: str = "tanh",
        input_gain: float = 1.0,
        tableau: str = "dopri5",
        steps: int | None = None,
        rtol: float = 1e-3,
        atol: float = 1e-3,
        regrid_every: int = 200,
        eval_rtol: float = 1e-5,
        eval_atol: float = 1e-5,
        kernel: Literal["auto", "pytorch"] = "auto",
    ) -> None:
        """Builds the field.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the field's two hidden layers.
            activation: `tanh` or `softplus`.
            input_gain: factor on the first layer's initial weights and biases: how fine the features of x start out.
            tableau: the training's method, a name of `bench.ode.tableau`.
            steps: steps of equal size on a fixed grid; null lets the tolerance choose how many there are, and where.
            rtol, atol: tolerances of every training example in every step when a grid is chosen.
            regrid_every: training steps for which a chosen grid is kept, up to the next twentieth of the budget or four
                steps.
            eval_rtol, eval_atol: tolerances of every example in `log_prob`, `encode`, `decode` and `sample`.
            kernel: what steps along the training grid: `auto` one Triton kernel each way where it can, see
                `bench.ode.kernel_solve`; `pytorch` operations of torch.

        Raises:
            BenchError: for an unknown name, a number out of range, or a chosen grid asked of a method without an
                embedded error.
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
        if kernel not in KERNELS:
            raise unknown("kernel", kernel, KERNELS, "model.kernel")
        self.tableau, self.steps, self.regrid_every, self.kernel = named(tableau), steps, regrid_every, kernel
        if steps is None and not self.tableau.error:
            raise BenchError(
                f"model.tableau={tableau} has no embedded error to choose a grid by: give model.steps, such as 4, or "
                "take bosh3, dopri5 or tsit5"
            )
        for name, number in (("steps", steps), ("regrid_every", regrid_every)):
            if number is not None and number < 1:
                raise BenchError(f"model.{name}={number} is not a number of steps: give at least 1")
        self.places: dict[int, Float[Tensor, " times"]] = {}
        self.grid = uniform(steps or FIRST_STEPS)

    @property
    def grid(self) -> list[float]:
        """Times of the training grid; set, it is also placed where a step reads it, see `place_times`."""
        return self._grid

    @grid.setter
    def grid(self, grid: list[float]) -> None:
        self._grid = grid
        self.place_times()

    def place_times(self) -> None:
        """Writes the grid into `times`, the tensor that a step reads a chosen grid from, on the entry's device.

        There is one place for each number of times, written over by the next grid of as many: a CUDA graph has learnt
        where it lies.
        """
        times = torch.tensor(self.grid, dtype=torch.float64, device=self.field.bias.device)
        place = self.places.get(len(times))
        if place is None or place.device != times.device:
            place = self.places[len(times)] = times
        self.times = place.copy_(times)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats on the training grid."""
        # A chosen grid is read from a tensor: as numbers it would be compiled in, and compiled anew each time it is
        # chosen.
        return -self.log_prob_along(self.grid if self.steps else self.times.to(x.device), x)

    def grid_log_prob(self, x: Float[Tensor, "batch *event"], refined: int = 1) -> Float[Tensor, " batch"]:
        """log p(x) in nats as solved on the training grid, each of its steps cut into `refined` equal ones."""
        return self.log_prob_along(cut(self.grid, refined), x)

    def log_prob_along(
        self, grid: list[float] | Float[Tensor, " times"], x: Float[Tensor, "batch *event"]
    ) -> Float[Tensor, " batch"]:
        """log p(x) in nats as solved on a grid: of numbers, or of a tensor where x is."""
        x = x.flatten(1)
        if transformed():  # as in a pack: torch cannot look into the fused solve's gradient
            return log_density(solve_on_grid(self.exact_rate, x, list(grid), self.tableau))
        plan = planned(grid, self.tableau)
        # A launch of Triton's would hide its matrix products from whoever counts them.
        counted = not torch.compiler.is_compiling() and _get_current_dispatch_mode() is not None
        by_kernel = self.kernel == "auto" and not counted
        return log_density((solve_by_kernel if by_kernel else solve_fused)(self.field, x, plan))

    def exact_rate(
        self, t: float, x: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """The field and its exact divergence, uncounted."""
        return self.field.forward_and_divergence(x.new_tensor(t), x)

    def note(self) -> str | None:
        """The solver of training steps, and the reason where it is no kernel; None where PyTorch was asked for."""
        if self.kernel == "pytorch":
            return None
        like = self.field.bias
        reason = kernel_refusal(self.field, like.new_empty(1, self.data.dim))
        if reason is None:
            return "solved by one Triton kernel each way, or under compile=step by PyTorch"
        return f"solved by PyTorch, not Triton: {reason}"

    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The log-density with the exact trace, every example solved to the evaluation tolerance.

        Raises:
            Diverged: an example cannot be solved to it.
        """
        return self._per_example(x, Tolerance(self.eval_rtol, self.eval_atol))

    def rough_log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The same at a tolerance of 1e-3 or that of evaluation.

        Raises:
            Diverged: an example cannot be solved to it.
        """
        return self._per_example(x, self.rough_tolerance())

    def _per_example(self, x: Tensor, tolerance: Tolerance) -> LogProb:
        solution = solve_per_example(self.rate, x.flatten(1), DOPRI5, tolerance)
        return LogProb(log_density(solution), f"ode-exact(rtol={short(tolerance.rtol)})", is_bound=False)

    def encode(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, "batch dim"]:
        """z at t = 1 of the path that starts in x, `(batch, dim)`."""
        return self.carried(x.flatten(1), 0.0, 1.0)

    def decode(self, z: Float[Tensor, "batch dim"], context: Context = None) -> Float[Tensor, "batch *event"]:
        """x at t = 0 of the path that ends in z."""
        return self.carried(z, 1.0, 0.0).reshape(len(z), *self.data.event_shape)

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step, before some of which the grid is chosen anew."""
        return GridStep(self, settings) if self.steps else RegriddingStep(self, settings)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works`: once for a grid that stays as it is, else once for each number of steps that is chosen."""
        return "works"

    def choose_grid(self, x: Float[Tensor, "batch *event"]) -> None:
        """Takes the shortest grid on which all of x meet the training tolerance.

        Raises:
            Diverged: there is none; the message names the time where the error is worst.
        """
        self.grid = chosen_grid(self.rate, x.flatten(1), self.tableau, Tolerance(self.rtol, self.atol))

    def carried(self, x: Float[Tensor, "batch dim"], start: float, end: float) -> Float[Tensor, "batch dim"]:
        """The points at `end` of the paths that stand in x at `start`, by the field alone."""

        def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
            return self._plain_rate(x.new_tensor(t), x), x.new_zeros(len(x))

        return solve_per_example(rate, x, DOPRI5, Tolerance(self.eval_rtol, self.eval_atol), start, end).x

    def rate(
        self, t: float, x: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """The field and its exact divergence."""
        self._count(x.new_tensor(t))
        return self.exact_rate(t, x)


class GridStep(GradientStep):
    """The usual step, which counts its evaluations of the field."""

    packs = True
    entry: CNFFast

    def count(self) -> None:
        """Adds the evaluations that the method makes in all steps of the grid."""
        self.entry.nfe += (len(self.entry.grid) - 1) * self.entry.tableau.evaluations


class RegriddingStep(GridStep):
    """A `GridStep` whose batch chooses a new grid when the old has served its time, which waits for the device.

    Attributes:
        age: steps taken on the grid, without end before any is chosen.
        part: of the budget, in which it was chosen.
    """

    age: float = math.inf
    part: int = 0

    def __init__(self, entry: CNFFast, settings: Optimiser) -> None:
        super().__init__(entry, settings)
        entry.place_times()  # the entry may have moved to a device since it was built

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """One forward, backward and update."""
        part = int(PARTS * progress + ROUNDING)
        if self.age >= self.entry.regrid_every or (part != self.part and self.age >= FEWEST_STEPS):
            counted = self.entry.nfe
            self.entry.choose_grid(x)
            self.entry.nfe = counted + -(-(self.entry.nfe - counted) // GRADIENT_PRICE)
            self.age, self.part = 0, part
        self.age += 1
        return super().step(x, progress)

    def sizes(self) -> tuple[int, ...]:
        """Times of the grid."""
        return (len(self.entry.grid),)

    def settled(self) -> bool:
        """False before the first grid is chosen. Each later one waits for the step that chooses it."""
        return self.age < math.inf

    def state_dict(self) -> dict[str, Any]:
        """Adam's state, the grid, its age and the part it was chosen in."""
        return {"adam": super().state_dict(), "age": self.age, "part": self.part, "grid": self.entry.grid}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from another step's state."""
        super().load_state_dict(state["adam"])
        self.age, self.part, self.entry.grid = state["age"], state["part"], state["grid"]


def log_density(solution: Solution) -> Float[Tensor, " batch"]:
    """log p(x) in nats of paths that end in z."""
    return standard_normal_log_prob(solution.x) + solution.log_det


def cut(grid: list[float], parts: int) -> list[float]:
    """The grid with each of its steps cut into so many equal ones."""
    return [grid[0], *(time for start, end in pairwise(grid) for time in uniform(parts, start, end)[1:])]
