import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError, Diverged
from bench.ode.frozen_grid import SIZES, chosen_grid, shared_out
from bench.ode.runge_kutta import Tolerance, solve_on_grid, uniform
from bench.ode.tableau import TABLEAUS

EMBEDDED = ["bosh3", "dopri5", "tsit5"]
X = torch.linspace(-2, 2, 16, dtype=torch.double)[:, None]


def bump(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """Quiet but for a burst around t = 0.7."""
    height = 3 * math.exp(-0.5 * ((t - 0.7) / 0.04) ** 2)
    return height * torch.sin(x), height * torch.cos(x).sum(1)


def calm(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
    return -0.1 * x, -0.1 * torch.ones(len(x), dtype=x.dtype)


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("rate", [bump, calm])
def test_no_examples_error_exceeds_the_tolerance_in_any_step(name: str, rate) -> None:
    method, tolerance = TABLEAUS[name], Tolerance(1e-4, 1e-4)
    grid = chosen_grid(rate, X, method, tolerance)
    assert (grid[0], grid[-1], len(grid) - 1 in SIZES) == (0.0, 1.0, True)
    assert solve_on_grid(rate, X, grid, method, tolerance).errors.max() <= 1
    exact = solve_on_grid(rate, X, uniform(2000), TABLEAUS["rk4"])
    found = solve_on_grid(rate, X, grid, method)
    # errors of single steps add up, and the method's own is smaller than the one that is estimated
    assert (found.x - exact.x).abs().max() < 1e-4 * (len(grid) - 1) * 3


def test_steps_are_placed_where_the_field_is_busy_and_are_fewer_than_even_ones() -> None:
    method, tolerance = TABLEAUS["dopri5"], Tolerance(1e-4, 1e-4)
    grid = chosen_grid(bump, X, method, tolerance)
    steps = [(b - a, (a + b) / 2) for a, b in pairwise(grid)]
    assert 0.6 < min(steps)[1] < 0.8
    assert min(steps)[0] < 0.5 * max(steps)[0]
    even = next(n for n in SIZES if solve_on_grid(bump, X, uniform(n), method, tolerance).errors.max() <= 1)
    assert len(grid) - 1 < even


def test_a_calm_field_needs_one_step_and_a_looser_tolerance_no_more() -> None:
    method = TABLEAUS["tsit5"]
    assert chosen_grid(calm, X, method, Tolerance(1e-3, 1e-3)) == [0.0, 1.0]
    sizes = [len(chosen_grid(bump, X, method, Tolerance(10.0**-n, 10.0**-n))) for n in (2, 4, 6)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_the_way_back_has_a_grid_too() -> None:
    grid = chosen_grid(bump, X, TABLEAUS["dopri5"], Tolerance(1e-4, 1e-4), 1.0, 0.0)
    assert (grid[0], grid[-1]) == (1.0, 0.0)
    assert grid == sorted(grid, reverse=True)


@pytest.mark.parametrize("speed", [1e5, math.nan], ids=["stiff", "broken"])
def test_where_no_grid_is_long_enough_the_time_is_named(speed: float) -> None:
    def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        factor = speed if t > 0.5 else 1.0
        return -factor * x, -factor * torch.ones(len(x), dtype=x.dtype)

    with pytest.raises(Diverged, match=r"no grid of 128 steps or fewer meets rtol=0\.001 .* worst near t=0\.[4-9]"):
        chosen_grid(rate, X, TABLEAUS["bosh3"], Tolerance(1e-3, 1e-3))


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_field_that_the_first_steps_overflow_in_gets_a_grid_all_the_same(name: str) -> None:
    """Steps of 1/8 along -20 x³ end in infinities that cancel to NaN; a hundred and more are damped."""

    def rate(t: float, x: Tensor) -> tuple[Tensor, Tensor]:
        return -20 * x**3, -60 * x.square().sum(1)

    method, tolerance = TABLEAUS[name], Tolerance(1e-1, 1e-1)
    assert solve_on_grid(rate, X, uniform(8), method, tolerance).errors.isnan().any()
    grid = chosen_grid(rate, X, method, tolerance)
    assert solve_on_grid(rate, X, grid, method, tolerance).errors.max() <= 1


def test_a_method_without_an_embedded_error_cannot_choose() -> None:
    with pytest.raises(BenchError, match="rk4 has no embedded error"):
        chosen_grid(calm, X, TABLEAUS["rk4"], Tolerance(1e-3, 1e-3))


def test_shared_out_gives_each_step_the_same_share() -> None:
    assert shared_out([0.0, 0.5, 1.0], [1.0, 3.0], 4) == pytest.approx([0, 0.5, 2 / 3, 5 / 6, 1])
