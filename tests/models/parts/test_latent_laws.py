"""Every law against scipy or simulation: density, moments, divergence, gradients."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from bench.models.parts.latent_laws import DEGREES_OF_FREEDOM, FLOOR, LAWS, Law, Logistic, UniformOverFloor

every_law = pytest.mark.parametrize("name", LAWS)
LATENT = 3
PRIORS = {
    "laplace": stats.laplace(),
    "logistic": stats.logistic(),
    "student_t": stats.t(DEGREES_OF_FREEDOM),
    "uniform": stats.uniform(),
    "gumbel": stats.gumbel_r(),
    "gamma": stats.expon(),
    "dirichlet": stats.dirichlet([1.0] * LATENT),
}


def heads(law: Law, batch: int = 1) -> list[Tensor]:
    """Outputs of heads, in float64: locations spread by 0.7, log-scales from -1 to 0."""
    outputs = [0.7 * torch.randn(1, LATENT).double(), -torch.rand(1, LATENT).double()]
    return [output.expand(batch, LATENT) for output in outputs[: len(law.heads)]]


def prior(law: Law) -> Distribution:
    return law.prior(torch.zeros(LATENT, dtype=torch.double))


@every_law
def test_the_prior_is_scipys(name: str) -> None:
    z = prior(LAWS[name]).sample((50,))
    log_prob = PRIORS[name].logpdf(z.T.numpy() if name == "dirichlet" else z.numpy())
    expected = log_prob if name == "dirichlet" else log_prob.sum(1)
    np.testing.assert_allclose(prior(LAWS[name]).log_prob(z), expected, rtol=1e-6)


@every_law
def test_divergence_is_the_mean_log_ratio(name: str) -> None:
    """Also where torch knows none: then it is not claimed to be analytic."""
    law = LAWS[name]
    posterior = law.posterior(*heads(law))
    if not law.analytic:
        with pytest.raises(NotImplementedError):
            kl_divergence(posterior, prior(law))
        return
    z = posterior.rsample((100_000,))
    ratio = posterior.log_prob(z) - prior(law).log_prob(z)
    error = max(float(ratio.std()) / math.sqrt(100_000), 1e-9)
    assert abs(float(ratio.mean() - kl_divergence(posterior, prior(law)))) < 5 * error


@every_law
def test_a_posterior_can_be_all_but_the_prior(name: str) -> None:
    """A latent that is given up costs nothing."""
    law, at = LAWS[name], torch.zeros(1, 1).double()
    locations = {"dirichlet": math.log(0.5) - 2.0}
    scales = {"gamma": -0.5 * math.log(0.5), "uniform": 7.0}
    # An inverse of the soft clamps is not worth its lines: they move these numbers by a per cent or two.
    outputs = [at + locations.get(name, 0.0), at + scales.get(name, 0.0)][: len(law.heads)]
    outputs = [output.expand(1, LATENT) for output in outputs]
    z = prior(law).sample((2000,))
    ratio = prior(law).log_prob(z) - law.posterior(*outputs).log_prob(z)
    kept = ratio[torch.isfinite(ratio)]
    assert len(kept) > 0.95 * 2000
    assert float(kept.mean()) == pytest.approx(0, abs=0.03)


def test_a_uniform_posterior_reaches_every_point_and_draws_what_its_density_says() -> None:
    low, high = torch.tensor([0.2]).double(), torch.tensor([0.5]).double()
    law = UniformOverFloor(low, high)
    z = torch.linspace(0, 1, 100_001).double()
    density = law.log_prob(z).exp()
    assert density.min() == pytest.approx(FLOOR)
    assert float(torch.trapezoid(density, z)) == pytest.approx(1, abs=1e-4)
    below, inside = FLOOR * 0.2, FLOOR + (1 - FLOOR) / 0.3
    assert (
        stats.kstest(
            law.rsample((20_000,))[:, 0].numpy(),
            lambda y: np.interp(y, [0, 0.2, 0.5, 1], [0, below, below + 0.3 * inside, 1]),
        ).pvalue
        > 1e-3
    )
    assert float(law.log_prob(torch.tensor([-0.1]).double())) == -math.inf


@every_law
def test_moments_and_gradients_of_draws(name: str) -> None:
    """E y and E y² have closed forms in the heads' outputs, and so have their derivatives."""
    law, repeats, draws = LAWS[name], 40, 3000
    leaves = [output.clone().requires_grad_() for output in heads(law)]
    posterior = law.posterior(*leaves)
    exact = (posterior.mean + posterior.variance + posterior.mean.square()).sum()
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(exact, leaves)])
    gradients, values = [], []
    for _ in range(repeats):
        y = law.posterior(*leaves).rsample((draws,))
        value = (y + y.square()).mean((0, 1)).sum()
        values.append(value.detach())
        gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(value, leaves)]))
    for got, known in ((torch.stack(gradients), expected), (torch.stack(values)[:, None], exact.detach()[None])):
        error = (got.mean(0) - known) / (got.std(0) / math.sqrt(repeats))
        # t-distributed with 39 degrees of freedom; squares of Student-t draws have heavy tails.
        assert error.abs().max() < 5


@every_law
def test_draws_of_extreme_laws_have_a_finite_density(name: str) -> None:
    law = LAWS[name]
    for location in (-1e3, 0.0, 1e3):
        for log_scale in (-5.0, 5.0):
            leaves = [torch.full((64, LATENT), value).requires_grad_() for value in (location, log_scale)]
            posterior = law.posterior(*leaves[: len(law.heads)])
            y = posterior.rsample((64,))
            log_q = posterior.log_prob(y)
            assert torch.isfinite(log_q).all()
            assert torch.equal(law.onto_support(y), y) or name == "dirichlet"
            assert not prior(law).log_prob(law.onto_support(y).double()).isnan().any()
            loss = (
                log_q.sum()
                + y.sum()
                + (kl_divergence(posterior, law.prior(torch.zeros(LATENT))).sum() if law.analytic else 0)
            )
            for gradient in torch.autograd.grad(loss, leaves[: len(law.heads)]):
                assert torch.isfinite(gradient).all()


@every_law
def test_the_support_is_kept_and_reached(name: str) -> None:
    law = LAWS[name]
    inside = prior(law).sample((100,))
    torch.testing.assert_close(law.onto_support(inside), inside)
    landed = law.onto_support(4 * torch.randn(100, LATENT).double())
    torch.testing.assert_close(law.onto_support(landed), landed)
    assert torch.isfinite(prior(law).log_prob(landed)).all()


def test_logistic_moments() -> None:
    law = Logistic(torch.tensor([0.5]), torch.tensor([2.0]))
    assert (float(law.mean), float(law.variance)) == pytest.approx((0.5, stats.logistic(0.5, 2.0).var()))
