"""A frozen adaptive grid: as few steps as a tolerance allows, placed where the field is busy, then kept for a while.

An adaptive solver looks at its error after every step, which stops a device each time and leaves no graph to capture.
Here an embedded method looks once, at some examples; the grid it chooses is good for some training steps, four to a few
hundred, and its number of steps comes from a small set: for each number a step is compiled or captured once, and reads
the times from a tensor.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import Diverged
from bench.ode.runge_kutta import Rate, Tolerance, solve_on_grid, uniform
from bench.ode.tableau import Tableau

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of steps that a grid may have: neighbours differ by half at most."""

PILOT = 8
"""Steps of the first look."""


def chosen_grid(
    rate: Rate,
    x: Float[Tensor, "batch dim"],
    method: Tableau,
    tolerance: Tolerance,
    start: float = 0.0,
    end: float = 1.0,
) -> list[float]:
    """The shortest of the grids tried on which no example's error exceeds the tolerance in any step.

    A step's error grows as h^p for a method of order p, by a factor that depends on where it stands. The factors that
    a first solve shows say how many steps are needed and where each has the same error; a solve on that grid checks it.
    Where they say that more are needed than there may be, the longest grid is tried, first with equal steps.

    Args:
        rate: the field and its divergence.
        x: the examples looked at, at `start`.
        method: with an embedded error.
        tolerance: of each step and each example.
        start, end: the interval.

    Raises:
        BenchError: the method has no embedded error.
        Diverged: not even the longest grid is good enough; the message names where the error is worst.
    """
    grid, least, even = uniform(PILOT, start, end), 0, False
    with torch.no_grad():
        while True:
            errors = solve_on_grid(rate, x, grid, method, tolerance).errors.amax(1).tolist()
            steps = [abs(after - before) for before, after in pairwise(grid)]
            # NaN, which compares with nothing, counts as the worst.
            worst = max(range(len(steps)), key=lambda step: (errors[step] != errors[step], errors[step]))
            if (least or even) and errors[worst] <= 1:
                return grid
            # An error C h^p meets the tolerance 1 at h = C^(-1/p): C^(1/p) is how many steps a unit of time needs
            # there.
            busy = [max(error, 1e-12) ** (1 / method.order) / h for error, h in zip(errors, steps, strict=True)]
            needed = sum(rate * h for rate, h in zip(busy, steps, strict=True))
            size = next((size for size in SIZES if size >= needed and size > least), None)
            if size is not None:
                grid, least = shared_out(grid, busy, size), size
            elif not even:  # steps so long that the method is unstable say nothing of shorter ones
                grid, least, even = uniform(SIZES[-1], start, end), SIZES[-2], True
            else:
                raise Diverged(
                    f"no grid of {SIZES[-1]} steps or fewer meets rtol={tolerance.rtol:g} and atol={tolerance.atol:g}: "
                    f"the error of {method.name} is worst near t={grid[worst]:.4g}"
                )


def shared_out(grid: list[float], busy: list[float], size: int) -> list[float]:
    """`size` steps over the range of `grid`, each with the same integral of `busy`, which is constant on its steps."""
    times = torch.tensor(grid, dtype=torch.float64)
    parts = torch.tensor(busy, dtype=torch.float64) * times.diff().abs()
    reached = torch.cat([parts.new_zeros(1), parts.cumsum(0)]) / parts.sum()
    # The times at which the integral of `busy` has reached 1/size, 2/size, ... of the whole, linear within a step.
    targets = torch.linspace(0, 1, size + 1, dtype=torch.float64)[1:-1]
    step = torch.searchsorted(reached, targets).clamp(1, len(grid) - 1)
    share = (targets - reached[step - 1]) / (reached[step] - reached[step - 1])
    inner = times[step - 1] + share * (times[step] - times[step - 1])
    return [grid[0], *inner.tolist(), grid[-1]]
