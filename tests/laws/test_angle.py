"""The angle's law against quadrature, and its gradients against derivatives of moments that are known."""

import numpy as np
import pytest
import torch
from scipy import special
from scipy.interpolate import CubicSpline

from bench.laws.angle import Window, _Angle, draw_angle, inverse_distribution
from bench.laws.bessel import bessel

CASES = [(dim, kappa) for dim in (2, 3, 4, 9, 41, 129) for kappa in (0.01, 1.0, 10.0, 300.0, 1e5)]
every_case = pytest.mark.parametrize(("dim", "kappa"), CASES)


def distribution(dim: int, kappa: float) -> CubicSpline:
    """F where it is neither 0 nor 1, by Gauss-Legendre quadrature of 4,000 panels."""
    width = 40 / np.sqrt(kappa + dim)
    mode = float(Window(torch.tensor([[kappa]]).double(), dim).mode)
    edges = np.linspace(max(0.0, mode - width), min(np.pi, mode + width), 4001)
    nodes, weights = np.polynomial.legendre.leggauss(6)
    angle = edges[:-1, None] + np.diff(edges)[:, None] * (1 + nodes) / 2
    log_density = kappa * (np.cos(angle) - 1) + special.xlogy(dim - 2, np.sin(angle))
    mass = (np.exp(log_density - log_density.max()) * weights).sum(1).cumsum()
    return CubicSpline(edges, np.concatenate([[0.0], mass / mass[-1]]))


@every_case
def test_the_distribution_function_is_inverted(dim: int, kappa: float) -> None:
    u = torch.linspace(1e-6, 1 - 1e-6, 4001, dtype=torch.double)[None]
    angle = inverse_distribution(Window(torch.tensor([[kappa]]).double(), dim), u)
    # Fourth-order interpolation in 192 cells of a tenth of a standard deviation.
    np.testing.assert_allclose(distribution(dim, kappa)(angle.numpy()), u.numpy(), rtol=0, atol=4e-6)


@every_case
def test_gradients_of_moments(dim: int, kappa: float) -> None:
    """With w = cos θ: E w = A and E w² = 1 - (dim - 1) A / κ, so that their derivatives follow from A'.

    Taken over evenly spread values of F, not random ones.
    """
    count = 20_000
    concentration = torch.tensor([kappa], dtype=torch.double, requires_grad=True)
    ratio = bessel(dim / 2 - 1, concentration)[1]
    uniform = ((torch.arange(count, dtype=torch.double) + 0.5) / count)[:, None]
    angle = _Angle.apply(concentration, ratio.detach(), uniform, dim)
    gap = 2 * torch.sin(angle / 2).square().mean()
    (got,) = torch.autograd.grad(gap, concentration, retain_graph=True)
    (expected,) = torch.autograd.grad(1 - ratio.sum(), concentration, retain_graph=True)
    # The midpoint rule misses some of both tails: 1e-4 of the whole.
    torch.testing.assert_close(gap, 1 - ratio[0], rtol=1e-3, atol=0)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=0)
    second = torch.sin(angle).square().mean()
    (got,) = torch.autograd.grad(second, concentration)
    (expected,) = torch.autograd.grad(((dim - 1) * ratio / concentration).sum(), concentration)
    torch.testing.assert_close(got, expected, rtol=2e-3, atol=1e-8)


def test_slopes_are_derivatives_of_quantiles() -> None:
    """Central differences of the inverse in κ, at one u; the table's own error is the same on both sides."""
    u = torch.linspace(0.001, 0.999, 99, dtype=torch.double)[:, None]
    for dim, kappa in [(2, 3.0), (3, 50.0), (12, 20.0)]:
        up, down, here = (torch.tensor([kappa * f], dtype=torch.double) for f in (1.001, 0.999, 1.0))
        difference = [inverse_distribution(Window(k[:, None], dim), u.T) for k in (up, down)]
        expected = ((difference[0] - difference[1]) / (up - down)).T
        here.requires_grad_()
        angle = _Angle.apply(here, bessel(dim / 2 - 1, here)[1].detach(), u, dim)
        slopes = torch.stack([torch.autograd.grad(a, here, retain_graph=True)[0] for a in angle.unbind()])
        torch.testing.assert_close(slopes, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_extreme_numbers_stay_finite() -> None:
    concentration = torch.tensor([1e-30, 1.0, 1e5], dtype=torch.double, requires_grad=True)
    for dim in (2, 3, 129):
        ratio = bessel(dim / 2 - 1, concentration)[1].detach()
        for u in (2.0**-54, 1 - 2.0**-53):
            angle = _Angle.apply(concentration, ratio, torch.full((1, 3), u, dtype=torch.double), dim)
            (slope,) = torch.autograd.grad(angle.sum(), concentration)
            assert torch.isfinite(angle).all()
            assert torch.isfinite(slope).all()


def test_draws_are_of_the_global_generator() -> None:
    concentration = torch.tensor([1.0, 20.0], dtype=torch.double)
    ratio = bessel(0.5, concentration)[1]
    torch.manual_seed(1)
    first = draw_angle(concentration, ratio, 3, 5)
    torch.manual_seed(1)
    assert torch.equal(first, draw_angle(concentration, ratio, 3, 5))
    assert first.shape == (5, 2)
