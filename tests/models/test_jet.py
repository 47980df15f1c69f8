"""Couplings over patches; their log-determinant and inverse are held with those of every flow of pictures."""

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.jet import Jet
from bench.spec import DataSpec
from tests.models.helpers import perturbed

SHAPE = (1, 4, 4)
PICTURES = DataSpec(SHAPE, "discrete", 17, image_shape=SHAPE)


def small(**options: object) -> Jet:
    torch.manual_seed(0)
    return Jet(PICTURES, width=24, **{"patch": 2, **options})  # type: ignore[arg-type]


def test_a_coupling_changes_half_of_each_patch_given_the_other_halves_of_all() -> None:
    flow = perturbed(small(couplings=1), 0.5)
    (coupling,) = flow.transform.maps
    x = torch.randn(4, 4)
    jacobian = torch.autograd.functional.jacobian(lambda v: coupling(v[None])[0][0], x)
    kept, changed = coupling.order[:2], coupling.order[2:]
    assert torch.equal(coupling(x[None])[0][0][:, 2:], x[:, kept])
    of_kept = jacobian[:, :2][..., kept]
    assert (of_kept != 0).all(), "every patch reads the kept halves of all"
    of_changed = jacobian[:, :2][..., changed].permute(0, 2, 1, 3)
    assert torch.equal(of_changed != 0, torch.einsum("pq,ij->pqij", torch.eye(4), torch.eye(2)) != 0)


def test_orders_differ_and_are_stored() -> None:
    orders = [coupling.order for coupling in small(couplings=8).transform.maps]
    assert len({tuple(order.tolist()) for order in orders}) > 1
    assert "transform.maps.3.order" in small().state_dict()


def test_a_patch_of_an_odd_count_is_cut_unevenly() -> None:
    shape = (3, 4, 4)
    flow = perturbed(Jet(DataSpec(shape, image_shape=shape), width=24, patch=1, couplings=3), 0.3).double()
    x = torch.randn(5, *shape, dtype=torch.double)
    torch.testing.assert_close(flow.decode(flow.encode(x)), x)


def test_mistakes_are_named() -> None:
    for name in ("couplings", "layers"):
        with pytest.raises(BenchError, match=rf"model\.{name}=0"):
            small(**{name: 0})
    with pytest.raises(BenchError, match=r"model\.width=0"):
        Jet(PICTURES, width=0, patch=2)
    with pytest.raises(NotApplicable, match=r"a patch of one number has no halves: give a larger model\.patch"):
        small(patch=1)
    with pytest.raises(NotApplicable, match="does not divide"):
        small(patch=3)
