from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError, NotApplicable
from bench.models.maf import MAF, AutoregressiveLayer
from bench.models.nsf_ar import NSFAR
from bench.models.parts.monotone import Affine, Monotone, Spline
from bench.spec import DataSpec
from tests.models.helpers import perturbed


def slopes(function: Callable[[Tensor], Tensor], dim: int) -> Tensor:
    """The sum of |dy/dx| over enough points that every ReLU is open, and every coordinate in a spline, at some."""
    return sum(torch.autograd.functional.jacobian(function, torch.randn(dim)).abs() for _ in range(50))  # type: ignore


@pytest.mark.parametrize("family", [Affine, Spline])
@pytest.mark.parametrize("dim", [2, 6])
def test_a_layer_is_triangular_and_its_log_determinant_that_of_its_jacobian(family: type[Monotone], dim: int) -> None:
    layer = perturbed(AutoregressiveLayer(dim, [9, 7], family())).double()
    x = torch.randn(4, dim, dtype=torch.double)
    y, log_det = layer(x)
    for example, value in zip(x, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: layer(v[None])[0][0].flip(0), example)
        assert jacobian.triu(1).abs().max() == 0
        assert (jacobian.tril(-1) != 0).any()
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian).logabsdet)
    back, inverse_log_det = layer.inverse(y)
    # A spline's inverse takes the root of a difference: half of float64's digits where a slope is small.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-7)
    torch.testing.assert_close(inverse_log_det, -log_det, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cls", [MAF, NSFAR])
def test_two_layers_let_every_coordinate_depend_on_every_other(cls: type[MAF]) -> None:
    torch.manual_seed(0)
    flow = perturbed(cls(DataSpec((6,)), width=64, layers=2), 1.0)
    assert (slopes(lambda v: flow.encode(v[None])[0], 6) > 0).all()


@pytest.mark.parametrize("cls", [MAF, NSFAR])
def test_one_coordinate_and_bad_options_are_named(cls: type[MAF]) -> None:
    with pytest.raises(NotApplicable, match=f"{cls.__name__} conditions each coordinate"):
        cls(DataSpec((1,)), width=8)
    with pytest.raises(BenchError, match="layers=0"):
        cls(DataSpec((2,)), width=8, layers=0)
