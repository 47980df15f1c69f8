import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.ode.field import ACTIVATIONS, FIELDS, Field
from bench.ode.fused import solve_fused
from bench.ode.kernel_passes import TILE
from bench.ode.kernel_solve import MAX_DIM, MAX_WIDTH, kernel_refusal, solve_by_kernel, solve_by_passes
from bench.ode.plan import SolvePlan, planned
from bench.ode.runge_kutta import Solution, uniform
from bench.ode.tableau import TABLEAUS
from tests.ode.reference_passes import REFERENCE

GRIDS = [uniform(3), [0.0, 0.1, 0.4, 1.0], uniform(2, 1.0, 0.0)]


def field(
    dim: int = 3, kind: str = "concatsquash", activation: str = "tanh", hidden: tuple[int, ...] = (9, 7)
) -> Field:
    torch.manual_seed(0)
    return FIELDS[kind](dim, hidden, activation, final_gain=1.0).double()


def by_the_reference(f: Field, x: Tensor, plan: SolvePlan) -> Solution:
    return solve_by_passes(f, x, plan, REFERENCE)


def value_and_gradients(way, f: Field, x: Tensor, plan: SolvePlan) -> list[Tensor]:
    x = x.clone().requires_grad_()
    solution = way(f, x, plan)
    objective = (torch.linspace(-1, 2, len(x), dtype=x.dtype) * solution.log_det).sum() + (solution.x**3).sum()
    return [solution.x, solution.log_det, *torch.autograd.grad(objective, [x, *f.parameters()])]


def assert_same(found: list[Tensor], right: list[Tensor]) -> None:
    for a, b in zip(found, right, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", TABLEAUS)
@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("grid", GRIDS, ids=["even", "uneven", "backwards"])
def test_the_reference_is_the_fused_solve(name: str, kind: str, activation: str, grid: list[float]) -> None:
    f, x, plan = field(3, kind, activation), torch.randn(5, 3).double(), planned(grid, TABLEAUS[name])
    assert_same(value_and_gradients(by_the_reference, f, x, plan), value_and_gradients(solve_fused, f, x, plan))


@pytest.mark.parametrize("batch", [1, TILE, 2 * TILE + 5])
@pytest.mark.parametrize("programs", [1, 2, 128])
def test_tiles_and_programs_change_nothing(batch: int, programs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.ode.reference_passes.PROGRAMS", programs)
    f, x, plan = field(), torch.randn(batch, 3).double(), planned(uniform(2), TABLEAUS["rk4"])
    assert_same(value_and_gradients(by_the_reference, f, x, plan), value_and_gradients(solve_fused, f, x, plan))


def numbers_kept(way, f: Field, x: Tensor, plan: SolvePlan) -> int:
    """Numbers that the way back keeps for x beyond those that are kept for no example."""
    sizes = []
    for batch in (x[:1], x):
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t.numel()) or t, lambda t: t):
            way(f, batch, plan)
        sizes.append(sum(kept))
    return sizes[1] - sizes[0]


def test_the_way_back_keeps_the_inputs_of_the_evaluations_alone() -> None:
    f, x, plan = field(), torch.randn(11, 3).double(), planned(uniform(2), TABLEAUS["rk4"])
    assert numbers_kept(by_the_reference, f, x, plan) == 10 * 2 * 4 * 3
    assert numbers_kept(solve_fused, f, x, plan) > 10 * 2 * 4 * (3 + 9 + 7)


def test_where_no_gradient_is_asked_for_nothing_is_kept() -> None:
    forward = REFERENCE.forward
    sizes = []

    def seen(*arguments):
        ends = forward(*arguments)
        sizes.append(len(ends.states))
        return ends

    f, x, plan = field(), torch.randn(4, 3).double(), planned(uniform(2), TABLEAUS["rk4"])
    with torch.no_grad():
        solve_by_passes(f, x, plan, REFERENCE._replace(forward=seen))
    solve_by_passes(f, x, plan, REFERENCE._replace(forward=seen))
    assert sizes == [0, 8]


def test_a_gradient_of_the_gradient_is_refused() -> None:
    f, x = field(), torch.randn(4, 3).double().requires_grad_()
    end = by_the_reference(f, x, planned(uniform(1), TABLEAUS["rk4"]))
    (slope,) = torch.autograd.grad(end.log_det.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_without_a_kernel_the_fused_solve_stands_in() -> None:
    f, x, plan = field(), torch.randn(4, 3).double(), planned(uniform(2), TABLEAUS["rk4"])
    assert kernel_refusal(f, x) is not None
    assert_same(value_and_gradients(solve_by_kernel, f, x, plan), value_and_gradients(solve_fused, f, x, plan))


def test_a_field_of_another_depth_is_refused_as_by_the_fused_solve() -> None:
    with pytest.raises(BenchError, match="hidden layers"):
        solve_by_kernel(field(hidden=(9, 7, 5)), torch.randn(4, 3).double(), planned(uniform(2), TABLEAUS["rk4"]))


class _OnCuda:
    """What `kernel_refusal` asks of examples, as if they were on a GPU."""

    def __init__(self, batch: int = 8, dtype: torch.dtype = torch.float32) -> None:
        self.device, self.is_cuda, self.dtype, self.batch = torch.device("cuda"), True, dtype, batch

    def __len__(self) -> int:
        return self.batch


def test_each_reason_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    why = getattr(kernel_refusal, "__wrapped__", kernel_refusal)  # without the check of shapes, which wants tensors
    assert kernel_refusal(field(), torch.randn(4, 3)) == "the examples are on the cpu, not on a CUDA device"
    monkeypatch.setattr("bench.ode.kernel_solve.find_spec", lambda name: None)
    assert why(field(), _OnCuda()) == "Triton is not installed"
    monkeypatch.setattr("bench.ode.kernel_solve.find_spec", lambda name: "there")
    assert why(field(hidden=(MAX_WIDTH, 16)), _OnCuda()) is None
    assert why(field(), _OnCuda(dtype=torch.float64)) == "float64: the kernel is for float32"
    assert why(field(hidden=(16, MAX_WIDTH + 1)), _OnCuda()) == "width 65 is above 64"
    assert why(field(hidden=(16, 16, 16)), _OnCuda()) == "the field has 3 hidden layers: the kernel is for 2"
    assert why(field(MAX_DIM + 1), _OnCuda()) == "17 coordinates are more than 16"
    assert why(field(), _OnCuda(batch=0)) == "there are no examples"
