"""Partitions of a plane and a cube sum a known mass and count draws where they lie."""

import pytest
import torch

from bench.contract.grid import Cube, Plane
from bench.contract.known import Skewed


def test_the_plane_sums_a_known_density_and_locates_its_draws():
    plane = Plane.around(Skewed().draw(4096, 2))
    normal = torch.distributions.MultivariateNormal(torch.tensor([0.3, -0.2]), torch.tensor([[0.3, 0.1], [0.1, 0.2]]))
    mass = torch.exp(normal.log_prob(plane.points)) * plane.volume
    # The midpoint rule with h = 0.05 deviations errs by about h²/24 per unit of curvature.
    assert float(mass.sum()) == pytest.approx(1, abs=2e-3)
    draws = normal.sample((20_000,))
    counted = torch.bincount(plane.locate(draws), minlength=64) / 20_000
    expected = torch.zeros(64).index_add(0, plane.coarse, mass)
    # Five binomial standard errors of the largest cell.
    assert float((counted - expected).abs().max()) < 5 * (float(expected.max()) / 20_000) ** 0.5
    torch.testing.assert_close(plane.locate(plane.points), plane.coarse)
    assert plane.locate(torch.tensor([[1e9, -1e9]])).tolist() == [56]


def test_the_cube_locates_its_corners_and_draws_from_probabilities():
    cube = Cube(4)
    torch.testing.assert_close(cube.locate(cube.points), cube.coarse)
    halves = cube.locate(torch.full((4000, 4), 0.5))
    # 16 cells of 250: five standard errors are 77.
    assert (torch.bincount(halves, minlength=16) - 250).abs().max() < 77


def test_a_sharp_density_is_rough_and_a_smooth_one_is_not():
    plane = Plane.around(Skewed().draw(4096, 2))
    roughness = []
    for scale in (0.5, 0.01):
        normal = torch.distributions.MultivariateNormal(torch.zeros(2), scale**2 * torch.eye(2))
        roughness.append(plane.roughness(torch.exp(normal.log_prob(plane.points)) * plane.volume))
    assert roughness[0] < 1e-3
    assert roughness[1] > 0.01


def test_the_outskirts_hold_as_much_as_what_lies_beyond_for_cauchys_law():
    plane = Plane.around(torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)))
    law = torch.distributions.Cauchy(torch.zeros(2), torch.ones(2))
    mass = torch.exp(law.log_prob(plane.points).sum(1)) * plane.volume
    assert 1 - float(mass.sum()) == pytest.approx(plane.outskirts(mass), rel=0.1)
