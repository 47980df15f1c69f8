"""Every entry with a proposal: what it says of itself, and refined bounds against the likelihood by quadrature."""

from typing import Any

import pytest
import torch

from bench.config import Optimiser
from bench.contract.testbed import train_briefly
from bench.metrics.likelihood import estimate
from bench.metrics.refined import Refinement
from bench.models.entry import HasProposal
from bench.models.parts.proposal import Proposal, WidensToFull
from tests.models.test_linear_gaussian import CASES, LEVEL, TRUTH, level, log_marginal

PROPOSING = [name for name in CASES if name not in ("svae", "m2")]
GAUSSIAN = {"vae", "vae-full", "vae_mean", "iwae", "vampprior", "vae_iaf", "vae_flowprior", "gmvae"}


def built(name: str, steps: int = 60) -> Any:
    """The entry, with a decoder that uses its latent and an encoder that still is poor."""
    case = CASES[name]
    torch.manual_seed(0)
    entry = case.cls(case.spec, width=60, **{"latent_size": 2} | case.options)
    data = TRUTH.sample(1024, torch.Generator().manual_seed(0))
    train_briefly(entry, entry.trainer(Optimiser(learning_rate=1e-2)), data, steps=steps)
    return entry.eval()


def proposals(entry: Any, x: torch.Tensor) -> list[Proposal]:
    """The entry's own, and where there is one that with a full covariance."""
    law = entry.proposal(x)
    return [law, law.with_full_covariance()] if isinstance(law, WidensToFull) else [law]


@pytest.mark.parametrize("name", ["svae", "m2"])
def test_a_law_on_a_sphere_and_one_of_classes_have_none(name: str) -> None:
    case = CASES[name]
    assert not isinstance(case.cls(case.spec, width=60, latent_size=2), HasProposal)


@pytest.mark.parametrize("name", PROPOSING)
def test_a_proposal_is_the_encoders_law_until_it_is_moved(name: str) -> None:
    entry = built(name, steps=5)
    assert isinstance(entry, HasProposal)
    x = TRUTH.sample(6, torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert isinstance(entry.proposal(x), WidensToFull) == (name in GAUSSIAN)
        for law in proposals(entry, x):
            assert isinstance(law, Proposal)
            u, log_q = law.draw(7)
            torch.testing.assert_close(law.log_prob(u), log_q, rtol=1e-4, atol=1e-3)
            torch.testing.assert_close(law.moved(*law.offsets()).log_prob(u), log_q, rtol=1e-4, atol=1e-3)
            moved = law.moved(*[torch.full_like(offset, 0.3) for offset in law.offsets()])
            v, log_moved = moved.draw(7)
            torch.testing.assert_close(moved.log_prob(v), log_moved, rtol=1e-4, atol=1e-3)
            assert (log_moved - law.log_prob(v)).abs().mean() > 0.01
        # Drawn as the posterior is: both ELBOs agree.
        u, log_q = entry.proposal(x).draw(4000)
        z, log_volume = entry.proposal(x).to_latent(u)
        by_proposal = entry.log_likelihood(x, z) + entry.log_prior(z) + log_volume - log_q
        by_posterior = entry.log_weights(x, 4000)
        error = ((by_proposal.var(0) + by_posterior.var(0)) / 4000).sqrt()
        assert ((by_proposal.mean(0) - by_posterior.mean(0)).abs() < LEVEL * error + 1e-4).all()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", PROPOSING)
def test_a_refined_bound_lies_between_the_encoders_and_the_likelihood(name: str, full: bool) -> None:
    entry = built(name)
    x = TRUTH.sample(60, torch.Generator().manual_seed(1))
    with torch.no_grad():
        if full and not isinstance(entry.proposal(x), WidensToFull):
            pytest.skip("the law has no full covariance")
        own = log_marginal(entry, CASES[name].nodes(entry), x)
    refinement = Refinement(50, 8, full)
    plain, refined = (
        estimate(entry, x, importance_samples=200, batch_rows=4096, refinement=each) for each in (None, refinement)
    )
    assert plain is not None
    assert refined is not None
    assert refined.effective is not None
    assert plain.effective is not None
    assert level(refined.log_prob - own) < LEVEL
    assert (own - refined.log_prob).mean() < max(0.03, float((own - plain.log_prob).mean()))
    # The ends of a uniform law have no gradient through its draws, so that it gains little.
    if name != "uniform":
        assert refined.effective.median() > 1.3 * plain.effective.median()
