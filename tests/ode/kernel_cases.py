"""What the kernels are tested on, on a GPU and, run as a program, in Triton's interpreter on the CPU.

`TRITON_INTERPRET=1 python -m tests.ode.kernel_cases FILE` saves what every case of `SMALL` gives. The variable must be
set before Triton is imported, which is why this is another process than the tests'.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import tests.conftest  # noqa: F401  the kernels must bear the check of shapes that the tests run under
from bench.ode.field import FIELDS, Field
from bench.ode.fused import solve_fused
from bench.ode.kernel_passes import Passes
from bench.ode.kernel_solve import solve_by_passes
from bench.ode.plan import SolvePlan, planned
from bench.ode.runge_kutta import uniform
from bench.ode.tableau import TABLEAUS


class Case(NamedTuple):
    """One solve; `programs` is how many go back, `on_device` whether the grid is a tensor."""

    batch: int = 32
    dim: int = 2
    hidden: tuple[int, int] = (16, 16)
    activation: str = "tanh"
    tableau: str = "rk4"
    kind: str = "concatsquash"
    programs: int = 128
    on_device: bool = False


SMALL = [
    Case(),
    Case(activation="softplus"),
    Case(dim=5, hidden=(32, 32)),
    Case(dim=5, hidden=(32, 32), activation="softplus", kind="plain"),
    Case(batch=37, dim=3, hidden=(20, 33), tableau="dopri5", programs=2),
    Case(batch=1, dim=1, tableau="euler"),
    Case(batch=40, dim=18, hidden=(64, 16), tableau="midpoint", programs=1),
    Case(batch=20, tableau="bosh3", on_device=True),
]
"""Sizes that fill a tile and sizes that do not, one tile and several a program, one chunk of a product and several."""


def field_and_start(case: Case, dtype: torch.dtype) -> tuple[Field, Tensor]:
    torch.manual_seed(0)
    field = FIELDS[case.kind](case.dim, case.hidden, case.activation, final_gain=1.0)
    return field.to(dtype), torch.randn(case.batch, case.dim).to(dtype)


def plan_of(case: Case, device: str = "cpu") -> SolvePlan:
    grid = torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64, device=device) if case.on_device else uniform(2)
    return planned(grid, TABLEAUS[case.tableau])


def value_and_gradients(
    case: Case, passes: Passes | None, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """By these passes, or by the fused solve for None: end, log-determinant, gradients of start and parameters."""
    field, x = field_and_start(case, dtype)
    field, x = field.to(device), x.to(device).requires_grad_()
    plan = plan_of(case, device)
    solution = solve_fused(field, x, plan) if passes is None else solve_by_passes(field, x, plan, passes)
    weights = torch.linspace(-1, 2, case.batch, dtype=dtype, device=device)
    objective = (weights * solution.log_det).sum() + (solution.x**3).sum()
    found = [solution.x, solution.log_det, *torch.autograd.grad(objective, [x, *field.parameters()])]
    return [tensor.detach().cpu() for tensor in found]


def main(file: Path) -> None:
    from bench.ode import triton_kernels

    results = []
    for case in SMALL:
        triton_kernels.PROGRAMS = case.programs
        results.append(value_and_gradients(case, triton_kernels.KERNELS))
    torch.save(results, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
