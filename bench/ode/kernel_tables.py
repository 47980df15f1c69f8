"""A solve's plan as tensors, from which a kernel reads the time, the coefficients and the weight of each evaluation."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from bench.ode.plan import Pattern, SolvePlan


class PlanTables(NamedTuple):
    """A plan as tensors, a line an evaluation: which time, the coefficients of the slopes before it, its weight."""

    at: Tensor
    rows: Tensor
    weights: Tensor


def plan_tables(plan: SolvePlan, device: torch.device) -> PlanTables:
    """The tables of a plan on a device; those of a grid of numbers are cached."""
    if isinstance(plan.lengths, Tensor):
        return _scaled(_of_pattern(plan.pattern, len(plan.lengths), device), plan.lengths)
    return _of_numbers(plan.pattern, plan.lengths, device)


def _scaled(tables: PlanTables, lengths: Tensor) -> PlanTables:
    """The tables of a whole solve: rows and weights of a step of length 1, times the length of each step."""
    rows = (lengths[:, None, None] * tables.rows).float().flatten(0, 1)
    return PlanTables(tables.at, rows, (lengths[:, None] * tables.weights).float().flatten())


@lru_cache(maxsize=256)
def _of_numbers(pattern: Pattern, lengths: tuple[float, ...], device: torch.device) -> PlanTables:
    """The tables of a grid of numbers, cached."""
    on_device = torch.tensor(lengths, dtype=torch.float64, device=device)
    return _scaled(_of_pattern(pattern, len(lengths), device), on_device)


@lru_cache(maxsize=256)
def _of_pattern(pattern: Pattern, steps: int, device: torch.device) -> PlanTables:
    """Rows and weights of one step one time unit long, copied to the device once; rows are padded to a power of two."""
    stages = pattern.stages
    slopes = 1 << (len(stages) - 1).bit_length()
    rows = [[*stage.row, *[0.0] * (slopes - len(stage.row))] for stage in stages]
    at = [pattern.time(step, stage) for step in range(steps) for stage in range(len(stages))]
    return PlanTables(
        torch.tensor(at, dtype=torch.int32, device=device),
        torch.tensor(rows, dtype=torch.float64, device=device),
        torch.tensor([stage.weight for stage in stages], dtype=torch.float64, device=device),
    )
