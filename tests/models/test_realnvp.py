import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.realnvp import AffineCoupling, LUMixing, RealNVP
from bench.spec import DataSpec
from tests.models.helpers import perturbed


@pytest.mark.parametrize("mixing", ["lu", "actnorm"])
@pytest.mark.parametrize("dim", [2, 3, 7])
def test_each_mixing_gives_an_exact_density_and_inverse(mixing: str, dim: int) -> None:
    flow = perturbed(RealNVP(DataSpec((dim,)), width=48, layers=5, mixing=mixing)).double()  # type: ignore[arg-type]
    x = torch.randn(4, dim, dtype=torch.double)
    z, log_det = flow.transform(x)
    for example, value in zip(x, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], example)
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian).logabsdet)
    back, inverse_log_det = flow.transform.inverse(z)
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(inverse_log_det, -log_det)


def test_lu_mixing_is_the_map_of_nflows() -> None:
    """Same parameters, same map as the class it speeds up."""
    layer, x = perturbed(LUMixing(5)), torch.randn(6, 5)
    outputs, log_det = layer(x)
    expected, expected_log_det = super(LUMixing, layer).forward_no_cache(x)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(log_det, expected_log_det)
    torch.testing.assert_close(torch.linalg.slogdet(layer.weight()).logabsdet, log_det[0])


def test_a_coupling_can_expand_and_is_bounded() -> None:
    coupling = AffineCoupling(1, 2, [4, 4])
    with torch.no_grad():
        coupling.transform_net.last[-1].bias[0] = 1e6
    outputs, log_det = coupling(torch.tensor([[0.3, 1.0]]))
    torch.testing.assert_close(log_det, torch.tensor([2.5]))
    assert outputs[0, 1] == 0.3
    back, _ = coupling.inverse(outputs)
    torch.testing.assert_close(back, torch.tensor([[0.3, 1.0]]))


def test_every_coordinate_is_transformed_by_two_couplings() -> None:
    flow = perturbed(RealNVP(DataSpec((7,)), width=48, layers=2, mixing="actnorm"), 1.0)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], torch.randn(7))
    # A coordinate that passed through unchanged would leave a row with one entry, and that a 1.
    assert ((jacobian != 0).sum(1) > 1).all()


def test_auto_mixes_linearly_only_where_that_is_cheap() -> None:
    assert any(isinstance(t, LUMixing) for t in RealNVP(DataSpec((24,)), width=8).modules())
    assert not any(isinstance(t, LUMixing) for t in RealNVP(DataSpec((25,)), width=8).modules())


def test_one_coordinate_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="at least 2"):
        RealNVP(DataSpec((1,)), width=8)


@pytest.mark.parametrize(("option", "message"), [({"layers": 0}, "layers=0"), ({"mixing": "lv"}, "did you mean lu")])
def test_bad_options_are_named(option: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        RealNVP(DataSpec((2,)), width=8, **option)  # type: ignore[arg-type]
