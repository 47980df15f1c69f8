"""A solve to a tolerance that every example meets by itself.

An adaptive solver steps a whole batch together, so that an example's error depends on the others beside it. Here all
take a uniform grid first; those whose own embedded error is too large in some step are solved anew on one of as many
steps as that error asks for, and so on. An example's answer depends on itself alone, and a device waits once a grid,
not once a step.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import Diverged
from bench.ode.runge_kutta import Rate, Solution, Tolerance, solve_on_grid, uniform
from bench.ode.tableau import Tableau

SIZES = (4, 8, 16, 32, 64, 128, 256, 512)

HALVINGS = 3
"""Halvings of the steps at once, at most: an error on far too few steps says little of that on enough."""


def solve_per_example(
    rate: Rate,
    x: Float[Tensor, "batch dim"],
    method: Tableau,
    tolerance: Tolerance,
    start: float = 0.0,
    end: float = 1.0,
) -> Solution:
    """x and the log-determinant at `end`, each example on the shortest grid tried that meets the tolerance.

    Args:
        rate: the field and its divergence, for any number of examples.
        x: the state at `start`.
        method: with an embedded error.
        tolerance: of each step.
        start, end: the interval.

    Returns:
        The solution, its `errors` one row: each example's largest over the steps of its grid.

    Raises:
        BenchError: the method has no embedded error.
        Diverged: an example misses the tolerance on the longest grid too; the message names where its error is worst.
    """
    state, log_det, largest = torch.empty_like(x), x.new_empty(len(x)), x.new_empty(len(x))
    turn = torch.zeros(len(x), dtype=torch.long, device=x.device)  # the index in SIZES of each example's next grid
    unsolved, last = len(x), len(SIZES) - 1
    for index, size in enumerate(SIZES):
        due = (turn == index).nonzero().flatten() if unsolved else turn[:0]
        if not len(due):
            continue
        grid = uniform(size, start, end)
        solution = solve_on_grid(rate, x[due], grid, method, tolerance)
        errors = solution.errors.amax(0)
        done = errors <= 1
        met, left = due[done], due[~done]
        state[met], log_det[met], largest[met] = solution.x[done], solution.log_det[done], errors[done]
        if index == last and len(left):
            worst = int(solution.errors[:, ~done].nan_to_num(nan=torch.inf).amax(1).argmax())
            raise Diverged(
                f"{len(left)} of {len(x)} examples miss rtol={tolerance.rtol:g} and atol={tolerance.atol:g} in {size} "
                f"steps of {method.name}: the error is worst near t={grid[worst]:.4g}"
            )
        # A step's error falls as h^p, so that it says how often the steps must be halved.
        halvings = (errors[~done].log2() / method.order).nan_to_num(nan=1.0).ceil().clamp(1, HALVINGS).long()
        turn[left] = (index + halvings).clamp(max=last)
        turn[met] = -1
        unsolved -= len(met)
    return Solution(state, log_det, largest.unsqueeze(0))
