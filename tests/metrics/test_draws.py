import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from bench.config import Eval
from bench.data.dataset import Dataset
from bench.data.spaces import DequantisedLogit
from bench.metrics.ais import Annealing
from bench.metrics.draws import OverDraws, chunks_of, likelihood_over_draws
from bench.metrics.likelihood import estimate
from bench.models.entry import LogProb
from bench.seeds import stream_seed
from bench.spec import DataSpec

LEVELS = 5
ROWS = torch.tensor([[0, 1], [2, 2], [4, 0], [3, 4]], dtype=torch.uint8)
SPACE = DequantisedLogit(LEVELS, 0.05, torch.tensor([0.3, -0.2]), torch.tensor([1.5, 0.8]))
SCALE = 1.3


class Gaussian(nn.Module):
    """N(0, SCALE²) in each coordinate of model space; it keeps what it is asked."""

    error: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Tensor] = []

    def log_prob(self, x: Tensor, context: None = None) -> LogProb:
        self.asked.append(x.clone())
        value = Normal(0, SCALE).log_prob(x).sum(1)
        return LogProb(value, "own", False, None if self.error is None else torch.full_like(value, self.error))


class Latent(nn.Module):
    """z ~ N(0, I), x | z ~ N(z, (SCALE² - 1) I): the same density by importance weights; too wide a posterior."""

    def log_weights(self, x: Tensor, samples: int, context: None = None) -> Tensor:
        prior, noise = Normal(0, 1), Normal(0, math.sqrt(SCALE**2 - 1))
        proposal = Normal(x / SCALE**2, 0.9)
        z = proposal.sample((samples,))
        return (prior.log_prob(z) + noise.log_prob(x - z) - proposal.log_prob(z)).sum(-1)


class Decoder(nn.Module):
    """A decoder without importance weights, which annealing alone measures."""

    def prior_sample(self, n: int) -> Tensor:
        return torch.randn(n, 1)

    def log_prior(self, z: Tensor) -> Tensor:
        return Normal(0, 1).log_prob(z).sum(-1)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return Normal(0, 1).log_prob(x - z).sum(-1)


def levels(copies: int = 1) -> Dataset:
    rows = ROWS.repeat(copies, 1)
    return Dataset("made", DataSpec((2,), "discrete", LEVELS), SPACE, rows, rows, rows)


def log_masses() -> Tensor:
    """log P of `ROWS`, exactly: the map to model space is monotone, so a cell's mass is a difference of two Φ."""

    def edge(y: Tensor) -> Tensor:
        s = SPACE.alpha + (1 - 2 * SPACE.alpha) * y.double() / LEVELS
        x = (torch.logit(s) - SPACE.shift) / SPACE.scale
        # The space ends at alpha and 1 - alpha; what the Gaussian has beyond is no level's.
        return Normal(0, SCALE).cdf(x)

    return (edge(ROWS + 1.0) - edge(ROWS + 0.0)).log().sum(1)


def over(entry: nn.Module, data: Dataset, draws: int, annealing: Annealing | None = None, **options: int) -> OverDraws:
    settings = replace(Eval(dequantisation_draws=draws, batch_rows=100_000), **options)
    x = data.fixed(data.test, stream_seed(settings.seed, "test"))
    with torch.no_grad():
        found = likelihood_over_draws(entry, data, x, settings, annealing, lambda: None)
    assert found is not None
    return found


def by_row(values: Tensor) -> Tensor:
    """`(copies, rows)` of examples that repeat `ROWS`."""
    return values.reshape(-1, len(ROWS))


def test_the_mean_over_draws_is_that_of_evaluations_of_one_draw_each() -> None:
    data, entry = levels(10), Gaussian()
    found = over(entry, data, 5)
    each = []
    for number in range(5):
        seed = stream_seed(Eval.seed, "test", number) if number else stream_seed(Eval.seed, "test")
        x = data.fixed(data.test, seed)
        assert torch.equal(entry.asked[number], x)
        each.append(entry.log_prob(x).value.double() + SPACE.log_det(x).double())
    torch.testing.assert_close(found.mean.log_prob, torch.stack(each).mean(0), rtol=1e-12, atol=0)
    assert (found.draws, found.mean.estimator, found.estimators) == (5, "own", "5 draws: own")


@pytest.mark.parametrize("kind", [Gaussian, Latent])
@pytest.mark.parametrize(("rows", "samples", "draws"), [(100_000, 50, 3), (7, 50, 3), (30, 7, 1), (3, 2, 2)])
def test_chunks_are_counted_beforehand(kind: type[nn.Module], rows: int, samples: int, draws: int) -> None:
    data, entry, ticks = levels(5), kind(), []
    settings = Eval(dequantisation_draws=draws, batch_rows=rows, importance_samples=samples)
    x = data.fixed(data.test, stream_seed(settings.seed, "test"))
    with torch.no_grad():
        likelihood_over_draws(entry, data, x, settings, None, lambda: ticks.append(1))
    assert chunks_of(entry, len(x), draws, settings) == len(ticks) > 0  # type: ignore[arg-type]
    for estimator in ("ais", "refined"):
        assert chunks_of(entry, len(x), draws, replace(settings, estimator=estimator)) is None  # type: ignore[arg-type]


def test_every_entry_meets_the_same_noise() -> None:
    first, second = Gaussian(), Gaussian()
    torch.manual_seed(1)
    over(first, levels(), 3)
    torch.manual_seed(2)
    over(second, levels(), 3)
    assert all(map(torch.equal, first.asked, second.asked))
    assert len({float(x.sum()) for x in first.asked}) == 3


def test_the_log_mean_bounds_the_probability_of_levels_and_comes_to_it() -> None:
    """Over 1,000 copies of each row, whose noise is independent: gaps beyond four standard errors above 0, and less
    with more draws. With M draws the gap is about var(p) / (2 M mean(p)²), here below 2 / M."""
    truth, gaps = log_masses(), []
    for draws in (1, 4, 16, 256):
        log_mean = over(Gaussian(), levels(1000), draws).log_mean
        assert log_mean is not None
        each = by_row(log_mean)
        gap, error = truth - each.mean(0), each.std(0) / math.sqrt(len(each))
        assert bool((gap > -4 * error).all())
        assert float(gap.max()) < 2 / draws
        gaps.append(float(gap.mean()))
    assert gaps == sorted(gaps, reverse=True)
    assert abs(gaps[-1]) < 0.005


def test_the_log_mean_of_importance_weights_bounds_it_too() -> None:
    """16 draws of 100 and then 10 weights, of the same density as `Gaussian`."""
    truth = log_masses()
    found = over(Latent(), levels(1000), 16, importance_samples=100)
    assert found.log_mean is not None
    each = by_row(found.log_mean)
    gap, error = truth - each.mean(0), each.std(0) / math.sqrt(len(each))
    assert bool((gap > -4 * error).all())
    assert float(gap.max()) < 0.2
    assert found.estimators == "16 draws: iwae-100, then iwae-10"


def test_a_moved_bound_has_the_mean_of_the_bound_and_less_noise() -> None:
    """2,000 copies of each row against IWAE-20 at fresh noise: equal within four standard errors of the difference."""
    data = levels(2000)
    found = over(Latent(), data, 8, importance_samples=20)
    x = data.fixed(data.test, 123)
    plain = estimate(Latent(), x, importance_samples=20, batch_rows=100_000)
    assert plain is not None
    assert plain.elbo is not None
    assert found.mean.elbo is not None
    for ours, theirs in ((found.mean.log_prob, plain.log_prob), (found.mean.elbo, plain.elbo)):
        one, other = by_row(ours), by_row(theirs.double() + SPACE.log_det(x))
        error = ((one.var(0) + other.var(0)) / len(one)).sqrt()
        assert bool(((one.mean(0) - other.mean(0)).abs() < 4 * error).all())
        # Weights' own noise stays; where the density is flat over a cell there is no other.
        assert float(one.var(0).sum()) < float(other.var(0).sum()) / 2
    assert found.mean.estimator == "iwae-20"
    assert found.mean.k_curve[-1] == (20, pytest.approx(float(found.mean.log_prob.mean()), rel=1e-6))
    assert found.mean.k_curve[0] == (1, pytest.approx(float(found.mean.elbo.mean()), rel=1e-6))


def test_draws_after_the_first_leave_torchs_random_numbers_as_they_were() -> None:
    states = []
    for draws in (1, 8):
        torch.manual_seed(0)
        over(Latent(), levels(), draws, importance_samples=20)
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_noise_falls_with_the_number_of_draws() -> None:
    """Variances of 60 means of one draw and of 60 of eight: their ratio is 8 times one of F(59, 59), which lies
    outside 0.4 to 2.5 once in two thousand times."""
    data, variances = levels(5), []
    for draws in (1, 8):
        means = [float(over(Gaussian(), data, draws, seed=seed).mean.log_prob.mean()) for seed in range(60)]
        variances.append(torch.tensor(means).double().var())
    assert 0.4 < float(variances[0] / variances[1]) / 8 < 2.5


@pytest.mark.parametrize(("error", "known"), [(None, True), (0.3, False)])
def test_the_exponential_of_a_random_trace_is_no_density(error: float | None, known: bool) -> None:
    entry = Gaussian()
    entry.error = error
    found = over(entry, levels(), 4)
    assert (found.log_mean is not None) == known
    if error is not None:
        # Four independent draws of the same error.
        torch.testing.assert_close(found.mean.standard_error, torch.full((4,), error / 2, dtype=torch.float64))


def test_the_error_of_a_random_trace_is_what_draws_leave_of_it() -> None:
    """Each draw of the noise has a trace of its own: its error falls as the root of their number, and is said so."""

    class Random(Gaussian):
        def log_prob(self, x: Tensor, context: None = None) -> LogProb:
            exact = super().log_prob(x)
            return exact._replace(value=exact.value + 0.5 * torch.randn(len(x)))

    random, exact = Random(), Gaussian()
    random.error = 0.5
    rows = levels(500)
    gap = over(random, rows, 8).mean.log_prob - over(exact, rows, 8).mean.log_prob
    said = over(random, rows, 8).mean.standard_error
    assert said is not None
    # Of 2,000 errors the spread is known to 1.6 %.
    assert float(gap.std()) == pytest.approx(0.5 / 8**0.5, rel=0.08) == pytest.approx(float(said.mean()), rel=0.08)


def test_a_decoder_that_is_annealed_and_has_no_weights_has_one_draw() -> None:
    found = over(Decoder(), levels(), 8, Annealing(2, 3))
    assert (found.draws, found.mean.estimator, found.estimators) == (1, "ais-2x3", "ais-2x3")


def test_data_without_noise_on_levels_have_one_draw() -> None:
    entry = Gaussian()
    flat = replace(levels(), spec=DataSpec((2,), "binary"))
    assert over(entry, flat, 8).draws == 1
    assert len(entry.asked) == 1
