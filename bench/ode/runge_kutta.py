"""Runge-Kutta on a fixed grid, the log-determinant carried through the same tableau.

A continuous flow solves dx/dt = f(t, x) and d(log det)/dt = div f(t, x). Both are stepped by one tableau on one grid,
so that autograd through the steps gives the exact gradient of what is computed, with no second solve.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError
from bench.ode.tableau import Tableau

Rate = Callable[[float, Float[Tensor, "batch dim"]], tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]]
"""f(t, x) and its divergence."""


class Solution(NamedTuple):
    """The end of a solve.

    Attributes:
        x: the state.
        log_det: nats, ∫ div f dt, the log-determinant of dx(end)/dx(start).
        errors: `(steps, batch)`, each step's embedded error in units of the tolerance; no rows unless asked for.
    """

    x: Float[Tensor, "batch dim"]
    log_det: Float[Tensor, " batch"]
    errors: Float[Tensor, "steps batch"]


@dataclass(frozen=True)
class Tolerance:
    """The unit in which an error is measured: atol + rtol |x|, coordinate by coordinate, of the log-determinant too.

    Raises:
        BenchError: one of the two is not a finite number above 0.
    """

    rtol: float
    atol: float

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not 0 < value < math.inf:
                raise BenchError(f"{name}={value} is not a tolerance: give a finite number above 0, such as 1e-5")


def solve_on_grid(
    rate: Rate,
    x: Float[Tensor, "batch dim"],
    grid: Sequence[float],
    method: Tableau,
    tolerance: Tolerance | None = None,
) -> Solution:
    """Steps x along `grid`, from its first time to its last, which may lie before it.

    Args:
        rate: called stages times steps, once less a step for a method whose last stage is the next step's first.
        x: the state at `grid[0]`.
        grid: at least two times, in order.
        method: the tableau.
        tolerance: where given, every step's error is estimated; the method needs an embedded one.

    Raises:
        BenchError: a grid that goes nowhere or turns back, or an error asked of a method without an embedded one.
    """
    check_grid(grid)
    if tolerance is not None and not method.error:
        raise BenchError(f"tableau {method.name} has no embedded error: take bosh3, dopri5 or tsit5")
    log_det = x.new_zeros(len(x))
    errors: list[Tensor] = []
    last: tuple[Tensor, Tensor] | None = None
    for start, end in pairwise(grid):
        h = end - start
        slopes: list[Tensor] = []
        divergences: list[Tensor] = []
        for node, row in zip(method.nodes, method.stages, strict=True):
            reuse = last is not None and not slopes  # the first stage of a step is the last one of the step before
            slope, divergence = last if reuse else rate(start + node * h, advanced(x, slopes, row, h))  # type: ignore[misc]
            slopes.append(slope)
            divergences.append(divergence)
        before = x, log_det
        x, log_det = advanced(x, slopes, method.weights, h), advanced(log_det, divergences, method.weights, h)
        last = (slopes[-1], divergences[-1]) if method.first_same_as_last else None
        if tolerance is not None:
            # The state's error is a root mean square over coordinates, the log-determinant's one number: the larger
            # counts.
            of_x = embedded_error(before[0], x, slopes, method, h, tolerance).square().mean(1).sqrt()
            of_log_det = embedded_error(before[1], log_det, divergences, method, h, tolerance).abs()
            errors.append(torch.maximum(of_x, of_log_det))
    return Solution(x, log_det, torch.stack(errors) if errors else x.new_zeros(0, len(x)))


def advanced(x: Tensor, slopes: list[Tensor], coefficients: Sequence[float], h: float | Float[Tensor, ""]) -> Tensor:
    """x + h Σ coefficient slope, over the slopes there are."""
    for slope, coefficient in zip(slopes, coefficients, strict=False):
        if coefficient:
            x = plus(x, slope, coefficient, h)
    return x


def plus(x: Tensor, y: Tensor, factor: float, h: float | Float[Tensor, ""]) -> Tensor:
    """x + factor h y, in one operation but under a compiler: Inductor forgets `alpha` where y is a matrix product.

    torch 2.13, its fusion of a sum with a product; what `bench.training.compile_step` checks found it.
    """
    if isinstance(h, Tensor):
        return torch.addcmul(x, y, h, value=factor)
    return x + factor * h * y if torch.compiler.is_compiling() else torch.add(x, y, alpha=factor * h)


def embedded_error(
    before: Tensor, after: Tensor, slopes: list[Tensor], method: Tableau, h: float, tolerance: Tolerance
) -> Tensor:
    """The error of one step from `before` to `after` in units of the tolerance, coordinate by coordinate.

    `solve_on_grid` takes each example's own root mean square over coordinates. Pooled over the batch, as torchdiffeq
    has it, an example's error would depend on the others beside it.
    """
    error = advanced(torch.zeros_like(before), slopes, method.error, h)
    return error / (tolerance.atol + tolerance.rtol * torch.maximum(before.abs(), after.abs()))


def uniform(steps: int, start: float = 0.0, end: float = 1.0) -> list[float]:
    """`steps` steps of equal size."""
    return [start + (end - start) * step / steps for step in range(steps)] + [end]


def check_grid(grid: Sequence[float]) -> None:
    """Refuses what is no sequence of steps in one direction.

    Raises:
        BenchError: fewer than two times, or times out of order.
    """
    steps = [end - start for start, end in pairwise(grid)]
    if not steps or not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        raise BenchError(f"{list(grid)} is not a grid of times: give two or more, rising or falling")
