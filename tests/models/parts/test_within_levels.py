"""Bent noise stays within its level, one to one, and the log-determinant is that of the Jacobian."""

import pytest
import torch
from torch import Tensor

from bench.models.parts.levels import GreyLevels
from bench.models.parts.within_levels import WithinLevels
from tests.models.helpers import perturbed

LEVELS = GreyLevels(17, 0.01)
SHAPES = pytest.mark.parametrize("shape", [(1, 4, 4), (3, 2, 4)], ids=str)


def bender(shape: tuple[int, int, int], scale: float = 0.3) -> WithinLevels:
    torch.manual_seed(0)
    return perturbed(WithinLevels(shape, LEVELS, [8, 8, 8, 8], 1).double(), scale)


def pictures(n: int, dim: int) -> Tensor:
    y = torch.randint(0, 17, (n, dim)) + torch.rand(n, dim, dtype=torch.float64)
    return LEVELS.placed(y)


@SHAPES
def test_levels_stay_and_the_way_back_is_the_inverse(shape: tuple[int, int, int]) -> None:
    bend, dim = bender(shape), shape[0] * shape[1] * shape[2]
    x = pictures(50, dim)
    bent, log_det = bend(x)
    assert torch.equal(LEVELS.level(bent * bend.unit), LEVELS.level(x))
    noise = [LEVELS.fractions(each) * 17 - LEVELS.level(each) for each in (x, bent * bend.unit)]
    assert (noise[0] - noise[1]).abs().mean() > 0.02
    back, log_det_back = bend.inverse(bent)
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(log_det_back, -log_det)


@SHAPES
def test_the_log_determinant_is_the_jacobians(shape: tuple[int, int, int]) -> None:
    """Also where some coordinates lie beyond all levels, as samples may."""
    bend, dim = bender(shape), shape[0] * shape[1] * shape[2]
    x = pictures(4, dim)
    x[1::2, :3] = torch.tensor([9.0, -9.0, 12.0], dtype=torch.float64)
    for row in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: bend(v[None])[0][0], row)
        torch.testing.assert_close(bend(row[None])[1][0], torch.linalg.slogdet(jacobian).logabsdet)
    bent, _ = bend(x)
    assert torch.equal(bent[1::2, :3] * bend.unit, x[1::2, :3])
    torch.testing.assert_close(bend.inverse(bent)[0], x)


def test_every_pixels_noise_hangs_on_the_levels_and_on_others_noise() -> None:
    bend = bender((1, 4, 4))
    y = torch.full((1, 16), 8.5, dtype=torch.float64)
    usual = bend(LEVELS.placed(y))[0]
    for change in (1.0, 0.3):
        other = y.clone()
        other[0, 5] += change
        moved = bend(LEVELS.placed(other))[0] - usual
        assert (moved.abs() > 1e-6).sum() > 8


@pytest.mark.parametrize(("face", "beyond"), [(0.0, -1e-9), (17.0, 1e-9)])
def test_densities_do_not_jump_at_the_outer_ends(face: float, beyond: float) -> None:
    """Noise of 0 on the lowest level is a draw like any other, and rounding may put it beyond."""
    bend = bender((1, 4, 4))
    y = torch.full((2, 16), 8.5, dtype=torch.float64)
    y[:, 5] = torch.tensor([face - beyond, face + beyond], dtype=torch.float64)
    bent, log_det = bend(LEVELS.placed(y))
    torch.testing.assert_close(bent[0], bent[1], rtol=0, atol=1e-6)
    torch.testing.assert_close(log_det[0], log_det[1], rtol=0, atol=1e-6)


def test_single_precision_is_enough_for_256_levels() -> None:
    """With the alpha of MNIST, where a level's width is 65,536 draws of noise wide; a few pixels lie at their ends."""
    torch.manual_seed(0)
    bend = perturbed(WithinLevels((1, 8, 8), GreyLevels(256, 1e-6), [8, 8, 8, 8], 1), 0.05)
    y = torch.randint(0, 256, (200, 64)) + torch.rand(200, 64)
    x = bend.levels.placed(y)
    bent, log_det = bend(x)
    exact = bend.double()(x.double())[1]
    assert (log_det - exact).abs().mean() < 0.01
    back = bend.float().inverse(bent)[0]
    assert ((bend.levels.fractions(back) - bend.levels.fractions(x)).abs() * 256 > 0.02).float().mean() < 1e-3


def test_a_new_map_hardly_bends() -> None:
    torch.manual_seed(0)
    bend = WithinLevels((1, 4, 4), LEVELS, [8, 8], 1)
    x = pictures(20, 16).float()
    assert (bend(x)[0] * bend.unit - x).abs().max() < 0.1


def test_noise_at_the_ends_of_a_level_stays_there() -> None:
    """The noise of the data set is a multiple of 2⁻¹⁶, 0 among them."""
    bend = bender((1, 4, 4)).float()
    y = torch.arange(16.0)[None] + torch.tensor([0.0, 1 - 2**-16]).repeat(8)
    bent, log_det = bend(LEVELS.placed(y))
    assert bool(bent.isfinite().all() & log_det.isfinite().all())
    assert (LEVELS.fractions(bent * bend.unit) * 17 - y).abs().max() < 1e-2
