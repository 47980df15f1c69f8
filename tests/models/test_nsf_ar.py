import pytest
import torch

from bench.models.entry import Entry
from bench.models.maf import MAF
from bench.models.nsf import NSF
from bench.models.nsf_ar import NSFAR
from bench.models.parts.monotone import Affine, Spline
from bench.spec import DataSpec
from tests.models.helpers import perturbed


def test_only_the_map_of_a_coordinate_differs_from_maf() -> None:
    affine, spline = MAF(DataSpec((4,)), width=24, layers=2), NSFAR(DataSpec((4,)), width=24, layers=2)
    for theirs, ours in zip(affine.transform._transforms, spline.transform._transforms, strict=True):
        assert isinstance(theirs.map, Affine)
        assert isinstance(ours.map, Spline)
        assert theirs.net.first.weight.shape == ours.net.first.weight.shape


def test_log_density_is_that_of_the_jacobian_inside_and_outside_of_the_splines() -> None:
    flow = perturbed(NSFAR(DataSpec((3,)), width=48)).double()
    x = torch.tensor([[0.3, -1.2, 2.0], [7.0, 0.1, -6.0]], dtype=torch.double)
    value = flow.log_prob(x).value
    for example, log_density in zip(x, value, strict=True):
        z = flow.encode(example[None])
        jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], example)
        base = torch.distributions.Normal(0, 1).log_prob(z).sum()
        torch.testing.assert_close(log_density, base + torch.linalg.slogdet(jacobian).logabsdet)


@pytest.mark.parametrize("cls", [NSF, NSFAR])
def test_splines_are_not_compiled(cls: type[Entry]) -> None:
    """Their compiled gradient was wrong by half of itself; to see whether it still is takes two minutes."""
    assert cls(DataSpec((3,)), width=8).compiles() == "no"
