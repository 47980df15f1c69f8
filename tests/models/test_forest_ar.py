import math

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier

from bench.errors import BenchError, Diverged, NotApplicable
from bench.models import forest_ar
from bench.models.forest_ar import BINS, ForestAR, edges_of, grown, rounded_down, tails
from bench.spec import DataSpec

CENTRES = torch.tensor([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])


def clusters(n: int) -> torch.Tensor:
    """Three round clusters of deviation 0.5, six deviations of theirs apart at least."""
    return CENTRES[torch.arange(n) % 3] + 0.5 * torch.randn(n, 2)


def truth(x: torch.Tensor) -> torch.Tensor:
    away = (x[:, None] - CENTRES).square().sum(2)
    return torch.logsumexp(-away / 0.5, 1) - math.log(3 * 2 * math.pi * 0.25)


def fitted(x: torch.Tensor, width: int = 64, seed: int = 0) -> ForestAR:
    entry = ForestAR(DataSpec(tuple(x.shape[1:])), width=width)
    torch.manual_seed(seed)
    entry.finish(x)
    return entry.eval()


def test_probabilities_are_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every column, from the stored arrays alone; rows at a threshold itself go the same way."""
    kept: list[ExtraTreesClassifier] = []
    x = torch.randn(800, 4) @ torch.randn(4, 4)

    def keep(before: np.ndarray, bins: np.ndarray, leaves: int) -> ExtraTreesClassifier:
        kept.append(grown(before, bins, leaves))
        return kept[-1]

    monkeypatch.setattr(forest_ar, "grown", keep)
    entry = fitted(x)
    assert len(kept) == 4
    for column, forest in enumerate(kept):
        edge = torch.from_numpy(forest.estimators_[0].tree_.threshold[:1]).float()
        new = torch.cat([torch.randn(200, 4), edge.expand(1, 4), edge.nextafter(edge + 1).expand(1, 4)])
        before = new[:, :column] if column else torch.zeros(len(new), 1)
        theirs = np.zeros((len(new), BINS))
        theirs[:, forest.classes_] = forest.predict_proba(before.numpy())
        bins = int(entry.edges[column].isfinite().sum()) + 1
        mixed = torch.from_numpy(theirs).float() * (1 - forest_ar.SMOOTHING)
        mixed[:, :bins] += forest_ar.SMOOTHING / bins
        torch.testing.assert_close(entry.probabilities(column, new).detach(), mixed, rtol=0, atol=1e-6)


def test_a_forest_is_no_single_leaf() -> None:
    """The test before compares what trees say, and would hold of trees that say nothing."""
    entry = fitted(clusters(2000))
    there = entry.probabilities(1, torch.tensor([[-4.0, 0.0], [0.0, 0.0]])).detach()
    assert (there[0] - there[1]).abs().sum() > 1.0  # of at most 2


def test_in_one_column_the_density_is_the_histogram_and_integrates_to_one() -> None:
    x = torch.randn(5000, 1)
    entry = fitted(x)
    edges = entry.edges[0]
    assert int(edges.isfinite().sum()) == BINS - 1
    inside = (edges[1:] + edges[:-1]) / 2
    # Quantiles: each bin has one row in 32, up to the row at its edge.
    expected = -torch.log(BINS * edges.diff())
    torch.testing.assert_close(entry.log_prob(inside[:, None]).value.detach(), expected, rtol=0, atol=0.02)
    scales = torch.exp(entry.log_scales[0]).detach()
    outside = torch.cat([edges[:1] - 2 * scales[0], edges[-1:] + 2 * scales[1]])[:, None]
    expected = -torch.log(BINS * scales) - 2
    torch.testing.assert_close(entry.log_prob(outside).value.detach(), expected, rtol=0, atol=0.02)
    # Bins by their width, tails by the closed form of an exponential.
    with torch.no_grad():
        between = float((entry.log_prob(inside[:, None]).value.exp() * edges.diff()).sum())
        ends = float((entry.log_prob(outside).value.exp() * math.exp(2) * scales).sum())
    assert between + ends == pytest.approx(1, abs=1e-5)


def test_in_the_plane_the_density_integrates_to_one() -> None:
    entry = fitted(clusters(900))
    # Between two edges, and along a tail in steps that a sum over middles sees as even, the density is simple: fine
    # lines within each bin sum it.
    axes = []
    for column in range(2):
        edges = entry.edges[column][entry.edges[column].isfinite()]
        tail = torch.linspace(0, 12, 241)
        first, last = torch.exp(entry.log_scales[column]).detach()
        axes.append(torch.cat([edges[0] - first * tail.flip(0), edges[1:], edges[-1] + last * tail[1:]]))
    points = torch.cartesian_prod(*[(axis[1:] + axis[:-1]) / 2 for axis in axes])
    areas = torch.cartesian_prod(*[axis.diff() for axis in axes]).prod(1)
    with torch.no_grad():
        mass = (entry.log_prob(points).value.exp() * areas).sum()
    # A step of 0.05 along an exponential is summed to 1e-4, as far as the trees' thresholds lie at no middle.
    assert float(mass) == pytest.approx(1, abs=0.01)


def test_samples_have_the_moments_of_the_density() -> None:
    """Each sample's log-density averages to the entropy that weights of a uniform grid give; so do coordinates."""
    entry = fitted(clusters(900))
    drawn = entry.sample(20_000)
    low, high = torch.tensor([-8.0, -4.0]), torch.tensor([8.0, 9.0])
    points = low + (high - low) * torch.rand(200_000, 2)
    with torch.no_grad():
        value = entry.log_prob(points).value
        mine = entry.log_prob(drawn).value.mean()
    weights = value.exp() / value.exp().sum()
    torch.testing.assert_close(drawn.mean(0), weights @ points, rtol=0, atol=0.15)
    torch.testing.assert_close(drawn.square().mean(0), weights @ points.square(), rtol=0, atol=0.5)
    torch.testing.assert_close(drawn.prod(1).mean(), weights @ points.prod(1), rtol=0, atol=0.3)
    assert float(mine) == pytest.approx(float(weights @ value), abs=0.05)


def test_it_comes_near_a_mixture() -> None:
    entry, new = fitted(clusters(10_000), 128), clusters(3000)
    with torch.no_grad():
        behind = float((truth(new) - entry.log_prob(new).value).mean())
    # Thirty-two bins a column, a third of them for a cluster: a Gaussian in ten bins costs about 0.05 nats a column.
    assert 0 < behind < 0.3


def test_columns_depend_on_those_before() -> None:
    first = torch.randn(4000, 1)
    x = torch.cat([first, first + 0.1 * torch.randn(4000, 1)], 1)
    entry = fitted(x[:3000], 128)
    with torch.no_grad():
        nll = float(entry.loss(x[3000:]).mean())
    # Two independent normals have 2.84 nats, the truth 0.54.
    assert nll < 1.3


def test_the_fit_follows_from_the_seed_and_is_loaded() -> None:
    x = clusters(400)
    first, again, other = fitted(x), fitted(x), fitted(x, seed=1)
    fresh = ForestAR(DataSpec((2,)), width=64)
    fresh.load_state_dict(first.state_dict())
    for entry in (again, fresh):
        assert torch.equal(entry.log_prob(x).value, first.log_prob(x).value)
    assert not torch.equal(other.log_prob(x).value, first.log_prob(x).value)


def test_a_second_fit_leaves_nothing_of_the_first() -> None:
    first, x = fitted(torch.randn(2000, 3)), torch.randn(100, 3).round()
    torch.manual_seed(0)
    first.finish(x)
    again = fitted(x).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.state_dict().items())


def test_values_that_repeat_have_a_bounded_density() -> None:
    x = torch.cat([torch.randn(600, 1), torch.full((600, 1), 0.3)])
    zeros = torch.cat([torch.zeros(900, 1), torch.ones(300, 1)])
    bound = math.log(1 / (forest_ar.NARROWEST * min(float(x.std()), float(zeros.std())))) + 0.1
    for each in (x, zeros):
        entry = fitted(each)
        assert entry.log_prob(each).value.max() < bound
        assert entry.log_prob(each).value.mean() > -3
        assert entry.sample(1000).isfinite().all()


def test_edges_are_quantiles_apart_from_each_other() -> None:
    values = np.linspace(0, 1, 8001, dtype=np.float32)
    np.testing.assert_allclose(edges_of(values), np.arange(1, 32) / 32, atol=1e-6)
    assert len(edges_of(values[::64])) == 9  # Rice's rule: 2 x 126^(1/3) is 10
    near = np.concatenate([np.zeros(500), np.full(500, 1e-6), np.ones(500)]).astype(np.float32)
    assert edges_of(near).tolist() == [0.0, 1.0]


def test_tails_are_mean_distances() -> None:
    values = np.asarray([-3.0, -1.0, 0.0, 1.0, 4.0], np.float32)
    deviation = values.std()
    found = tails(values, np.asarray([0.0, 1.0], np.float32))
    # Two rows each, at 3 and 1 below, at 0 and 3 above, and a deviation as of a row more.
    np.testing.assert_allclose(found, [(4 + deviation) / 3, (3 + deviation) / 3], rtol=1e-6)
    nothing = tails(np.zeros(10_000, np.float32), np.zeros(1, np.float32))
    np.testing.assert_allclose(nothing, [1.0, forest_ar.NARROWEST], rtol=1e-3)


def test_thresholds_are_rounded_down() -> None:
    threshold = np.asarray([0.1, 0.3, -0.1, 2.0])
    near = rounded_down(threshold)
    assert near.dtype == np.float32
    assert (near <= threshold).all()
    assert (np.nextafter(near, np.float32(9)) > threshold).all()


def test_what_it_cannot_model_is_refused_by_one_line() -> None:
    with pytest.raises(NotApplicable, match="784 columns; at most 128 fit"):
        ForestAR(DataSpec((784,)), width=64)
    for width in (1, 2**14 + 1):
        with pytest.raises(BenchError, match=rf"model\.width={width}"):
            ForestAR(DataSpec((2,)), width=width)
    with pytest.raises(Diverged, match="not all finite"):
        fitted(torch.full((10, 2), math.nan))
