import math
from typing import Any

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError, NotApplicable
from bench.models.m2 import M2
from bench.models.parts.importance import iwae
from bench.spec import DataSpec
from tests.models.helpers import example, perturbed

CONTINUOUS = DataSpec((4,), context_size=3, classes=3)
BINARY = DataSpec((2, 3), "binary", context_size=3, classes=3)
ONE_HOT = torch.eye(3)


def m2(data: DataSpec = CONTINUOUS, latent_size: int = 2, **options: Any) -> M2:
    return perturbed(M2(data, width=60, latent_size=latent_size, **options))


@pytest.mark.parametrize("data", [CONTINUOUS, BINARY], ids=["gaussian", "bernoulli"])
def test_losses_are_the_bounds_of_the_paper(data: DataSpec) -> None:
    """Analytic divergences and the sum over classes against Monte Carlo means of log weights, class by class."""
    model, x, draws = m2(data, alpha=7.0), example(data, 1), 20_000
    many = x.expand(draws, *data.event_shape)
    with torch.no_grad():
        q = model.classify(x)[0]
        weights = [model.log_weights(x, draws, ONE_HOT[y : y + 1])[:, 0] for y in range(3)]
        bounds = torch.stack([w.mean() - math.log(3) for w in weights])
        variance = sum((w.var() for w in weights), torch.tensor(0.0))
        unlabelled, labelled = model.loss(many), model.loss(many, ONE_HOT[1].expand(draws, 3))
        whole = model.log_weights(x, draws)[:, 0]
    assert (unlabelled.mean() + whole.mean()).abs() < 5 * ((unlabelled.var() + whole.var()) / draws).sqrt()
    expected = -(q * (bounds - q.log())).sum(), -bounds[1] - 7 * q[1].log()
    for loss, value in zip((unlabelled, labelled), expected, strict=True):
        # The mean of a loss and those of three weights: their variances at most add up.
        assert (loss.mean() - value).abs() < 5 * ((loss.var() + variance) / draws).sqrt()


def test_the_weight_of_a_label_is_that_of_the_mean_over_labelled_examples() -> None:
    """Three of six rows show their label: each counts twice, so that the batch's mean has α times their mean."""
    x, context = example(CONTINUOUS, 6), torch.zeros(6, 3)
    context[:3] = ONE_HOT
    model, losses = m2(), {}
    for model.alpha in (0.0, 5.0):
        torch.manual_seed(0)
        losses[model.alpha] = model.loss(x, context).mean()
    log_q = model.classify(x[:3]).diagonal().log()
    # a difference of numbers of some hundred nats, in float32
    torch.testing.assert_close(losses[5.0] - losses[0.0], -5 * log_q.mean(), rtol=0, atol=1e-3)


def test_a_row_of_zeros_is_no_label() -> None:
    model, x = m2(), example(CONTINUOUS, 6)
    context = torch.zeros(6, 3)
    context[:3] = ONE_HOT
    losses = []
    for labels in (None, torch.zeros(6, 3), context):
        torch.manual_seed(0)
        losses.append(model.loss(x, labels))
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(losses[0][3:], losses[2][3:])
    assert not torch.isclose(losses[0][:3], losses[2][:3]).any()


def test_log_weights_average_to_the_density_by_quadrature() -> None:
    """p(x) = Σ_y 1/3 ∫ p(x | y, z) p(z) dz on a grid, and one class alone where a label says so."""
    model = perturbed(M2(CONTINUOUS, width=60, latent_size=1), 0.1)
    with torch.no_grad():
        # Scales near 1, the posterior's above: the weights then have a variance.
        model.encoder.scale_head.linear.bias += 2.7
        model.decoder.scale_head.linear.bias += 2.0
        x, z = example(CONTINUOUS, 20), torch.linspace(-8, 8, 2001)
        rows = z[:, None].expand(2001, 60)[..., None]
        prior = torch.distributions.Normal(0, 1).log_prob(z)[:, None, None]
        by_class = torch.logsumexp(model.fit(x, rows) + prior, 0) + math.log(16 / 2000)
        marginal = torch.logsumexp(by_class, 0) - math.log(3)
        second = ONE_HOT[1].expand(20, 3)
        for context, truth in ((None, marginal), (second, by_class[1])):
            result = iwae(model.log_weights(x, 4000, context))
            assert result.standard_error is not None
            # Twenty nearly standard normal errors.
            assert ((result.value - truth) / result.standard_error).abs().max() < 4.5


def test_samples_are_of_the_class_that_is_asked_for() -> None:
    model, n = m2(), 30_000
    with torch.no_grad():
        classes = [model.sample(n, ONE_HOT[y].expand(n, 3)) for y in range(3)]
        plain = model.sample(n)
        means = []
        for y in range(3):
            z = torch.cat([torch.randn(n, 2), model.codes[y].expand(n, 2)], 1)
            means.append(model.decoder.mean(z).mean(0))
    deviation = torch.cat(classes).std(0)
    # Two Monte Carlo means each: 6 of their standard errors.
    allowed = 6 * deviation * math.sqrt(2 / n)
    for drawn, mean in zip(classes, means, strict=True):
        assert ((drawn.mean(0) - mean).abs() < allowed).all()
    assert ((plain.mean(0) - torch.stack(means).mean(0)).abs() < allowed).all()
    assert (means[0] - means[1]).abs().max() > 0.2
    unlabelled = torch.zeros(5, 3)
    torch.manual_seed(0)
    first = model.sample(5)
    torch.manual_seed(0)
    assert torch.equal(first, model.sample(5, unlabelled))


def test_encodings_hold_the_class_and_labels_overrule_it() -> None:
    model, x = m2(), example(CONTINUOUS, 4)
    with torch.no_grad():
        torch.testing.assert_close(model.encode(x)[:, 2:], model.classify(x) @ model.codes)
        known = model.encode(x, ONE_HOT[2].expand(4, 3))
        torch.testing.assert_close(known[:, 2:], model.codes[2].expand(4, 2))
        torch.testing.assert_close(known[:, :2], model.encoder(x).mean.view(3, 4, 2)[2])
        assert model.decode(known).shape == x.shape


def test_codes_of_a_uniform_class_have_mean_0_and_covariance_1() -> None:
    codes = m2().codes
    torch.testing.assert_close(codes.mean(0), torch.zeros(2), rtol=0, atol=1e-6)
    torch.testing.assert_close(codes.T @ codes / 3, torch.eye(2), rtol=0, atol=1e-6)
    torch.testing.assert_close(codes @ codes.T + 1, 3 * torch.eye(3), rtol=0, atol=1e-6)


def test_draws_of_the_posterior_and_the_prior_are_of_all_classes() -> None:
    """The shares of codes among draws against q(y | x) and 1/3; points off the codes are impossible."""
    model, x, n = m2(), example(CONTINUOUS, 4), 20_000
    with torch.no_grad():
        z, log_q = model.posterior(x).draw(n)
        prior = model.prior_sample(n)
        drawn = (torch.cdist(z[..., 2:].flatten(0, 1), model.codes) < 1e-5).view(n, 4, 3)
        q = model.classify(x)
        # Twelve shares: 4.5 of their standard errors.
        assert ((drawn.double().mean(0) - q).abs() < 4.5 * (q * (1 - q) / n).sqrt() + 1e-9).all()
        shares = (torch.cdist(prior[:, 2:], model.codes) < 1e-5).double().mean(0)
        assert ((shares - 1 / 3).abs() < 4.5 * math.sqrt(2 / 9 / n)).all()
        normal = torch.distributions.Normal(0, 1).log_prob(prior[:, :2]).sum(1)
        torch.testing.assert_close(model.log_prior(prior), normal - math.log(3))
        assert model.log_prior(prior + 0.01).isneginf().all()
        # Entropy of y and of z given y, closed in both.
        law = model.encoder(x)
        inside = (0.5 + 0.5 * math.log(2 * math.pi) + law.log_scale).sum(1).view(3, 4)
        entropy = (q.T * (inside - q.T.log())).sum(0)
        assert ((log_q.mean(0) + entropy).abs() < 4.5 * log_q.std(0) / math.sqrt(n)).all()


def test_a_fresh_classifier_has_the_same_layers_and_other_weights() -> None:
    model = m2()
    fresh = model.fresh_classifier()
    shapes = [[p.shape for p in net.parameters()] for net in (fresh, model.classifier)]
    assert shapes[0] == shapes[1]
    assert not any(torch.equal(a, b) for a, b in zip(fresh.parameters(), model.classifier.parameters(), strict=True))


def test_few_labels_and_many_examples_tell_classes_apart() -> None:
    """Three clusters, a label for three examples of each."""
    centres = torch.tensor([[3.0, 0.0], [-2.0, 2.5], [-2.0, -2.5]])
    labels = torch.arange(900) % 3
    x = centres[labels] + 0.5 * torch.randn(900, 2)
    model = M2(DataSpec((2,), context_size=3, classes=3), width=90)
    trainer, steps = model.trainer(Optimiser(learning_rate=5e-3)), 100
    for step in range(steps):
        chosen = torch.cat([torch.arange(9), torch.randint(9, 900, (64,))])
        context = ONE_HOT[labels[chosen]].index_fill(0, torch.arange(9, 73), 0)
        trainer.step(x[chosen], step / steps, context)  # type: ignore[call-arg]
    with torch.no_grad():
        # The clusters are seven deviations apart: only a wrong boundary costs more than a few examples.
        assert (model.classify(x).argmax(1) == labels).float().mean() > 0.97


def test_data_without_labels_are_not_applicable() -> None:
    with pytest.raises(
        NotApplicable, match=r"set data\.labelled, such as 100, on data that have labels, such as data=digits"
    ):
        M2(DataSpec((4,)), width=60)


def test_the_weight_of_the_labels_grows_with_the_coordinates() -> None:
    assert [m2(DataSpec((dim,), classes=2)).alpha for dim in (4, 16, 64)] == [1.0, 1.0, 4.0]


@pytest.mark.parametrize(
    "option", [{"alpha": -1.0}, {"alpha": math.inf}, {"latent_size": 0}, {"width": 0}, {"activation": "tahn"}], ids=str
)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        M2(CONTINUOUS, **{"width": 8, **option})
