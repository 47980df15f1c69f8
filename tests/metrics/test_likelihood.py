"""A linear Gaussian latent model, whose evidence, ELBO and posterior are known, is the truth of these tests."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from bench.errors import BenchError, Diverged, NotApplicable
from bench.metrics.ais import PILOTS, Annealing
from bench.metrics.likelihood import check_estimator, curve_sizes, estimate, mean_and_error
from bench.models.ae_expost import AEExPost
from bench.models.entry import Entry, LogProb
from bench.models.gmvae import GMVAE
from bench.models.svae import SVAE
from bench.models.vae_flowprior import FlowPriorVAE
from bench.models.vae_latent import VAELatent
from bench.models.vampprior import VampPrior
from bench.spec import DataSpec

Q_SCALE = 0.9


class LinearGaussian(nn.Module):
    """z ~ N(0, 1), x | z ~ N(z, 1), hence x ~ N(0, 2) and z | x ~ N(x / 2, 1/2); q is wider than that posterior."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, int]] = []

    def log_weights(self, x: Tensor, samples: int, context: None = None) -> Tensor:
        self.calls.append((samples, len(x)))
        x = x[:, 0]
        q = Normal(x / 2, Q_SCALE)
        z = q.sample((samples,))
        return Normal(0, 1).log_prob(z) + Normal(z, 1).log_prob(x) - q.log_prob(z)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        self.calls.append((len(z), len(x)))
        return Normal(z[..., 0], 1).log_prob(x[:, 0])

    def log_prior(self, z: Tensor) -> Tensor:
        return Normal(0, 1).log_prob(z[..., 0])

    def prior_sample(self, n: int) -> Tensor:
        return torch.randn(n, 1)

    @staticmethod
    def evidence(x: Tensor) -> Tensor:
        return Normal(0, math.sqrt(2)).log_prob(x[:, 0]).double()

    @staticmethod
    def gap() -> float:
        """KL(q || posterior) = log p - ELBO, the same for every x."""
        ratio = Q_SCALE**2 / 0.5
        return 0.5 * (ratio - 1 - math.log(ratio))


class FixedWeights(nn.Module):
    """Hands out the columns of a table of weights; an example is the number of its column."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def log_weights(self, x: Tensor, samples: int, context: None = None) -> Tensor:
        return self.table[:samples, x[:, 0].long()]


class WithLogProb(nn.Module):
    """A density of any shape of event through `function`; its parts train in different modes."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.frozen, self.dropout = nn.Identity().eval(), nn.Dropout(0.5)

    def log_prob(self, x: Tensor, context: None = None) -> LogProb:
        assert not self.dropout.training
        return LogProb(self.function(self.dropout(x)), "exact", is_bound=False)


def standard_normal(x: Tensor) -> Tensor:
    return Normal(0, 1).log_prob(x).flatten(1).sum(1)


def columns(n: int) -> Tensor:
    return torch.arange(n)[:, None].float()


def test_importance_sampling_meets_the_evidence_within_its_own_standard_error() -> None:
    x = math.sqrt(2) * torch.randn(500, 1)
    entry = LinearGaussian()
    found = estimate(entry, x, importance_samples=1000, batch_rows=20_000)
    assert found is not None
    assert found.standard_error is not None
    assert (found.estimator, found.is_bound) == ("iwae-1000", True)
    z = (found.log_prob - entry.evidence(x)) / found.standard_error
    # 500 z-scores: their mean has sd 0.045 and their sd has sd 0.03; four of each
    assert abs(z.mean()) < 0.18
    assert abs(z.std() - 1) < 0.13


def test_annealed_chains_meet_the_evidence_and_no_call_holds_more_rows_than_it_may() -> None:
    x = math.sqrt(2) * torch.randn(100, 1)
    entry = LinearGaussian()
    rows = 30 * (PILOTS + 8)
    found = estimate(entry, x, importance_samples=10, batch_rows=rows, annealing=Annealing(8, 40))
    assert found is not None
    assert (found.estimator, found.is_bound, found.weights) == ("ais-8x40", True, 8)
    assert (found.elbo, found.k_curve) == (None, [])
    assert found.effective is not None
    assert bool(((found.effective > 1) & (found.effective <= 8 + 1e-9)).all())
    # Log weights have an sd of 0.3: the bias is 0.006 nats, and the mean of 800 chains errs by 0.01.
    assert abs((found.log_prob - entry.evidence(x)).mean()) < 0.05
    assert {count * batch for count, batch in entry.calls} == {rows, 10 * (PILOTS + 8)}
    assert found.doubling is not None
    assert abs(found.doubling) < 0.05
    # Nothing draws x given z here.
    assert found.gap is None


def test_annealing_is_only_for_decoders() -> None:
    found = estimate(WithLogProb(standard_normal), torch.randn(3, 2), importance_samples=1, batch_rows=10)
    asked = estimate(
        WithLogProb(standard_normal), torch.zeros(3, 2), importance_samples=1, batch_rows=10, annealing=Annealing(2, 3)
    )
    assert found is not None
    assert asked is not None
    assert found.estimator == asked.estimator == "exact"
    assert (found.weights, found.effective) == (None, None)


def test_an_estimator_that_the_entry_has_nothing_for_is_not_applicable() -> None:
    for estimator in ("auto", "iwae", "ais"):
        check_estimator(LinearGaussian(), estimator)
    for estimator in ("auto", "refined"):
        check_estimator(WithLogProb(standard_normal), estimator)
    with pytest.raises(NotApplicable, match=r"WithLogProb has no importance weights for eval\.estimator=iwae"):
        check_estimator(WithLogProb(standard_normal), "iwae")
    with pytest.raises(NotApplicable, match=r"FixedWeights has no decoder density for eval\.estimator=ais"):
        check_estimator(FixedWeights(torch.zeros(1, 1)), "ais")


COVERED: list[tuple[type[Entry], dict[str, Any]]] = [
    *((VAELatent, {"law": law}) for law in ("laplace", "logistic", "student_t", "gumbel")),
    *((AEExPost, {"density": density}) for density in ("gaussian", "mixture", "kde", "flow")),
    (GMVAE, {}),
    (VampPrior, {}),
    (FlowPriorVAE, {}),
]
UNCOVERED: list[tuple[type[Entry], dict[str, Any]]] = [
    *((VAELatent, {"law": law}) for law in ("uniform", "gamma", "dirichlet")),
    (VAELatent, {"law": "uniform", "latent_size": 1}),
    (SVAE, {}),
]


@pytest.mark.parametrize(("cls", "options"), COVERED)
def test_a_prior_on_all_of_the_latents_can_be_annealed_from(cls: type[Entry], options: dict[str, Any]) -> None:
    check_estimator(cls(DataSpec((4,)), width=80, **options), "ais")


@pytest.mark.parametrize(("cls", "options"), UNCOVERED)
def test_a_prior_that_is_zero_in_places_is_not_annealed_from(cls: type[Entry], options: dict[str, Any]) -> None:
    entry = cls(DataSpec((4,)), width=80, **options)
    for estimator in ("auto", "iwae"):
        check_estimator(entry, estimator)
    with pytest.raises(NotApplicable, match=r"eval\.estimator=ais get stuck; use eval\.estimator=iwae"):
        check_estimator(entry, "ais")


def test_effective_samples_of_each_example_are_counted() -> None:
    table = torch.zeros(20, 3)
    table[1:, 1], table[10:, 2] = -100.0, -100.0
    found = estimate(FixedWeights(table), columns(3), importance_samples=20, batch_rows=40)
    assert found is not None
    assert found.weights == 20
    torch.testing.assert_close(found.effective, torch.tensor([20.0, 1.0, 10.0], dtype=torch.float64))


def test_the_elbo_lies_below_the_evidence_by_the_kl_divergence() -> None:
    x = math.sqrt(2) * torch.randn(200, 1)
    found = estimate(LinearGaussian(), x, importance_samples=1000, batch_rows=20_000)
    assert found is not None
    assert found.elbo is not None
    gap = LinearGaussian.evidence(x) - found.elbo
    # log w has sd of about 0.5, so the mean of 200,000 of them has sd 0.0011
    assert gap.mean() == pytest.approx(LinearGaussian.gap(), abs=0.0045)


def test_the_curve_averages_disjoint_groups_of_the_same_weights() -> None:
    table = torch.randn(25, 7, dtype=torch.float64) * 3
    found = estimate(FixedWeights(table), columns(7), importance_samples=25, batch_rows=50)
    assert found is not None
    expected = []
    for k in (1, 2, 5, 10, 20, 25):
        groups = [table[start : start + k].exp().mean(0).log() for start in range(0, 25 - k + 1, k)]
        expected.append((k, torch.stack(groups).mean().item()))
    assert [k for k, _ in found.k_curve] == [k for k, _ in expected]
    # both in float64
    assert [value for _, value in found.k_curve] == pytest.approx([value for _, value in expected], rel=1e-12)


def test_the_curve_begins_at_the_elbo_and_ends_at_the_bound() -> None:
    found = estimate(LinearGaussian(), torch.randn(50, 1), importance_samples=16, batch_rows=100)
    assert found is not None
    assert found.elbo is not None
    # float64 sums in another order
    assert found.k_curve[0][1] == pytest.approx(found.elbo.mean().item(), rel=1e-12)
    assert found.k_curve[-1] == (16, pytest.approx(found.log_prob.mean().item(), rel=1e-12))


@pytest.mark.parametrize(("samples", "batch_rows"), [(10, 100), (10, 7), (1000, 300), (3, 1)])
def test_a_call_holds_no_more_than_it_may_and_all_weights_are_drawn(samples: int, batch_rows: int) -> None:
    entry = LinearGaussian()
    found = estimate(entry, torch.randn(23, 1), importance_samples=samples, batch_rows=batch_rows)
    assert found is not None
    assert max(count * batch for count, batch in entry.calls) <= batch_rows
    assert sum(count * batch for count, batch in entry.calls) == samples * 23
    assert len(found.log_prob) == 23


@pytest.mark.filterwarnings("ignore:std():UserWarning")
def test_one_weight_has_no_standard_error() -> None:
    found = estimate(LinearGaussian(), torch.randn(4, 1), importance_samples=1, batch_rows=10)
    assert found is not None
    assert found.standard_error is None
    assert found.k_curve == [(1, pytest.approx(found.log_prob.mean().item()))]


def test_a_density_is_the_entrys_own_whatever_the_chunks() -> None:
    x = torch.randn(11, 2, 3)
    found = estimate(WithLogProb(standard_normal), x, importance_samples=5, batch_rows=25)
    assert found is not None
    torch.testing.assert_close(found.log_prob, standard_normal(x))
    assert (found.estimator, found.is_bound, found.standard_error) == ("exact", False, None)
    assert (found.elbo, found.k_curve) == (None, [])


def test_every_submodule_gets_its_mode_back_even_after_an_error() -> None:
    def fails(x: Tensor) -> Tensor:
        raise RuntimeError("inside")

    for function in (standard_normal, fails):
        entry = WithLogProb(function).train()
        entry.frozen.eval()
        try:
            estimate(entry, torch.randn(3, 2), importance_samples=1, batch_rows=10)
        except RuntimeError:
            assert function is fails
        assert (entry.training, entry.dropout.training, entry.frozen.training) == (True, True, False)


def test_an_entry_may_differentiate_inside_its_density() -> None:
    def through_its_gradient(x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(x.square().sum() / 2, x)
        return slope.sum(1)

    x = torch.randn(5, 2)
    found = estimate(WithLogProb(through_its_gradient), x, importance_samples=1, batch_rows=4)
    assert found is not None
    torch.testing.assert_close(found.log_prob, x.sum(1))


def test_an_entry_without_a_likelihood_has_none() -> None:
    assert estimate(nn.Identity(), torch.randn(3, 2), importance_samples=1, batch_rows=10) is None


def divergent() -> Iterator[tuple[nn.Module, str]]:
    nan, inf = math.nan, math.inf
    values = {"1, -inf for 0": [nan, 0], "1, -inf for 1": [inf, -inf], "0, -inf for 2": [-inf, -inf]}
    for message, rows in values.items():
        yield WithLogProb(lambda x, rows=rows: torch.tensor(rows)), f"log-likelihood of 2 examples.* for {message}"
        yield FixedWeights(torch.tensor([rows, rows, rows])), f"log-likelihood of 2 examples.* for {message}"
    yield FixedWeights(torch.tensor([[-inf, 0], [0, 0]])), "ELBO of 2 examples.* for 0, -inf for 1"


@pytest.mark.parametrize(("entry", "message"), list(divergent()))
def test_a_likelihood_that_is_not_finite_is_a_divergence(entry: nn.Module, message: str) -> None:
    with pytest.raises(Diverged, match=message):
        estimate(entry, columns(2), importance_samples=2, batch_rows=100)


def test_a_wrong_shape_is_named() -> None:
    x = torch.randn(5, 2)
    with pytest.raises(BenchError, match=r"FixedWeights.log_weights returned shape \(3, 5\), expected \(4, 5\)"):
        estimate(FixedWeights(torch.zeros(3, 5)), columns(5), importance_samples=4, batch_rows=100)
    with pytest.raises(BenchError, match=r"WithLogProb.log_prob returned shape \(1,\), expected \(5,\)"):
        estimate(WithLogProb(lambda x: x.sum()[None]), x, importance_samples=1, batch_rows=100)


def test_curve_sizes_climb_by_one_two_five() -> None:
    assert curve_sizes(1) == [1]
    assert curve_sizes(16) == [1, 2, 5, 10, 16]
    assert curve_sizes(1000) == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def test_mean_and_error() -> None:
    mean, error = mean_and_error(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert mean == 3
    # sum of squares 14 over 3, over 4
    assert error == pytest.approx(math.sqrt(14 / 3 / 4))
    assert mean_and_error(torch.tensor([2.0])) == (2.0, None)
