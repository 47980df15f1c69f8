import math

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError, Diverged
from bench.ode.per_example import SIZES, solve_per_example
from bench.ode.runge_kutta import Tolerance, solve_on_grid, uniform
from bench.ode.tableau import TABLEAUS

TIGHT = Tolerance(1e-6, 1e-6)
DOPRI5 = TABLEAUS["dopri5"]


def growth(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """dx/dt = x² / 2: the faster, the further out; x(1) = x / (1 - x / 2) and dx(1)/dx = (1 - x / 2)^-2."""
    return 0.5 * x * x, x.sum(1)


@pytest.mark.parametrize("name", ["bosh3", "dopri5", "tsit5"])
def test_every_example_meets_the_tolerance(name: str) -> None:
    x = torch.tensor([[-3.0], [0.0], [1.0], [1.5]], dtype=torch.double)
    found = solve_per_example(growth, x, TABLEAUS[name], TIGHT)
    assert (found.errors <= 1).all()
    # Errors of 1e-6 a step, grown by up to 16 on the way: relative to what the derivative makes of them.
    scale = (1 - x / 2) ** -2
    assert ((found.x - x / (1 - x / 2)).abs() < 1e-5 * scale).all()
    assert ((found.log_det - scale[:, 0].log()).abs() < 1e-4 * (1 + scale[:, 0])).all()


def test_an_examples_answer_does_not_depend_on_the_others() -> None:
    x = torch.tensor([[-3.0], [0.0], [1.0], [1.9]], dtype=torch.double)
    together = solve_per_example(growth, x, DOPRI5, TIGHT)
    for row in range(4):
        alone = solve_per_example(growth, x[row : row + 1], DOPRI5, TIGHT)
        assert torch.equal(alone.x[0], together.x[row])
        assert torch.equal(alone.log_det[0], together.log_det[row])


def test_only_examples_that_need_it_go_on_to_a_finer_grid() -> None:
    x = torch.tensor([[0.0], [0.01], [1.9]], dtype=torch.double)
    seen: list[int] = []

    def counted(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(len(x))
        return growth(t, x)

    solve_per_example(counted, x, DOPRI5, TIGHT)
    assert seen[0] == 3
    assert seen[-1] == 1
    # six evaluations a step and one at the start, on the first grid alone
    assert seen.count(3) == 6 * SIZES[0] + 1


def test_an_error_that_asks_for_many_more_steps_skips_the_grids_between() -> None:
    """dx/dt = cos(60 t): a step's error is far too large on 4 steps, and known well enough to name the grid."""
    sizes: list[int] = []

    def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        if t == 0:
            sizes.append(0)
        sizes[-1] += 1
        return torch.full_like(x, math.cos(60 * t)), torch.zeros(len(x), dtype=x.dtype)

    found = solve_per_example(rate, torch.zeros(1, 1, dtype=torch.double), DOPRI5, TIGHT)
    assert found.x.item() == pytest.approx(math.sin(60) / 60, abs=1e-5)
    tried = [(evaluations - 1) // 6 for evaluations in sizes]
    assert tried[:2] == [4, 32]
    assert set(tried) <= set(SIZES)


def test_no_examples_are_solved_at_once() -> None:
    found = solve_per_example(growth, torch.zeros(0, 1), DOPRI5, TIGHT)
    assert (found.x.shape, found.log_det.shape, found.errors.shape) == ((0, 1), (0,), (1, 0))


def test_the_way_back_returns() -> None:
    x = torch.linspace(-2, 1.5, 9, dtype=torch.double)[:, None]
    there = solve_per_example(growth, x, DOPRI5, TIGHT)
    back = solve_per_example(growth, there.x, DOPRI5, TIGHT, 1.0, 0.0)
    assert (back.x - x).abs().max() < 1e-5
    assert (back.log_det + there.log_det).abs().max() < 1e-4


def test_a_state_that_runs_away_is_named_with_its_time() -> None:
    """x = 4 reaches infinity at t = 0.5."""
    with pytest.raises(
        Diverged, match=r"1 of 2 examples miss rtol=1e-06 and atol=1e-06 in 512 steps of dopri5.*t=0\.\d+"
    ):
        solve_per_example(growth, torch.tensor([[0.1], [4.0]]), DOPRI5, TIGHT)
    with pytest.raises(Diverged, match="1 of 2 examples"):
        solve_per_example(growth, torch.tensor([[0.1], [math.nan]]), DOPRI5, TIGHT)


def test_a_method_without_an_embedded_error_is_refused() -> None:
    with pytest.raises(BenchError, match="rk4 has no embedded error"):
        solve_per_example(growth, torch.zeros(1, 1), TABLEAUS["rk4"], TIGHT)


def test_the_log_determinants_error_is_measured_like_a_coordinates() -> None:
    """x stays and the log-determinant grows to 1e6: the same relative error as at 1."""

    def rate(size: float):
        return lambda t, x: (torch.zeros_like(x), size * math.exp(t) * torch.ones(len(x), dtype=x.dtype))

    x = torch.zeros(1, 1, dtype=torch.double)
    errors = [solve_on_grid(rate(size), x, uniform(1), DOPRI5, Tolerance(1e-6, 1e-12)).errors for size in (1.0, 1e6)]
    torch.testing.assert_close(errors[0], errors[1], rtol=1e-4, atol=0)
