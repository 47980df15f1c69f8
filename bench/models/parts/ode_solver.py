"""Names and options of torchdiffeq's solvers, and the norms by which they measure an error."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from bench.errors import BenchError, unknown

ADAPTIVE = ("adaptive_heun", "bosh3", "dopri5", "dopri8", "fehlberg2")
FIXED_GRID = ("euler", "heun2", "heun3", "midpoint", "rk4")
DIVERGENCES = ("exact", "hutchinson")
EVALUATION_SOLVER = "dopri5"
MAX_STEPS = 1_000
"""Steps after which an adaptive solve counts as diverged: a healthy one takes fewer than 100."""

Norm = Callable[[Tensor], Tensor]


def adaptive(norm: Norm, end: float) -> dict[str, object]:
    """torchdiffeq's options: a step ends on `end`, because a step beyond it is interpolated at a lower order."""
    return {"norm": norm, "max_num_steps": MAX_STEPS, "step_t": torch.tensor([end], dtype=torch.float64)}


def pooled_norm(error: Tensor) -> Tensor:
    """RMS over the batch: what matters in training and validation is the mean."""
    return error.square().mean().sqrt()


def worst_norm(error: Tensor) -> Tensor:
    """Largest error of any coordinate of any example, so that the batch around an example cannot hide its error."""
    return error.abs().max()


def short(number: float) -> str:
    """1e-5 for 0.00001."""
    return f"{number:g}".replace("e-0", "e-")


def check_options(divergence: str, solver: str, step_size: float | None, **tolerances: float) -> None:
    """Refuses what no solve could take.

    Raises:
        BenchError: an unknown name, a tolerance or step that is not positive, or a step size missing or unused.
    """
    if divergence not in DIVERGENCES:
        raise unknown("divergence", divergence, DIVERGENCES, "model.divergence")
    if solver not in ADAPTIVE + FIXED_GRID:
        raise unknown("solver", solver, ADAPTIVE + FIXED_GRID, "model.solver")
    for name, value in tolerances.items():
        if not 0 < value < math.inf:
            raise BenchError(f"model.{name}={value} is not a tolerance: give a finite number above 0")
    if solver in FIXED_GRID and step_size is None:
        raise BenchError(f"model.solver={solver} steps on a fixed grid: give model.step_size, such as 0.25")
    if solver in ADAPTIVE and step_size is not None:
        raise BenchError(f"model.step_size={step_size} has no meaning for the adaptive solver {solver}: leave it null")
    if step_size is not None and not 0 < step_size <= 1:
        raise BenchError(f"model.step_size={step_size} is not a step within the interval: give 0 < step_size <= 1")
