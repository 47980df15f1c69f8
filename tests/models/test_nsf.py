import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.nsf import NSF, SplineCoupling
from bench.models.realnvp import AffineCoupling
from bench.spec import DataSpec
from tests.models.helpers import perturbed


@pytest.mark.parametrize("mixing", ["lu", "actnorm"])
@pytest.mark.parametrize("dim", [2, 3, 7])
def test_each_mixing_gives_an_exact_density_and_inverse(mixing: str, dim: int) -> None:
    flow = perturbed(NSF(DataSpec((dim,)), width=48, layers=3, mixing=mixing)).double()  # type: ignore[arg-type]
    x = 2 * torch.randn(4, dim, dtype=torch.double)
    z, log_det = flow.transform(x)
    for example, value in zip(x, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], example)
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian).logabsdet)
    back, inverse_log_det = flow.transform.inverse(z)
    # A spline's inverse takes the root of a difference: half of float64's digits where a slope is small.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-7)
    torch.testing.assert_close(inverse_log_det, -log_det, rtol=0, atol=1e-6)


def test_a_coupling_swaps_its_parts_and_changes_one_of_them() -> None:
    coupling = perturbed(SplineCoupling(2, 5, [8, 8]))
    x = torch.randn(6, 5)
    y, _ = coupling(x)
    assert torch.equal(y[:, 3:], x[:, :2])
    assert (y[:, :3] != x[:, 2:]).all()


def test_only_the_couplings_differ_from_realnvp() -> None:
    kinds = [type(t).__name__ for t in NSF(DataSpec((30,)), width=32).transform._transforms]
    assert kinds == ["ActivationNorm", "RandomPermutation", "SplineCoupling", "SplineCoupling"] * 2
    assert not any(isinstance(t, AffineCoupling) for t in NSF(DataSpec((4,)), width=32).modules())


def test_one_coordinate_and_bad_options_are_named() -> None:
    with pytest.raises(NotApplicable, match="NSF conditions one part of x on the other"):
        NSF(DataSpec((1,)), width=8)
    with pytest.raises(BenchError, match="layers=0"):
        NSF(DataSpec((2,)), width=8, layers=0)
