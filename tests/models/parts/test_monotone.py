import pytest
import torch

from bench.models.parts.monotone import Affine, Monotone, Spline

every_family = pytest.mark.parametrize("family", [Affine, Spline])


@every_family
def test_parameters_of_zero_give_the_identity(family: type[Monotone]) -> None:
    maps, x = family(), torch.linspace(-8, 8, 41)
    y, log_slope = maps(torch.zeros(41, maps.outputs)).call_and_ladj(x)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_slope, torch.zeros(41), rtol=0, atol=1e-5)


@every_family
def test_slopes_and_inverse_are_those_of_the_map(family: type[Monotone]) -> None:
    torch.manual_seed(0)
    maps, x = family(), torch.linspace(-6, 6, 60, dtype=torch.double, requires_grad=True)
    applied = maps(2 * torch.randn(60, maps.outputs, dtype=torch.double))
    y, log_slope = applied.call_and_ladj(x)
    torch.testing.assert_close(torch.autograd.grad(y.sum(), x)[0], log_slope.exp())
    torch.testing.assert_close(applied.inv(y), x)


def test_a_spline_is_the_identity_outside_of_its_interval_and_only_there() -> None:
    torch.manual_seed(0)
    x = torch.tensor([-1e3, -5.1, -4.0, 0.0, 4.0, 5.1, 1e3])
    y, log_slope = Spline()(torch.randn(Spline.outputs).expand(7, -1)).call_and_ladj(x)
    assert (y == x).tolist() == [True, True, False, False, False, True, True]
    assert (log_slope == 0).tolist() == (y == x).tolist()


def test_an_affine_map_scales_by_no_more_than_realnvps() -> None:
    _, log_slope = Affine()(torch.tensor([[3.0, 1e6], [3.0, -1e6]])).call_and_ladj(torch.ones(2))
    # zuko's bound is approached as 1 / parameter.
    torch.testing.assert_close(log_slope, torch.tensor([2.5, -2.5]), rtol=0, atol=1e-4)
