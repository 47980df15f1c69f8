"""The plan of a solve: a Runge-Kutta method on a grid, as the times and steps of every evaluation of the field."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bench.ode.runge_kutta import check_grid
from bench.ode.tableau import Tableau

Lengths = tuple[float, ...] | Float[Tensor, " steps"]
"""Lengths of the steps of a grid, negative where it falls."""


class MethodStage(NamedTuple):
    """One evaluation of the field, the same in every step.

    Attributes:
        at: which time, counted from the step's first.
        row: coefficients of the slopes before it, in steps.
        weight: its weight in the step; its divergence counts only where this is not 0.
    """

    at: int
    row: tuple[float, ...]
    weight: float


class Pattern(NamedTuple):
    """The stages of every step of a method, without those that nothing depends on.

    Attributes:
        stages: in their order.
        apart: times of the field between the start of one step and that of the next.
    """

    stages: tuple[MethodStage, ...]
    apart: int

    def time(self, step: int, stage: int) -> int:
        """The number, among a plan's times, of the time of a stage of a step."""
        return step * self.apart + self.stages[stage].at


class SolvePlan(NamedTuple):
    """A method on a grid.

    What is compiled for a plan of numbers holds for its grid alone, for a plan of tensors on every grid of as many
    steps.

    Attributes:
        times: each time that the field is evaluated at, once.
        lengths: of the steps.
        pattern: of each step.
    """

    times: tuple[float, ...] | Float[Tensor, " times"]
    lengths: Lengths
    pattern: Pattern


def planned(grid: Sequence[float] | Float[Tensor, " times"], method: Tableau) -> SolvePlan:
    """The plan of `method` on `grid`: of numbers, or of tensors where the grid is one, which is not checked.

    A stage that only the next step or an error estimate would use is left out.

    Raises:
        BenchError: what is no grid.
    """
    nodes = method.nodes[: method.evaluations]
    # A node of 1 is the time at which the next step starts: the two share it, so that weights are folded once for both.
    inner = sorted({node for node in nodes if node != 1})
    place = {node: at for at, node in enumerate([*inner, 1.0])}
    stages = zip((place[node] for node in nodes), method.stages, method.weights, strict=False)
    times: tuple[float, ...] | Tensor
    lengths: Lengths
    if isinstance(grid, Tensor):
        lengths = grid.diff()
        times = torch.stack([grid[:-1] + node * lengths for node in inner], 1).flatten()
        times = torch.cat([times, grid[-1:]]) if 1 in nodes else times
    else:
        check_grid(grid)
        lengths = tuple(end - start for start, end in pairwise(grid))
        times = tuple(start + node * h for start, h in zip(grid, lengths, strict=False) for node in inner)
        times = (*times, grid[-1]) if 1 in nodes else times
    return SolvePlan(times, lengths, Pattern(tuple(MethodStage(*stage) for stage in stages), len(inner)))
