"""The field of pictures: its derivatives against autograd's, a time for each example, its levels."""

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.parts.picture_field import PictureField, unet_field
from bench.spec import DataSpec
from tests.models.helpers import perturbed

SHAPE = (2, 4, 8)
DATA = DataSpec(SHAPE, image_shape=SHAPE)
T = torch.tensor(0.3, dtype=torch.double)


def small(**options: object) -> PictureField:
    torch.manual_seed(0)
    return perturbed(
        unet_field(DATA, **{"width": 12, "shape": (1, 2), "blocks": 1, "name": "Mine", **options}), 0.2
    ).double()  # type: ignore[arg-type]


def jacobian(field: PictureField, x: torch.Tensor) -> torch.Tensor:
    return torch.stack([torch.autograd.functional.jacobian(lambda v: field(T, v[None])[0], each) for each in x])


def test_derivatives_are_those_of_the_jacobian() -> None:
    field, x = small(), torch.randn(3, 64, dtype=torch.double)
    exact, probe = jacobian(field, x), torch.randn(3, 64, dtype=torch.double)
    value, pushed = field.forward_and_jvp(T, x, probe)
    torch.testing.assert_close(value, field(T, x))
    torch.testing.assert_close(pushed, torch.einsum("nij,nj->ni", exact, probe))
    torch.testing.assert_close(field.forward_and_vjp(T, x, probe)[1], torch.einsum("nij,ni->nj", exact, probe))
    torch.testing.assert_close(
        field.forward_and_probe(T, x, probe)[1], torch.einsum("ni,nij,nj->n", probe, exact, probe)
    )
    torch.testing.assert_close(field.forward_and_divergence(T, x)[1], exact.diagonal(0, 1, 2).sum(1))


def test_a_divergence_can_be_trained() -> None:
    """The probe's estimate has a gradient in every parameter but the last bias, which it does not depend on."""
    field = small()
    field.forward_and_probe(T, torch.randn(3, 64, dtype=torch.double), torch.ones(3, 64).double())[1].sum().backward()
    without = [
        name for name, parameter in field.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == ["net.last.bias"]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_it_is_the_same(mode: type) -> None:
    field, x, probe = small(), torch.randn(3, 64).double(), torch.ones(3, 64).double()
    with mode():
        estimate = field.forward_and_probe(T, x, probe)[1]
    assert not estimate.requires_grad
    torch.testing.assert_close(estimate, field.forward_and_probe(T, x, probe)[1].detach())


def test_each_example_has_its_time() -> None:
    field, x = small(), torch.randn(4, 64).double()
    times = torch.tensor([0.0, 0.3, 0.7, 1.0]).double()
    each = torch.cat([field(t, row[None]) for t, row in zip(times, x, strict=True)])
    torch.testing.assert_close(field.at_times(times, x), each)
    assert len(field.at_times(times, x[:1].expand(4, 64)).sum(1).unique()) == 4


def test_every_pixel_depends_on_every_other_through_the_lowest_level() -> None:
    assert (jacobian(small(), torch.randn(1, 64).double()) != 0).all()


def test_one_level_alone_is_a_net_without_a_way_back() -> None:
    field = small(shape=(1,))
    assert len(field.net.up) == 0  # type: ignore[arg-type]
    assert field(T, torch.randn(2, 64).double()).shape == (2, 64)


def test_mistakes_are_named() -> None:
    with pytest.raises(BenchError, match=r"model\.blocks=0"):
        small(blocks=0)
    with pytest.raises(NotApplicable, match=r"Mine halves .* 4x8 go 2 times: use a model\.shape of 2 numbers"):
        small(shape=(1, 1, 1))
