"""Contract of a proposal: its densities are those of its draws, moved or not, and its weights have the mean p(x)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.likelihood import likelihood
from bench.contract.outcome import LEVEL, Absent, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasProposal
from bench.models.parts.importance import effective_sample_size, iwae
from bench.models.parts.proposal import Proposal

EXAMPLES = 16
DRAWS = 1_024
MOVE = 0.3
"""Of each parameter, about so many of the law's own widths."""

LEAST_EFFECTIVE = 50
"""Weights that count, of `DRAWS`, below which their mean says too little of p(x)."""

GAP = 0.1
"""Nats by which two estimates of log p(x) may differ on average: what a bound of few weights loses."""


def proposal(testbed: Testbed) -> None:
    """`proposal(x)` and a law moved from it have the density they say, and weights that mean the entry's likelihood."""
    entry = testbed.entry
    if not isinstance(entry, HasProposal):
        raise Absent("no proposal beside log_likelihood, log_prior and prior_sample")
    x = testbed.test[:EXAMPLES]
    own = likelihood(entry, x, testbed.stream(33))
    with torch.no_grad():
        law = entry.proposal(x)
        compare_densities(law, law.moved(*law.offsets()), "a law moved by zeros")
        moved = law.moved(*[torch.full_like(offset, MOVE) for offset in law.offsets()])
        for name, each in (("proposal(x)", law), ("a law moved from it", moved)):
            compare_densities(each, each, name)
            bound = iwae(weights := log_weights(entry, each, x))
            reliable = effective_sample_size(weights) >= LEAST_EFFECTIVE
            if not bool(reliable.any()):
                continue
            assert bound.standard_error is not None
            variance = bound.standard_error.square()
            if own.standard_error is not None:
                variance = variance + own.standard_error.double().square()
            gap = float((bound.value - own.value)[reliable].mean())
            allowed = GAP + LEVEL * math.sqrt(float(variance[reliable].mean()) / int(reliable.sum()))
            require(
                abs(gap) <= allowed,
                f"the weights of {name} say log p(x) is {abs(gap):.3g} nats {'above' if gap > 0 else 'below'} the "
                f"entry's likelihood on the {testbed.name}",
                "let to_latent give log |det dz/du|, and log_prob the density of u",
            )


def compare_densities(drawn: Proposal, other: Proposal, name: str) -> None:
    """Raises `Broken` unless `other` gives the draws of `drawn` the density that they came with."""
    u, log_q = drawn.draw(8)
    off = float(((other.log_prob(u) - log_q).abs() / (1 + log_q.abs())).max())
    require(
        # 32-bit rounding of one number computed in two ways.
        off <= 1e-3,
        f"log_prob of {name} is off by {off:.3g} from the density its draws come with, relative to 1 + its size",
        "make draw, log_prob and moved say one law",
    )


def log_weights(entry: HasProposal, law: Proposal, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "draws batch"]:
    """Log importance weights of draws of the law, in nats and float64."""
    u, log_q = law.draw(DRAWS)
    z, log_volume = law.to_latent(u)
    return (entry.log_likelihood(x, z) + entry.log_prior(z) + log_volume - log_q).double()
