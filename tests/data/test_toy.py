"""The toys' densities against known entropies, their own integrals and their own samples; no step trusts the next."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from scipy import integrate, stats
from torch import Tensor

from bench.data import toy_curves
from bench.data.toy import TOYS, toy
from bench.errors import BenchError

CONF = Path(__file__).parents[2] / "conf" / "data"
ENTROPY = {  # nats, and how well each is known
    "8gaussians": (2.832, 0.001),
    "checkerboard": (math.log(32), 1e-6),
    "rings": (2.624, 0.006),
    "circles": (3.263, 0.005),
    "moons": (2.398, 0.005),
    "pinwheel": (2.31, 0.02),
    "2spirals": (2.642, 0.005),
    "swissroll": (2.675, 0.006),
}
every_toy = pytest.mark.parametrize("name", TOYS)


def draws(name: str, n: int, seed: int = 1) -> Tensor:
    return TOYS[name]().sample(n, torch.Generator().manual_seed(seed))


def grid(half_width: float, cells: int) -> Tensor:
    """Centres of `cells` x `cells` squares that cover [-half_width, half_width]^2."""
    axis = (torch.arange(cells, dtype=torch.float64) + 0.5) * (2 * half_width / cells) - half_width
    return torch.cartesian_prod(axis, axis)


@every_toy
def test_entropy_is_the_known_one(name: str) -> None:
    known, known_within = ENTROPY[name]
    nats = -TOYS[name]().log_prob(draws(name, 20_000)).double()
    # Five standard errors of the Monte Carlo mean beside what is not known of the reference.
    assert abs(nats.mean() - known) < 5 * nats.std() / math.sqrt(len(nats)) + known_within


@cache
def density_on_the_grid(name: str) -> Tensor:
    """The density on 240 x 240 cells of width 0.05 that cover [-6, 6]^2: coarse row, row in it, coarse column, ..."""
    return TOYS[name]().log_prob(grid(6, 240)).exp().reshape(24, 10, 24, 10)


@every_toy
def test_density_integrates_to_one(name: str) -> None:
    # Cells of 0.05, under two thirds of the finest noise (0.08), integrate a normal almost exactly; the checkerboard's
    # edges are cell edges. The pinwheel leaves about 1e-5 outside and has kinks where twists fold.
    assert float(density_on_the_grid(name).sum()) * 0.05**2 == pytest.approx(1, abs=1e-3)


@every_toy
def test_samples_follow_the_density(name: str) -> None:
    n = 40_000
    expected = density_on_the_grid(name).sum((1, 3)).flatten() * (n * 0.05**2)
    cell = ((draws(name, n).double() + 6) * 2).floor().long()
    observed = torch.bincount(cell[:, 0] * 24 + cell[:, 1], minlength=24**2)
    common = expected >= 5
    rare = n - expected[common].sum()
    assert abs(observed[~common].sum() - rare) < 5 * (rare.clamp(min=0) + 1).sqrt()
    statistic = ((observed[common] - expected[common]).square() / expected[common]).sum()
    # A right density fails at one seed in 10^4. A density that is 10 % off everywhere adds n * 0.1^2 = 400 to the
    # statistic, whose standard deviation is sqrt(2 * cells), about 20.
    assert stats.chi2.sf(float(statistic), int(common.sum()) - 1) > 1e-4


@pytest.mark.parametrize("curve", [toy_curves.Moons, toy_curves.SwissRoll, toy_curves.TwoSpirals])
def test_quadrature_has_converged(curve: type[toy_curves.Moons], monkeypatch: pytest.MonkeyPatch) -> None:
    points = torch.cat((curve().sample(1_000, torch.Generator().manual_seed(0)).double(), grid(4, 40)))
    usual = curve().log_prob(points)
    monkeypatch.setattr(curve, "nodes", 3 * curve.nodes)
    # 1e-4 nats is what the tables need; the nodes give 1e-6 even far from the curve.
    torch.testing.assert_close(usual, curve().log_prob(points), atol=1e-6, rtol=0)


def test_spirals_kernel_is_uniform_plus_normal() -> None:
    """Against adaptive quadrature of the arm, each coordinate's noise by differences of normal distributions."""

    def integrand(t: float, x: float, y: float) -> float:
        noise = 1.0
        for value, centre in ((x, -math.cos(t) * t / 3), (y, math.sin(t) * t / 3)):
            noise *= (stats.norm.cdf((value - centre) / 0.1) - stats.norm.cdf((value - centre - 1 / 6) / 0.1)) * 6
        return noise * 2 * t / (3 * math.pi) ** 2

    points = [(2.9, 0.2), (-0.3, 0.4), (0.05, -1.6)]
    expected = []
    for x, y in points:
        arms = [integrate.quad(integrand, 0, 3 * math.pi, args=(s * x, s * y), limit=400)[0] for s in (1, -1)]
        expected.append(math.log(sum(arms) / 2))
    value = TOYS["2spirals"]().log_prob(torch.tensor(points, dtype=torch.float64))
    # quad stops at an absolute error of 1.5e-8, beside densities above 1e-3.
    torch.testing.assert_close(value, torch.tensor(expected, dtype=torch.float64), atol=1e-4, rtol=0)


def test_pinwheel_branches_agree_with_a_change_of_variables() -> None:
    """Where one arm dominates, log p(x) is log N(f) - log |det dx/df| with autograd's Jacobian at a known f."""
    f = torch.tensor([[1.0, 0.05], [1.4, -0.1], [0.7, 0.1]], dtype=torch.float64)

    def twist(blob: Tensor) -> Tensor:
        angle = 2 * math.pi * 2 / 5 + 0.25 * blob[0].exp()
        rotation = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos())).reshape(2, 2)
        return 2 * blob @ rotation

    x = torch.stack([twist(blob) for blob in f])
    volume = torch.stack([torch.linalg.slogdet(torch.autograd.functional.jacobian(twist, blob))[1] for blob in f])
    scaled = (f - torch.tensor([1.0, 0.0])) / torch.tensor([0.3, 0.1])
    log_normal = -scaled.square().sum(1) / 2 - math.log(2 * math.pi * 0.03)
    # The other arms and folds are more than four standard deviations away.
    torch.testing.assert_close(TOYS["pinwheel"]().log_prob(x), log_normal - volume - math.log(5), atol=1e-4, rtol=0)


@every_toy
def test_log_prob_is_finite_far_away_and_keeps_the_dtype(name: str) -> None:
    far = torch.tensor([[0.0, 0.0], [30.0, -20.0], [-1e3, 1e-3]])
    value = TOYS[name]().log_prob(far)
    assert value.dtype == torch.float32
    assert value.device == far.device
    torch.testing.assert_close(TOYS[name]().log_prob(far.double()).float(), value)
    assert not value.isnan().any()
    if name != "checkerboard":
        assert value.isfinite().all()


def test_checkerboard_has_no_density_on_its_light_squares() -> None:
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-4.0, -4.0], [4.0, 1.0], [3.0, 3.0], [-1.0, 1.0]])
    on = -math.log(32)
    expected = torch.tensor([on, -math.inf, on, -math.inf, on, -math.inf])
    torch.testing.assert_close(TOYS["checkerboard"]().log_prob(x), expected)


def test_checkerboard_never_draws_outside_its_squares() -> None:
    assert TOYS["checkerboard"]().log_prob(draws("checkerboard", 500_000)).isfinite().all()


@every_toy
def test_seed_decides_the_data(name: str) -> None:
    sizes = {"train": 40, "validation": 20, "test": 30}
    first, again, other = toy(name, **sizes, seed=3), toy(name, **sizes, seed=3), toy(name, **sizes, seed=4)
    for split, size in sizes.items():
        assert getattr(first, split).shape == (size, 2)
        assert getattr(first, split).dtype == torch.float32
        assert torch.equal(getattr(first, split), getattr(again, split))
        assert not torch.equal(getattr(first, split), getattr(other, split))
    assert not torch.equal(first.train[:20], first.validation)


def test_more_training_data_leave_the_test_split_alone() -> None:
    few, many = toy("moons", train=10), toy("moons", train=1_000)
    assert torch.equal(few.test, many.test)
    assert torch.equal(few.validation, many.validation)


def test_runs_share_the_test_split_and_draw_their_own_training_examples() -> None:
    data = toy("moons", train=40, validation=20, test=30)
    first, again, other = data.of_seed(1), data.of_seed(1), data.of_seed(2)
    assert data.varies == "training draw"
    assert torch.equal(first.test, other.test)
    for split in ("train", "validation"):
        assert torch.equal(getattr(first, split), getattr(again, split))
        assert not torch.equal(getattr(first, split), getattr(other, split))


def test_mistakes_are_told_in_one_line() -> None:
    with pytest.raises(BenchError, match=r"unknown toy 'mons'.*moons"):
        toy("mons")
    with pytest.raises(BenchError, match=r"data=moons: validation=0 is not a positive integer"):
        toy("moons", validation=0)


@every_toy
def test_configuration_names_the_toy(name: str) -> None:
    text = (CONF / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    assert f"bench run data={name}" in text.splitlines()[0]
    assert yaml.safe_load(text) == {"_target_": "bench.data.toy.toy", "name": name}
