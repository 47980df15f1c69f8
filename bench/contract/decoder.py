"""Contracts of a decoder and its posterior: p(x | z) is a density, and all parts make the likelihood of the whole."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.grid import Partition, Plane
from bench.contract.likelihood import likelihood
from bench.contract.outcome import LEVEL, Absent, Broken, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasDecoder, HasLatent, HasLogWeights, HasPosterior

MASS_ERROR = 0.03
"""Quadrature error allowed on a total mass of 1: p(x | z) may be far narrower than the data."""

LATENTS = 4
ROUNDS = 5
"""Times that the grid is drawn anew where the mass lies: each narrows it up to 20-fold, and scales reach 0.007."""

EXAMPLES = 16
PRIOR_DRAWS = 8_192
POSTERIOR_DRAWS = 1_024

LEAST_EFFECTIVE = 50
"""Prior draws, counted by their shares of p(x), below which their mean says too little of it."""

GAP = 0.2
"""Nats by which the estimates of log p(x) may differ on average: few prior draws may miss what a narrow posterior
finds."""


def decoder(testbed: Testbed) -> None:
    """exp(log_likelihood(x, z)) sums to 1 over all x, for z drawn from the prior."""
    if not isinstance(testbed.entry, HasDecoder):
        raise Absent("no log_likelihood, log_prior and prior_sample")
    if testbed.partition is None:
        raise Absent("too many coordinates to sum over")
    with torch.no_grad():
        for z in testbed.entry.prior_sample(LATENTS):
            partition = around(testbed, testbed.partition, z)
            total = float((torch.exp(conditional(testbed, partition.points, z)) * partition.volume).sum())
            require(
                abs(total - 1) <= MASS_ERROR,
                f"exp(log_likelihood(x, z)) integrates to {total:.4g} over all x of the {testbed.name}",
                "check every normalising constant and scale of p(x | z)",
            )


def conditional(testbed: Testbed, x: Float[Tensor, "n event"], z: Float[Tensor, " latent"]) -> Float[Tensor, " n"]:
    """log p(x | z) of many x for one z, in nats and float64.

    Raises:
        Broken: a value is NaN or +infinity, all are -infinity, or the shape is another.
    """
    value: Tensor = testbed.entry.log_likelihood(x, z.expand(1, len(x), -1))  # type: ignore[operator]
    require(
        value.shape == (1, len(x)),
        f"log_likelihood(x, z) has shape {tuple(value.shape)} for z of shape {(1, len(x), len(z))}",
        "return one value for each z",
    )
    bad = int((value.isnan() | (value == math.inf)).sum())
    require(bad == 0, f"log_likelihood is NaN or +inf at {bad} points", "return a finite number or -inf")
    require(bool(value.isfinite().any()), f"log_likelihood is -inf at all of {len(x)} points", "keep some x possible")
    return value[0].double()


def around(testbed: Testbed, partition: Partition, z: Float[Tensor, " latent"]) -> Partition:
    """The space in pieces that are fine where p(x | z) lies.

    A plane is laid around draws from the pieces of the one before, weighed by p(x | z) and scattered over their pieces.
    """
    if not isinstance(partition, Plane):
        return partition
    for _ in range(ROUNDS):
        log_mass = conditional(testbed, partition.points, z) + partition.volume.log()
        pieces = torch.multinomial(torch.softmax(log_mass, 0), 4096, replacement=True)
        sides = torch.cartesian_prod(*partition.edges.diff(dim=1))[pieces]
        partition = Plane.around(partition.points[pieces] + (torch.rand_like(sides) - 0.5) * sides)
    return partition


def marginal(testbed: Testbed) -> None:
    """The mean of p(x | z) over draws of the prior is the entry's own likelihood of x, or no less where that bounds."""
    entry = testbed.entry
    if not isinstance(entry, HasDecoder):
        raise Absent("no log_likelihood, log_prior and prior_sample")
    x = testbed.test[: 2 * EXAMPLES]
    own = likelihood(entry, x, testbed.stream(27))
    with torch.no_grad():
        z = entry.prior_sample(PRIOR_DRAWS)[:, None].expand(-1, len(x), -1)
        weights = torch.cat([entry.log_likelihood(x, part) for part in torch.split(z, 1024)]).double()
    value = torch.logsumexp(weights, 0) - math.log(PRIOR_DRAWS)
    effective = 1 / torch.softmax(weights, 0).square().sum(0)
    reliable = effective >= LEAST_EFFECTIVE
    if not bool(reliable.any()):
        raise Absent(f"{PRIOR_DRAWS} prior draws do not reach the posterior on the {testbed.name}")
    # All examples share the draws: what one draw adds to their mean is what varies.
    variance = float(torch.exp(weights - value)[:, reliable].mean(1).var()) / PRIOR_DRAWS
    if own.standard_error is not None:
        variance += float(own.standard_error[reliable].double().square().mean()) / int(reliable.sum())
    gap = float((own.value - value)[reliable].mean())
    allowed = GAP + LEVEL * math.sqrt(variance)
    where = "above" if gap > 0 else "below"
    require(
        gap <= allowed and (own.is_bound or gap >= -allowed),
        f"log p(x) is {abs(gap):.3g} nats {where} the mean of exp(log_likelihood) over {PRIOR_DRAWS} prior draws "
        f"on the {testbed.name}",
        "give log_prob, log_weights, log_likelihood and prior_sample one and the same model",
    )


def posterior(testbed: Testbed) -> None:
    """`log_weights` has the mean of log p(x | z) + log p(z) - log q(z | x) over the posterior; `encode` is its mean."""
    entry = testbed.entry
    if not isinstance(entry, HasPosterior):
        raise Absent("no posterior beside log_likelihood, log_prior and prior_sample")
    x = testbed.test[:EXAMPLES]
    if isinstance(entry, HasLatent) and entry.latent == "posterior_mean":  # type: ignore[attr-defined]
        with torch.no_grad():
            mean, code = entry.posterior(x).mean, entry.encode(x)
        if code.shape != mean.shape:
            raise Broken(
                f"encode(x) has shape {tuple(code.shape)} and posterior(x).mean {tuple(mean.shape)}",
                "let encode return the posterior's mean",
            )
        off = float((code - mean).abs().max())
        require(
            # 32-bit rounding of one number computed in two ways.
            off <= 1e-4 * (1 + float(mean.abs().max())),
            f"encode(x) is {off:.3g} away from posterior(x).mean on the {testbed.name}",
            "let encode return the posterior's mean",
        )
    if isinstance(entry, HasLogWeights):
        compare_bounds(testbed, x)


def compare_bounds(testbed: Testbed, x: Float[Tensor, "batch event"]) -> None:
    """Raises `Broken` unless the two estimates of each example's ELBO agree within their standard errors."""
    entry = testbed.entry
    with torch.no_grad():
        weights = entry.log_weights(x, POSTERIOR_DRAWS).double()  # type: ignore[operator]
        z, log_posterior = entry.posterior(x).draw(POSTERIOR_DRAWS)  # type: ignore[operator]
        parts = (entry.log_likelihood(x, z) + entry.log_prior(z) - log_posterior).double()  # type: ignore[operator]
    gap = (weights.mean(0) - parts.mean(0)).abs()
    error = ((weights.var(0) + parts.var(0)) / POSTERIOR_DRAWS).sqrt()
    allowed = 1e-3 * (1 + parts.mean(0).abs()) + LEVEL * error
    worst = int((gap / allowed).nan_to_num(math.inf).argmax())
    require(
        bool((gap <= allowed).all()),
        f"log_weights has a mean of {float(weights[:, worst].mean()):.4g} nats where log_likelihood + log_prior - "
        f"log q over draws of the posterior has {float(parts[:, worst].mean()):.4g} on the {testbed.name}",
        "make log_weights from the same posterior, prior and decoder",
    )
