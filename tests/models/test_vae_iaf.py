from typing import Any

import pytest
import torch

from bench.errors import BenchError
from bench.models.vae_iaf import IAFVAE, GatedStep, InverseAutoregressiveFlow
from bench.spec import DataSpec
from tests.models.helpers import (
    assert_bounds_tighten,
    assert_weights_average_to_the_marginal,
    example,
    perturbed,
    widened,
)

CONTINUOUS = DataSpec((4,))
BINARY = DataSpec((2, 3), kind="binary")
KINDS = pytest.mark.parametrize("data", [CONTINUOUS, BINARY], ids=["gaussian", "bernoulli"])


def flow(dim: int, steps: int) -> InverseAutoregressiveFlow:
    return perturbed(InverseAutoregressiveFlow(dim, [[12, 12]] * steps, 3, "tanh").double(), 0.4)


def model(data: DataSpec = CONTINUOUS, latent_size: int = 2, noise: float = 0.1, **options: Any) -> IAFVAE:
    entry = perturbed(IAFVAE(data, width=60, latent_size=latent_size, **options), noise)
    widened(entry)
    return entry


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("dim", [2, 5])
def test_the_log_determinant_is_the_jacobians(dim: int, steps: int) -> None:
    net = flow(dim, steps)
    z, context = torch.randn(4, dim).double(), torch.randn(4, 3).double()
    _, log_det = net(z, context)
    for example_, condition, value in zip(z, context, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda point, condition=condition: net(point[None], condition[None])[0][0], example_
        )
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian).logabsdet, rtol=0, atol=1e-10)


def test_two_steps_let_every_coordinate_depend_on_every_other() -> None:
    """Without the reversed order a step more would leave the first coordinate alone."""
    net, context = flow(4, 2), torch.randn(1, 3).double()
    jacobian = torch.autograd.functional.jacobian(lambda z: net(z[None], context)[0][0], torch.randn(4).double())
    assert (jacobian != 0).all()


def test_extreme_gates_stay_finite() -> None:
    step = GatedStep(3, [4], 2, "relu")
    z = (1e4 * torch.randn(50, 3)).requires_grad_()
    out, log_det = step(z, 1e6 * torch.randn(50, 2))
    (out.sum() + log_det.sum()).backward()
    assert all(torch.isfinite(value).all() for value in (out, log_det, z.grad))
    assert (log_det <= 0).all()
    assert log_det.min() < -1e3


@pytest.mark.parametrize("steps", [1, 2])
@KINDS
def test_weights_average_to_the_density_by_quadrature(data: DataSpec, steps: int) -> None:
    assert_weights_average_to_the_marginal(model(data, steps=steps), example(data, 10))


@KINDS
def test_bounds_tighten_with_samples(data: DataSpec) -> None:
    assert_bounds_tighten(model(data, 3), example(data, 300))


def test_the_posterior_is_no_gaussian() -> None:
    """A Gaussian's coordinates, each standardised, have no moment of odd order."""
    with torch.no_grad():
        z, _ = model(latent_size=4, noise=0.5).posterior(torch.randn(1, 4)).draw(50_000)
    standard = (z[:, 0] - z[:, 0].mean(0)) / z[:, 0].std(0)
    third = (standard.square().T @ standard / len(z)).abs().max()
    # Sixteen means of 50,000 draws, of standard errors up to sqrt(15 / n) = 0.017.
    assert third > 0.15


def test_encode_is_the_image_of_the_bases_mean() -> None:
    entry, x = model(), torch.randn(6, 4)
    law = entry.posterior(x)
    assert torch.equal(entry.encode(x), entry.encode(x))
    torch.testing.assert_close(entry.encode(x), law.flow(law.base.mean, law.context)[0])
    # Steps bend little at the start: the image of the mean is near the mean of the images.
    fresh = IAFVAE(CONTINUOUS, width=60, latent_size=2)
    with torch.no_grad():
        mean = fresh.posterior(x).draw(4_000)[0].mean(0)
    torch.testing.assert_close(fresh.encode(x), mean, rtol=0, atol=0.03)


BAD = [{"steps": 0}, {"shape": []}, {"latent_size": 1}, {"latent_size": 0}, {"activation": "tahn"}]


@pytest.mark.parametrize("option", BAD, ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        IAFVAE(CONTINUOUS, **{"width": 8, **option})
