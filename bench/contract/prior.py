"""The contract of a prior: `log_prior` is the density of what `prior_sample` draws, whatever its shape.

A small part of the latent space is weighed twice: by the share of draws that fall into it, and by the mean of the
density over it. The parts are balls of the whitened space that hold a fiftieth of the draws, so that neither a mixture
of narrow components nor an edge of the support makes the mean vary much.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.outcome import LEVEL, Absent, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasDecoder, HasPosterior

DRAWS = 100_000
POINTS = 2_048
CENTRES = 8
HELD = 0.02
"""Share of the draws that a ball holds: 2,000, counted to 2.2 %."""

MASS_ERROR = 0.05
"""Relative error of a mass that is forgiven: 32-bit densities, and a mean that its few points call too certain."""

LARGEST_LOG_MASS = 300.0
"""Whatever is above is as wrong, and its square overflows."""

MOST_COORDINATES = 8
"""Coordinates of a latent on a surface: with more of them a ball that holds a share of the draws is all but local."""

LEAST_EFFECTIVE = 100
"""Points, counted by their shares of the mean, and draws, below which a ball says too little to be asked."""


@dataclass(frozen=True)
class Ball:
    """A small part of the latent space, measured in two ways.

    Attributes:
        share: of the draws of `prior_sample` that lie in it.
        mass: mean density times volume.
        error: standard error of the difference of the two.
    """

    share: float
    mass: float
    error: float


def prior(testbed: Testbed) -> None:
    """`log_prior` and `prior_sample` agree on the mass of small balls, within 5 % and six standard errors.

    A prior on a surface, such as a sphere, has a density per area, which is that of its posteriors too: there the mean
    of p(z) / q(z) over draws of a posterior weighs the ball, and without a posterior nothing does.
    """
    if not isinstance(testbed.entry, HasDecoder):
        raise Absent("no log_likelihood, log_prior and prior_sample")
    with torch.no_grad():
        draws = testbed.entry.prior_sample(DRAWS)
        impossible = float((log_prior(testbed, draws[:POINTS]) == -math.inf).double().mean())
        # A draw at an edge may be rounded across it.
        require(
            impossible <= 1e-3,
            f"log_prior is -inf at {impossible:.2g} of the draws of prior_sample on the {testbed.name}",
            "give every point that prior_sample can draw a density",
        )
        parts = list(balls(testbed, draws) if solid(testbed, draws) else posterior_balls(testbed, draws))
    if not parts:
        raise Absent(f"no part of the prior on the {testbed.name} is even enough and holds enough draws to be weighed")
    worst = max(parts, key=lambda part: abs(part.mass - part.share) / part.share)
    for part in (worst, *parts):
        require(
            abs(part.mass - part.share) <= MASS_ERROR * part.share + LEVEL * part.error,
            f"exp(log_prior) gives a part of the latent space a mass of {part.mass:.3g} on the "
            f"{testbed.name}, where {part.share:.3g} of the draws of prior_sample fall",
            "make log_prior the normalised density of prior_sample's draws, -inf where there are none",
        )


def log_prior(testbed: Testbed, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
    """The entry's log p(z) in nats, in float64.

    Raises:
        Broken: a value is NaN or +infinity, or the shape is another.
    """
    value: Tensor = testbed.entry.log_prior(z)  # type: ignore[operator]
    require(
        value.shape == z.shape[:-1],
        f"log_prior(z) has shape {tuple(value.shape)} for z of shape {tuple(z.shape)}",
        "return one value for each z",
    )
    bad = int((value.isnan() | (value == math.inf)).sum())
    require(
        bad == 0, f"log_prior is NaN or +inf at {bad} points on the {testbed.name}", "return a finite number or -inf"
    )
    return value.double()


def solid(testbed: Testbed, draws: Float[Tensor, "n latent"]) -> bool:
    """True for a prior that fills a part of R^latent: small steps from most draws meet a density above zero."""
    neighbours = draws[:POINTS] + 0.01 * draws.std(0) * torch.randn_like(draws[:POINTS])
    return float(log_prior(testbed, neighbours).isfinite().double().mean()) > 0.5


def balls(testbed: Testbed, draws: Float[Tensor, "n latent"]) -> Iterator[Ball]:
    """Balls around draws, and around the peaks near them, in the coordinates in which the draws' covariance is I."""
    latent = draws.shape[1]
    mean, covariance = draws.double().mean(0), torch.cov(draws.double().T).reshape(latent, latent)
    triangle = torch.linalg.cholesky(covariance + 1e-9 * covariance.diagonal().mean() * torch.eye(latent))
    white = torch.linalg.solve_triangular(triangle, (draws - mean).T, upper=False).T
    log_volume = 0.5 * latent * math.log(math.pi) - math.lgamma(0.5 * latent + 1) + triangle.diagonal().log().sum()
    for centre in torch.cat([white[:CENTRES], peaks(white[:CENTRES], white)]):
        distance = torch.linalg.vector_norm(white - centre, dim=1)
        radius = torch.quantile(distance[: len(draws) // 10], HELD)
        direction = torch.nn.functional.normalize(torch.randn(POINTS, latent, dtype=white.dtype), dim=1)
        points = centre + radius * torch.rand(POINTS, 1, dtype=white.dtype) ** (1 / latent) * direction
        log_density = log_prior(testbed, (mean + points @ triangle.T).to(draws))
        # The radius was read off the first tenth of the draws: only the others are counted.
        inside = distance[len(draws) // 10 :] < radius
        yield from measured_ball(inside, log_density + log_volume + latent * torch.log(radius))


def peaks(centres: Float[Tensor, "balls latent"], draws: Float[Tensor, "n latent"]) -> Float[Tensor, "balls latent"]:
    """Centres moved five times to the mean of their nearest draws: far out in many dimensions no ball is even."""
    some = draws[:POINTS]
    for _ in range(5):
        nearest = torch.cdist(centres, some).topk(round(HELD * POINTS), largest=False).indices
        centres = some[nearest].mean(1)
    return centres


def posterior_balls(testbed: Testbed, draws: Float[Tensor, "n latent"]) -> Iterator[Ball]:
    """Balls that hold three tenths of the draws of one example's posterior, around the first of them.

    Raises:
        Absent: the entry has no posterior, or so many coordinates that its draws may miss a part of each ball.
    """
    if draws.shape[1] > MOST_COORDINATES:
        raise Absent(f"the prior of the {testbed.name} lies on a surface of too many dimensions")
    if not isinstance(testbed.entry, HasPosterior):
        raise Absent("the prior lies on a surface, and no posterior has a density on it")
    z, log_posterior = testbed.entry.posterior(testbed.test[:CENTRES]).draw(POINTS)
    log_ratio = log_prior(testbed, z) - log_posterior.double()
    for row in range(z.shape[1]):
        distance = torch.linalg.vector_norm(z[1:, row] - z[0, row], dim=1)
        radius = torch.quantile(distance, 0.3)
        within = torch.where(distance < radius, log_ratio[1:, row], -math.inf)
        yield from measured_ball(torch.linalg.vector_norm(draws - z[0, row], dim=1) < radius, within)


def measured_ball(inside: Tensor, log_weights: Float[Tensor, " points"]) -> Iterator[Ball]:
    """The ball whose mass is the mean of exp(`log_weights`); none where too few draws or points lie in it."""
    n = len(log_weights)
    share, log_mass = float(inside.double().mean()), torch.logsumexp(log_weights, 0) - math.log(n)
    mass = float(torch.exp(log_mass.clamp(max=LARGEST_LOG_MASS)))
    if int(inside.sum()) < LEAST_EFFECTIVE:
        return
    if mass == 0:
        yield Ball(share, mass, math.sqrt(share / len(inside)))
        return
    effective = 1 / float(torch.softmax(log_weights, 0).square().sum())
    if effective >= LEAST_EFFECTIVE:
        variance = mass**2 * (1 / effective - 1 / n) + share * (1 - share) / len(inside)
        yield Ball(share, mass, math.sqrt(variance))
