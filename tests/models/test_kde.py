import math

import pytest
import torch
from scipy import stats

from bench.errors import BenchError, Diverged
from bench.models import kde
from bench.models.gaussian import packed
from bench.models.kde import KDE, bandwidth, copies, left_out
from bench.models.parts.latent_density import shrunk_moments, whitened
from bench.spec import DataSpec

CENTRES = torch.tensor([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])


def clusters(n: int) -> torch.Tensor:
    """Three round clusters of deviation 0.5, six deviations of theirs apart at least."""
    return CENTRES[torch.arange(n) % 3] + 0.5 * torch.randn(n, 2)


def fitted(x: torch.Tensor, width: int = 1000, seed: int = 0) -> KDE:
    entry = KDE(DataSpec(tuple(x.shape[1:]), examples=len(x)), width=width)
    torch.manual_seed(seed)
    entry.finish(x)
    return entry.eval()


def whitened_rows(x: torch.Tensor) -> torch.Tensor:
    return whitened(x, *shrunk_moments(x))


def brute_force(z: torch.Tensor, h: float) -> float:
    """The mean of log 1 / (n - 1) Σⱼ N(zᵢ; zⱼ, h²), row by row."""
    n, d = z.shape
    terms = []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        logs = [-0.5 * float((z[i] - z[j]).square().sum()) / h**2 for j in others]
        terms.append(math.log(sum(map(math.exp, logs)) / len(others)) - d * math.log(h * math.sqrt(2 * math.pi)))
    return sum(terms) / n


def test_log_density_is_scipys_at_the_same_bandwidth() -> None:
    """scipy's kernel is the sample's covariance times a factor squared: set so, densities agree."""
    x, new = torch.randn(60, 3).double() @ torch.randn(3, 3).double(), torch.randn(40, 3).double()
    theirs = stats.gaussian_kde(x.T.numpy(), bw_method=0.37)
    entry = KDE(DataSpec((3,), examples=60), width=100).double()
    with torch.no_grad():
        entry.centres.copy_(x)
        entry.log_shares.fill_(-math.log(60))
        entry.rows.copy_(packed(torch.linalg.cholesky(torch.from_numpy(theirs.covariance))))
    expected = torch.from_numpy(theirs.logpdf(new.T.numpy()))
    torch.testing.assert_close(entry.log_prob(new).value, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(entry.loss(new), -expected, rtol=1e-6, atol=1e-6)


def test_pieces_of_a_batch_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, x = fitted(clusters(300)), clusters(50)
    whole = entry.log_prob(x).value
    monkeypatch.setattr(kde, "PAIRS", 700)
    torch.testing.assert_close(entry.log_prob(x).value, whole)


def test_left_out_is_brute_force_on_fifty_rows() -> None:
    z = whitened_rows(clusters(50))
    tried = torch.tensor([0.05, 0.1, 0.3, 1.0]).double()
    expected = torch.tensor([brute_force(z, h) for h in tried.tolist()]).double()
    # Exponents are in float32.
    torch.testing.assert_close(left_out(z, copies(z), tried), expected, rtol=1e-5, atol=1e-5)


def test_the_bandwidth_is_the_best_of_brute_force() -> None:
    z = whitened_rows(clusters(50))
    found = bandwidth(z, copies(z))
    fine = {h: brute_force(z, h) for h in (found * 1.01 ** torch.arange(-10, 11)).tolist()}
    # The last grid has steps of 2 %.
    assert 1 / 1.025 < max(fine, key=lambda h: fine[h]) / found < 1.025


def test_the_bandwidth_is_that_of_the_literature_on_a_gaussian() -> None:
    z = torch.randn(2000, 2).double()
    # The one that is best in mean square for a Gaussian is n^(-1/6) in the plane (Silverman 1986, table 4.1).
    assert bandwidth(z, copies(z)) == pytest.approx(2000 ** (-1 / 6), rel=0.35)


def test_copies_do_not_push_the_bandwidth_to_its_bound() -> None:
    z = whitened_rows(clusters(300))
    twice = torch.cat([z, z])
    alone, tied = bandwidth(z, copies(z)), bandwidth(twice, copies(twice))
    naive = bandwidth(twice, torch.arange(len(twice)))
    assert tied == pytest.approx(alone, rel=0.05)
    # Its bound, to the last digit: without its copies' group a row asks for ever narrower kernels.
    assert naive == pytest.approx(kde.SMALLEST * len(twice) ** (-1 / 6))


def test_rows_that_are_nearly_copies_meet_the_bound() -> None:
    z = whitened_rows(clusters(300))
    twice = torch.cat([z, z + 1e-9 * torch.randn_like(z)])
    assert bandwidth(twice, copies(twice)) == pytest.approx(kde.SMALLEST * len(twice) ** (-1 / 6))


def test_the_nll_of_new_examples_is_near_the_entropy() -> None:
    entry, new = fitted(clusters(3000), 3000), clusters(3000)
    truth = math.log(3) + 1 + math.log(2 * math.pi * 0.25)
    with torch.no_grad():
        # 3,000 draws are known to ± 0.02; kernels widen a cluster of 1,000 rows by a tenth.
        assert float(entry.loss(new).mean()) == pytest.approx(truth, abs=0.1)


def test_samples_are_rows_with_the_kernels_noise() -> None:
    x = clusters(900)
    entry = fitted(x)
    drawn = entry.sample(20_000)
    triangle = entry.law.triangle.detach().float()
    covariance = torch.cov(x.T, correction=0) + triangle @ triangle.T
    torch.testing.assert_close(drawn.mean(0), x.mean(0), rtol=0, atol=5 * 4 / 20_000**0.5)
    torch.testing.assert_close(torch.cov(drawn.T), covariance, rtol=0, atol=5 * 16 / 20_000**0.5)


def test_the_density_integrates_to_one() -> None:
    entry = fitted(clusters(300))
    axis = torch.linspace(-12, 12, 301)
    with torch.no_grad():
        mass = entry.log_prob(torch.cartesian_prod(axis, axis)).value.exp().sum() * 0.08**2
    assert float(mass) == pytest.approx(1, abs=1e-3)


def test_rows_above_the_width_are_drawn_by_the_seed() -> None:
    x = torch.arange(100.0)[:, None] + torch.rand(100, 1)
    first, again, other = fitted(x, 10), fitted(x, 10), fitted(x, 10, seed=1)
    assert torch.equal(first.centres, again.centres)
    assert not torch.equal(first.centres, other.centres)
    assert {*first.centres.flatten().tolist()} < {*x.flatten().tolist()}
    assert first.centres.max() > 20  # not the first ten


def test_fewer_rows_than_places_leave_the_others_without_weight() -> None:
    entry = KDE(DataSpec((2,)), width=64)
    x = clusters(30)
    torch.manual_seed(0)
    entry.finish(x)
    assert int(entry.log_shares.isfinite().sum()) == 30
    torch.testing.assert_close(entry.log_prob(x).value, fitted(x).log_prob(x).value)
    fresh = KDE(DataSpec((2,)), width=64)
    fresh.load_state_dict(entry.state_dict())
    assert torch.equal(fresh.log_prob(x).value, entry.log_prob(x).value)


def test_what_is_stored_counts_as_parameters() -> None:
    for width, rows in ((50, 50), (200, 120)):
        entry = KDE(DataSpec((5,), examples=120), width=width)
        assert sum(p.numel() for p in entry.parameters()) == rows * 5 + 15


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(BenchError, match=r"model\.width=1 is too few kernels"):
        KDE(DataSpec((2,)), width=1)
    with pytest.raises(Diverged, match="mean variance"):
        fitted(torch.ones(10, 2))
    with pytest.raises(Diverged, match="all the same"):
        bandwidth(torch.ones(5, 2), torch.zeros(5, dtype=torch.long))
