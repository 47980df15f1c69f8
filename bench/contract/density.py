"""Contracts of likelihood: true labels, a total mass of one, and no likelihood above the truth's."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.bridge import log_mass
from bench.contract.grid import Plane
from bench.contract.likelihood import likelihood
from bench.contract.methods import can_sample
from bench.contract.outcome import LEVEL, Absent, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasLogProb, HasLogWeights, HasRoughLogProb, LogProb
from bench.models.parts.importance import iwae

MASS_ERROR = {"exact": 0.01, "bound": 0.03}
"""Error allowed on a total mass of 1, beside those that are estimated: the grid is right to 0.002 on smooth densities,
a solver at 1e-5 to 0.001. A constant of 0.01 nats a coordinate adds 0.02 in the plane."""

TAIL_ERROR = 0.1
"""Mass that importance weights may miss: far from the data q(z | x) extrapolates, and few draws find p(z | x)."""

ROUGHEST = 1.0
"""Nats by which a step of half a piece may change the log-density, on average, where a grid is to sum it. Kernels so
narrow are summed to a share of 0.2 each, and to 0.003 together."""

ROUGH_ERROR = 0.05
"""Nats by which the mean of a rough density may miss that of the density."""

BRIDGE_ERROR = 0.03
"""Nats allowed on a log-mass in many coordinates, beside its standard error."""


def estimator(testbed: Testbed) -> None:
    """The label is true: an exact value has no randomness, no error and is no bound; a random one says how random."""
    entry = testbed.entry
    if not isinstance(entry, HasLogProb):
        raise Absent("no log_prob")
    first, second = (seeded_log_prob(entry, testbed.test[:16], testbed.stream(number)) for number in (7, 8))
    name = first.estimator
    require(isinstance(name, str) and bool(name.strip()), f"estimator is {name!r}", "name it, such as 'exact'")
    require(isinstance(first.is_bound, bool), f"is_bound is {first.is_bound!r}", "make it True or False")
    changes = float((first.value - second.value).abs().max())
    exact = name.startswith(("exact", "ode-exact"))
    require(not (exact and first.is_bound), f"'{name}' is marked as a bound", "rename it or set is_bound=False")
    require(
        changes == 0 or not exact,
        f"'{name}' changes by {changes:.3g} nats with the seed on the {testbed.name}",
        "name the estimator for what it is, with is_bound=True where it is an ELBO or IWAE",
    )
    require(
        changes == 0 or first.is_bound or first.standard_error is not None,
        f"'{name}' changes by {changes:.3g} nats with the seed on the {testbed.name} and gives no standard_error",
        "return the standard error of each value, or set is_bound=True",
    )
    if isinstance(entry, HasRoughLogProb):
        with torch.no_grad():
            torch.manual_seed(testbed.stream(9))
            rough = entry.rough_log_prob(testbed.test).value.double().mean()
            # From the same draws, so that probes of a trace are the same: what differs is the solve.
            fine = seeded_log_prob(entry, testbed.test, testbed.stream(9)).value.double().mean()
            off = abs(float(rough - fine))
        require(
            off <= ROUGH_ERROR,
            f"the mean of rough_log_prob is {off:.3g} nats off that of log_prob on the {testbed.name}",
            "solve it more exactly: validation chooses weights by it",
        )


def seeded_log_prob(entry: HasLogProb, x: Float[Tensor, "batch *event"], seed: int) -> LogProb:
    """The entry's own `log_prob` when torch is seeded so."""
    torch.manual_seed(seed)
    with torch.no_grad():
        return entry.log_prob(x)


def normalised(testbed: Testbed) -> None:
    """exp(log_prob) sums to 1 over the whole space; that of a bound to no more than 1."""
    if testbed.partition is None or not resolved(testbed):
        bridged(testbed)
        return
    mass, partition = testbed.mass, testbed.partition
    total = float(mass.value.sum())
    error = math.hypot(float(mass.standard_error.norm()), partition.roughness(mass.value))
    slack = MASS_ERROR["bound" if mass.is_bound else "exact"] + LEVEL * error
    where = f"exp(log_prob) integrates to {total:.4g} over the {testbed.name}"
    require(total <= 1 + slack, where, "check the log-determinant's sign and every constant that is added")
    slack += partition.outskirts(mass.value)
    if isinstance(testbed.entry, HasLogWeights):
        slack += TAIL_ERROR
    elif mass.is_bound:
        return
    require(total >= 1 - slack, where, "check the log-determinant, or set is_bound=True if it is a lower bound")


def resolved(testbed: Testbed) -> bool:
    """True where the density hardly changes within a piece of the grid, as one of narrow kernels does."""
    if not isinstance(testbed.partition, Plane):
        return True
    x = torch.cat([testbed.test, testbed.train[:1024], *([testbed.draws[:1024]] if can_sample(testbed.entry) else [])])
    x = x[testbed.partition.inside(x)]
    sign = 2 * torch.bernoulli(torch.full_like(x, 0.5)) - 1
    beside = x + sign * testbed.partition.half_steps(x)
    values = likelihood(testbed.entry, torch.cat([x, beside]), testbed.stream(30)).value
    change = (values[: len(x)] - values[len(x) :]).abs()
    return float(change.clamp(max=20).nan_to_num(20).mean()) <= ROUGHEST


def bridged(testbed: Testbed) -> None:
    """`normalised` where no grid sums the density: by way of a known one the log-mass is 0, that of a bound no more."""
    value, error, is_bound = log_mass(testbed)
    allowed = BRIDGE_ERROR + LEVEL * error
    where = (
        f"exp(log_prob) has a total mass of e^{value:.3g} on the {testbed.name}, by way of a known density from samples"
    )
    remedy = "check every constant that is added, the log-determinant's sign, and that sample draws from this density"
    require(value <= allowed, where, remedy)
    require(is_bound or value >= -allowed, where, remedy)


def truth(testbed: Testbed) -> None:
    """No density beats the true one on average over its own draws: E log p(x) ≤ E log truth(x) (Gibbs)."""
    if not isinstance(testbed.entry, (HasLogProb, HasLogWeights)):
        raise Absent("no log_prob and no log_weights")
    if testbed.known is None:
        raise Absent(f"the law of the {testbed.name} has no density in view")
    value = likelihood(testbed.entry, testbed.test, testbed.stream(9)).value
    gain = value.double() - testbed.known.log_prob(testbed.test.flatten(1))
    mean, error = float(gain.mean()), float(gain.std() / math.sqrt(len(gain)))
    require(not math.isnan(mean), f"log_prob is NaN on the {testbed.name}", "keep log_prob finite on ordinary data")
    require(
        mean <= LEVEL * error + 0.01,
        f"log-likelihood of the {testbed.name} beats the truth by {mean:.3g} nats (standard error {error:.2g})",
        "a likelihood too good to be true: check the constants that grow with the dimension",
    )


def bound(testbed: Testbed) -> None:
    """`log_prob` does not exceed what the entry's own importance weights estimate."""
    x, entry = testbed.test[:32], testbed.entry
    if not isinstance(entry, HasLogProb):
        raise Absent("no log_prob")
    if not isinstance(entry, HasLogWeights):
        raise Absent("no log_weights")
    own = seeded_log_prob(entry, x, testbed.stream(10))
    with torch.no_grad():
        best = iwae(entry.log_weights(x, 2048).double())
    errors = [part.standard_error.norm() for part in (own, best) if part.standard_error is not None]
    excess, error = float((own.value - best.value).mean()), math.hypot(*map(float, errors)) / len(x)
    require(
        excess <= 0.1 + LEVEL * error,
        f"log_prob exceeds 2048 importance samples by {excess:.3g} nats on the {testbed.name}",
        "make log_prob a bound on the same density that log_weights estimates",
    )
