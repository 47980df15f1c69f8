"""The von Mises-Fisher law against scipy, closed forms and integration."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import Tensor, nn

from bench.errors import Diverged
from bench.laws.bessel import bessel
from bench.laws.vmf import VonMisesFisher, log_area, uniform_direction

CASES = [(dim, kappa) for dim in (2, 3, 6, 41, 129) for kappa in (0.5, 20.0, 1e3, 1e5)]
every_case = pytest.mark.parametrize(("dim", "kappa"), CASES)


def law(dim: int, kappa: float, dtype: torch.dtype = torch.double) -> VonMisesFisher:
    return VonMisesFisher(uniform_direction(1, torch.zeros(1, dtype=dtype), dim), torch.tensor([kappa], dtype=dtype))


@every_case
def test_density_and_entropy_are_scipys(dim: int, kappa: float) -> None:
    q = law(dim, kappa)
    reference = stats.vonmises_fisher(q.direction[0].numpy(), kappa)
    z = q.draw(50)[0][:, 0]
    np.testing.assert_allclose(q.log_prob(z[:, None])[:, 0], reference.logpdf(z.numpy()), rtol=1e-9, atol=1e-8)
    assert float(q.entropy()) == pytest.approx(reference.entropy(), abs=1e-8)


@every_case
def test_divergence_by_integration(dim: int, kappa: float) -> None:
    """KL(q || uniform) = ∫ f log(f / f₀) dθ, the angle's density against that of the uniform law."""
    scale = 1 / math.sqrt(kappa + dim)
    mode = math.atan2(math.sqrt(dim - 2), math.sqrt(kappa)) if kappa > dim else math.pi / 2
    low, high = max(0.0, mode - 40 * scale), min(math.pi, mode + 40 * scale)

    def total(f: object, start: float = low, end: float = high) -> float:
        return float(integrate.quad(f, start, end, points=[mode], epsabs=0, epsrel=1e-11, limit=400)[0])

    log_top = kappa * (math.cos(mode) - 1) + special.xlogy(dim - 2, math.sin(mode))

    def weight(t: float) -> float:
        return math.exp(kappa * (math.cos(t) - 1) + special.xlogy(dim - 2, math.sin(t)) - log_top)

    mass = total(weight)
    mean_gap = total(lambda t: (math.cos(t) - 1) * weight(t)) / mass
    log_uniform = math.log(total(lambda t: math.sin(t) ** (dim - 2), 0.0, math.pi))
    expected = kappa * mean_gap - (math.log(mass) + log_top - log_uniform)
    assert float(law(dim, kappa).kl()) == pytest.approx(expected, rel=1e-8)


def test_small_concentrations_diverge_little() -> None:
    """KL = κ² / (2 dim) + O(κ⁴), and nothing of it is lost."""
    for dim in (2, 11, 129):
        assert float(law(dim, 1e-2).kl()) == pytest.approx(1e-4 / (2 * dim), rel=1e-4)


def test_the_density_integrates_to_one_on_the_circle_of_any_radius() -> None:
    angle = torch.arange(1000, dtype=torch.double) * 2 * math.pi / 1000
    z = 3 * torch.stack([torch.cos(angle), torch.sin(angle)], -1)
    q = VonMisesFisher(
        torch.tensor([[0.6, -0.8]], dtype=torch.double), torch.tensor([7.0], dtype=torch.double), radius=3.0
    )
    mass = torch.exp(q.log_prob(z[:, None])).sum() * 2 * math.pi * 3 / 1000
    assert float(mass) == pytest.approx(1, abs=1e-12)


@every_case
def test_draws_follow_the_marginal_and_come_with_their_density(dim: int, kappa: float) -> None:
    q = law(dim, kappa)
    z, log_q = q.draw(20_000)
    torch.testing.assert_close(z.square().sum(-1), torch.ones(20_000, 1).double())
    torch.testing.assert_close(log_q, q.log_prob(z), rtol=1e-9, atol=1e-6)
    gap = (z - q.direction).square().sum(-1)[:, 0].numpy() / 2
    # 1 - cos θ has density ∝ exp(-κ g) (g (2 - g))^{(dim - 3) / 2}; with g = s² it has no pole at 0.
    scale = math.sqrt((dim + 40) / kappa)
    root = np.linspace(0, min(math.sqrt(2.0), 6 * scale), 200_001)[1:-1]
    log_density = -kappa * root**2 + (dim - 2) * np.log(root) + (dim - 3) / 2 * np.log(2 - root**2)
    cumulative = np.exp(log_density - log_density.max()).cumsum()
    distribution = np.interp(np.sqrt(gap), root, cumulative / cumulative[-1])
    assert stats.kstest(distribution, "uniform").pvalue > 1e-3


def second_moment(q: VonMisesFisher) -> Tensor:
    """E z zᵀ = (A / κ) I + (1 - dim A / κ) direction directionᵀ."""
    ratio = bessel(q.dim / 2 - 1, q.concentration)[1] / q.concentration
    outer = q.direction[:, :, None] * q.direction[:, None]
    return ratio[:, None, None] * torch.eye(q.dim) + (1 - q.dim * ratio)[:, None, None] * outer


@pytest.mark.parametrize(("dim", "kappa"), [(2, 2.0), (3, 5.0), (7, 4.0), (7, 60.0), (41, 30.0)])
def test_gradients_of_expectations(dim: int, kappa: float) -> None:
    """E b · z + (a · z)² has known derivatives by κ and by the vector that the direction is normalised from."""
    raw = torch.randn(dim).double().requires_grad_()
    concentration = torch.tensor(kappa, dtype=torch.double, requires_grad=True)
    a, b = torch.randn(2, dim).double()

    def built(n: int) -> VonMisesFisher:
        return VonMisesFisher(nn.functional.normalize(raw, dim=0).expand(n, dim), concentration.expand(n))

    q = built(1)
    exact = q.mean[0] @ b + a @ second_moment(q)[0] @ a
    expected = torch.autograd.grad(exact, [raw, concentration])
    batches = []
    for _ in range(40):
        z = built(2000).draw(1)[0][0]
        value = (z @ b + (z @ a).square()).mean()
        batches.append(torch.cat([g.flatten() for g in torch.autograd.grad(value, [raw, concentration])]))
    got = torch.stack(batches)
    error = (got.mean(0) - torch.cat([g.flatten() for g in expected])) / (got.std(0) / math.sqrt(40))
    # Up to 42 t-distributed errors with 39 degrees of freedom.
    assert error.abs().max() < 5


def test_the_tangent_is_uniform_for_every_direction() -> None:
    """Also where the reflection changes its branch, and at both poles."""
    directions = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [1e-8, 1, 0], [-1e-8, 0, 1], [0.6, 0, 0.8]]).double()
    q = VonMisesFisher(nn.functional.normalize(directions, dim=-1), torch.full((5,), 3.0).double())
    z, _ = q.draw(40_000)
    second = torch.einsum("sbi,sbj->bij", z, z) / 40_000
    # Entries are means of 40,000 numbers of size below 1.
    torch.testing.assert_close(z.mean(0), q.mean, rtol=0, atol=5 / 200)
    torch.testing.assert_close(second, second_moment(q), rtol=0, atol=5 / 200)


@pytest.mark.parametrize("kappa", [0.0, -1.0, math.nan, math.inf, 1.1e5])
def test_a_concentration_out_of_range_is_named(kappa: float) -> None:
    with pytest.raises(Diverged, match=r"von Mises-Fisher concentration is .* outside \(0, 100000\]"):
        law(3, kappa)


@pytest.mark.parametrize("dim", [2, 129])
def test_single_precision_at_the_largest_concentration(dim: int) -> None:
    concentration = torch.tensor([1e5], requires_grad=True)
    q = VonMisesFisher(uniform_direction(1, torch.zeros(1), dim), concentration)
    z, log_q = q.draw(1000)
    (log_q.mean() + q.kl() + z.sum() + q.mean.sum()).sum().backward()
    assert concentration.grad is not None
    assert torch.isfinite(concentration.grad).all()
    # E log q = -entropy, and each term of it has dim - 1 half squares of normal draws.
    assert float((log_q.mean() + q.entropy()).detach()) == pytest.approx(0, abs=5 * math.sqrt(dim / 2 / 1000))


def test_areas() -> None:
    assert math.exp(log_area(2)) == pytest.approx(2 * math.pi)
    assert math.exp(log_area(3, 2.0)) == pytest.approx(16 * math.pi)
