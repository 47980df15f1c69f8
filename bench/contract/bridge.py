"""The total mass of a density in many coordinates, by way of one that is known (Bennett 1976, Meng & Wong 1996).

With x drawn from p and y from a known r, both with log-densities up to the constant c that p's has too much,

    E_p[σ(log r(x) - log p(x) + c)] = E_r[σ(log p(y) - log r(y) - c)],

and only the right c solves it. The terms lie between 0 and 1, so that no tail decides, and the two need not be close:
what counts is the share of draws that either could have drawn. r is a Gaussian with the moments of other samples, and
of bits the law that they were trained on.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.likelihood import likelihood
from bench.contract.outcome import Absent, require
from bench.contract.testbed import Testbed
from bench.models.parts.latent_density import moments

LEAST_SHARED = 60
"""Draws, counted by the terms above, below which the two densities have too little in common."""


def log_mass(testbed: Testbed) -> tuple[float, float, bool]:
    """log ∫ p of the entry's density, its standard error, and whether the density is a bound.

    Raises:
        Absent: the entry cannot sample, or the known density is too far away.
        Broken: the density is not finite at the entry's own samples.
    """
    draws = testbed.draws
    half = len(draws) // 2
    torch.manual_seed(testbed.stream(31))
    if testbed.spec.kind == "binary":
        assert testbed.known is not None
        known = testbed.known
        other, log_known = known.draw(half, testbed.stream(32)), known.log_prob
    else:
        law = fitted_gaussian(draws[half:])
        other, log_known = law.sample(torch.Size((half,))).float(), lambda x: law.log_prob(x.double())  # type: ignore[no-untyped-call]
    own = likelihood(testbed.entry, testbed.shaped(draws[:half]), testbed.stream(33))
    theirs = likelihood(testbed.entry, testbed.shaped(other), testbed.stream(34)).value.double()
    bad = int((~own.value.isfinite()).sum())
    require(
        bad == 0,
        f"log_prob is not finite at {bad} of {half} samples of its own on the {testbed.name}",
        "keep log_prob finite where sample draws",
    )
    forward, backward = own.value.double() - log_known(draws[:half]), theirs - log_known(other)
    return *solved(forward, backward, testbed.name), own.is_bound


def solved(forward: Float[Tensor, " n"], backward: Float[Tensor, " n"], name: str) -> tuple[float, float]:
    """c and its standard error, from log p - log r at draws of p and at as many of r."""
    low, high = (float(torch.cat([forward, backward.clamp(min=-1e6)]).aminmax()[k]) - 50 + 100 * k for k in (0, 1))
    for _ in range(100):
        c = (low + high) / 2
        excess = float(torch.sigmoid(backward - c).sum() - torch.sigmoid(c - forward).sum())
        low, high = (c, high) if excess > 0 else (low, c)
    shared, again = torch.sigmoid(c - forward), torch.sigmoid(backward - c)
    if float(shared.sum()) < LEAST_SHARED:
        raise Absent(f"samples and the known density of the {name} share too little")
    relative = (shared.var() / shared.mean().square() + again.var() / again.mean().square()) / len(forward)
    # Meng & Wong (1996): the terms' derivatives in c sum to what both densities share, less their squares.
    slope = float((shared * (1 - shared)).mean() / shared.mean() + (again * (1 - again)).mean() / again.mean())
    return c, math.sqrt(float(relative)) / slope


def fitted_gaussian(x: Float[Tensor, "n dim"]) -> torch.distributions.MultivariateNormal:
    """The Gaussian with the moments of x, in float64."""
    mean, triangle = moments(x.double())
    return torch.distributions.MultivariateNormal(mean, scale_tril=triangle)
