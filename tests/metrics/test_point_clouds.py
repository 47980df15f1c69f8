"""Pairwise quantities by blocks beside those of whole matrices, and the metrics made of them beside closed forms."""

import math

import pytest
import torch

from bench.metrics import point_clouds
from bench.metrics.density_coverage import coverage, density
from bench.metrics.energy import energy_distance
from bench.metrics.nearest import nearest
from bench.metrics.point_clouds import Cloud, Pair
from bench.metrics.precision_recall import precision, recall


def pair_of(samples: torch.Tensor, real: torch.Tensor) -> Pair:
    cloud = Cloud.of(real)
    return Pair.of(Cloud.of(samples, cloud.median), cloud)


@pytest.mark.parametrize("dim", [2, 40])
def test_blocks_give_what_whole_matrices_give(dim: int, monkeypatch) -> None:
    monkeypatch.setattr(point_clouds, "BLOCK", 300)
    samples, real = torch.randn(70, dim), 1.1 * torch.randn(50, dim)
    pair = pair_of(samples, real)
    between, within = torch.cdist(samples.double(), real.double()), torch.cdist(real.double(), real.double())
    radii = within.sort(1).values[:, point_clouds.NEIGHBOURS]
    own = torch.cdist(samples.double(), samples.double()).sort(1).values[:, point_clouds.NEIGHBOURS]
    assert pair.mean_distance == pytest.approx(between.mean().item(), rel=1e-9)
    assert pair.real.mean_distance == pytest.approx(within.sum().item() / (50 * 49), rel=1e-6)
    assert torch.allclose(pair.real.radii, radii, rtol=1e-9)
    assert precision(pair) == pytest.approx((between <= radii).any(1).double().mean().item())
    assert recall(pair) == pytest.approx((between <= own[:, None]).any(0).double().mean().item())
    assert density(pair) == pytest.approx((between <= radii).sum().item() / (5 * 70))
    assert coverage(pair) == pytest.approx((between.min(0).values <= radii).double().mean().item())


def test_density_and_coverage_of_one_law_are_those_of_naeem() -> None:
    """E density is 1 and E coverage 1 - prod (n - i) / (2 n - 1 - i), about 1 - 2^-5, for n points each."""
    n, pairs = 400, [pair_of(torch.randn(400, 3), torch.randn(400, 3)) for _ in range(20)]
    expected = 1 - math.prod((n - 1 - i) / (2 * n - 1 - i) for i in range(5))
    # sd of the means: .011 / sqrt(20) of coverage, .04 / sqrt(20) of density; four of them
    assert sum(map(coverage, pairs)) / 20 == pytest.approx(expected, abs=0.01)
    assert sum(map(density, pairs)) / 20 == pytest.approx(1, abs=0.036)


def test_samples_elsewhere_have_no_precision_and_no_recall() -> None:
    pair = pair_of(torch.randn(50, 2) + 100, torch.randn(50, 2))
    assert [metric(pair) for metric in (precision, recall, density, coverage)] == [0, 0, 0, 0]


def test_the_energy_distance_of_shifted_normals_is_known_and_unbiased() -> None:
    """In one dimension 2 E|X - Y| - E|X - X'| - E|Y - Y'| with X - Y ~ N(1, 2)."""
    mean = 2 / math.sqrt(math.pi) * math.exp(-1 / 4) + math.erf(1 / 2)
    expected = 2 * mean - 2 * 2 / math.sqrt(math.pi)
    found = torch.tensor([energy_distance(pair_of(torch.randn(40, 1) + 1, torch.randn(40, 1))) for _ in range(500)])
    assert abs(found.mean() - expected) < 4 * found.std() / math.sqrt(500)
    # the biased statistic would lie 2 E|X - X'| / 40 = .056 higher
    assert 4 * found.std() / math.sqrt(500) < 0.056


@pytest.mark.parametrize("dim", [2, 30])
def test_nearest_neighbours_are_those_of_all_distances(dim: int) -> None:
    queries, points = torch.randn(40, dim).double(), torch.randn(60, dim).double()
    distances, places = nearest(queries, points, 3)
    whole = torch.cdist(queries, points).topk(3, dim=1, largest=False)
    assert torch.allclose(distances, whole.values, atol=1e-3)
    assert (places == whole.indices).double().mean() > 0.98, "single precision may swap two that are all but as near"
