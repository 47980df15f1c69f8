import pytest
import torch
from torch import Tensor

from bench.ode.field import ACTIVATIONS, FIELDS, Field
from bench.ode.fused import solve_fused
from bench.ode.plan import planned
from bench.ode.runge_kutta import Solution, solve_on_grid, uniform
from bench.ode.tableau import TABLEAUS

every_tableau = pytest.mark.parametrize("name", TABLEAUS)
every_kind = pytest.mark.parametrize("kind", FIELDS)
GRIDS = [uniform(3), [0.0, 0.1, 0.4, 1.0], uniform(2, 1.0, 0.0)]


def field(dim: int, kind: str = "concatsquash", activation: str = "tanh") -> Field:
    torch.manual_seed(0)
    return FIELDS[kind](dim, (9, 7), activation, final_gain=1.0).double()


def plainly(f: Field, x: Tensor, grid: list[float], name: str) -> Solution:
    return solve_on_grid(
        lambda t, x: f.forward_and_divergence(torch.tensor(t, dtype=x.dtype), x), x, grid, TABLEAUS[name]
    )


@every_tableau
@every_kind
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("grid", GRIDS, ids=["even", "uneven", "backwards"])
def test_value_and_every_gradient_are_those_of_the_plain_solve(
    name: str, kind: str, activation: str, grid: list[float]
) -> None:
    f, x = field(3, kind, activation), torch.randn(8, 3).double().requires_grad_()
    weights = torch.randn(8).double()
    found = {}
    for way, solution in (
        ("plain", plainly(f, x, grid, name)),
        ("fused", solve_fused(f, x, planned(grid, TABLEAUS[name]))),
    ):
        objective = (weights * solution.log_det).sum() + (solution.x**3).sum()
        found[way] = (solution, torch.autograd.grad(objective, [x, *f.parameters()]))
    torch.testing.assert_close(found["fused"][0].x, found["plain"][0].x)
    torch.testing.assert_close(found["fused"][0].log_det, found["plain"][0].log_det)
    for fused, plain in zip(found["fused"][1], found["plain"][1], strict=True):
        torch.testing.assert_close(fused, plain)


@every_tableau
def test_gradients_agree_with_finite_differences(name: str) -> None:
    f, x = field(2), torch.randn(3, 2).double().requires_grad_()
    plan = planned(uniform(2), TABLEAUS[name])

    def ends(x: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        return torch.func.functional_call(
            _Solve(f, plan), dict(zip((f"field.{n}" for n, _ in f.named_parameters()), parameters, strict=True)), (x,)
        )

    assert torch.autograd.gradcheck(ends, (x, *f.parameters()))


class _Solve(torch.nn.Module):
    def __init__(self, f: Field, plan) -> None:
        super().__init__()
        self.field, self.plan = f, plan

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return solve_fused(self.field, x, self.plan)[:2]


@every_tableau
@every_kind
@pytest.mark.parametrize("grid", GRIDS, ids=["even", "uneven", "backwards"])
def test_a_grid_of_tensors_is_the_grid_of_its_numbers(name: str, kind: str, grid: list[float]) -> None:
    f, x = field(3, kind), torch.randn(8, 3).double().requires_grad_()
    found = []
    for times in (grid, torch.tensor(grid, dtype=torch.float64)):
        plan = planned(times, TABLEAUS[name])
        assert list(plan.times) == pytest.approx(planned(grid, TABLEAUS[name]).times, abs=1e-12)
        solution = solve_fused(f, x, plan)
        objective = solution.log_det.square().sum() + (solution.x**3).sum()
        found.append([solution.x, solution.log_det, *torch.autograd.grad(objective, [x, *f.parameters()])])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@every_kind
def test_the_folded_field_is_the_field(kind: str) -> None:
    f, x = field(4, kind), torch.randn(6, 4).double()
    times = torch.tensor([0.0, 0.3, 1.0]).double()
    for folded, t in zip(f.folded(times), times, strict=True):
        assert all(part.is_contiguous() for part in folded)
        hidden1 = torch.tanh(x @ folded.first.T + folded.bias1)
        hidden2 = torch.tanh(hidden1 @ folded.second.T + folded.bias2)
        torch.testing.assert_close(hidden2 @ folded.third.T + folded.bias3, f(t, x))
        divergence = (((1 - hidden2**2) @ folded.pairs) * (1 - hidden1**2)).sum(1)
        torch.testing.assert_close(divergence, f.divergence(t, x))


def test_a_gradient_of_the_gradient_is_refused() -> None:
    f, x = field(3), torch.randn(4, 3).double().requires_grad_()
    end = solve_fused(f, x, planned(uniform(1), TABLEAUS["rk4"]))
    (slope,) = torch.autograd.grad(end.log_det.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_without_a_gradient_every_activation_is_the_same_function() -> None:
    a = torch.linspace(-30, 30, 601)
    for name, activation in ACTIVATIONS.items():
        value = activation.value(a)
        # Sums with 1 in single precision: half a unit in the last place of 1, a few times over.
        torch.testing.assert_close(activation.untraced(a.clone()), value, rtol=1e-6, atol=3e-7, msg=name)
        wide = a.double().requires_grad_()
        (slope,) = torch.autograd.grad(activation.value(wide).sum(), wide)
        torch.testing.assert_close(activation.slope(value.double()), slope, rtol=1e-4, atol=1e-6, msg=name)
