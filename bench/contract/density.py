"""Contracts of likelihood: true labels, a total mass of one, and no likelihood above the truth's."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.likelihood import likelihood
from bench.contract.outcome import Absent, Broken, require
from bench.contract.testbed import Subject, linear_gaussian
from bench.models.entry import Entry, HasLogProb, HasLogWeights, LogProb

MASS_ERROR = 0.03
"""Quadrature and solver error allowed on a total mass of 1; the grid alone is right to 0.002 on smooth densities."""

TAIL_ERROR = 0.1
"""Mass that importance weights may miss: far from the data q(z | x) extrapolates, and few draws find p(z | x)."""

LEVEL = 6.0
"""Standard errors before a difference counts: a false alarm once in 10⁹ normal comparisons."""


def estimator(subject: Subject) -> None:
    """The label is true: an exact value has no randomness, no error and is no bound; a random one says how random."""
    for testbed in subject.testbeds:
        entry = testbed.entry
        if not isinstance(entry, HasLogProb):
            raise Absent("no log_prob")
        first, second = (seeded_log_prob(entry, testbed.test[:16], seed) for seed in (7, 8))
        name = first.estimator
        require(isinstance(name, str) and bool(name.strip()), f"estimator is {name!r}", "name it, such as 'exact'")
        require(isinstance(first.is_bound, bool), f"is_bound is {first.is_bound!r}", "make it True or False")
        changes = float((first.value - second.value).abs().max())
        exact = name.startswith(("exact", "ode-exact"))
        require(not (exact and first.is_bound), f"'{name}' is marked as a bound", "rename it or set is_bound=False")
        require(
            changes == 0 or not exact,
            f"'{name}' changes by {changes:.3g} nats with the seed",
            "name the estimator for what it is, with is_bound=True where it is an ELBO or IWAE",
        )
        require(
            changes == 0 or first.is_bound or first.standard_error is not None,
            f"'{name}' changes by {changes:.3g} nats with the seed and gives no standard_error",
            "return the standard error of each value, or set is_bound=True",
        )


def seeded_log_prob(entry: HasLogProb, x: Float[Tensor, "batch event"], seed: int) -> LogProb:
    """The entry's own `log_prob` when torch is seeded so."""
    torch.manual_seed(seed)
    with torch.no_grad():
        return entry.log_prob(x)


def log_weights(entry: Entry, x: Float[Tensor, "batch event"]) -> Float[Tensor, "samples batch"]:
    """The entry's log importance weights, 2048 for each example.

    Raises:
        Absent: it has none.
    """
    if not isinstance(entry, HasLogWeights):
        raise Absent("no log_weights")
    with torch.no_grad():
        return entry.log_weights(x, 2048)


def normalised(subject: Subject) -> None:
    """exp(log_prob) sums to 1 over the whole space; that of a bound to no more than 1."""
    for testbed in subject.testbeds:
        mass = testbed.mass
        total, slack = float(mass.value.sum()), MASS_ERROR + LEVEL * float(mass.standard_error.norm())
        where = f"exp(log_prob) integrates to {total:.4g} over the {testbed.name}"
        require(total <= 1 + slack, where, "check the log-determinant's sign and every normalising constant")
        if isinstance(testbed.entry, HasLogWeights):
            slack += TAIL_ERROR
        elif mass.is_bound:
            continue
        require(total >= 1 - slack, where, "check the log-determinant, or set is_bound=True if it is a lower bound")


def truth(subject: Subject) -> None:
    """No density beats the true one on average over its own draws: E log p(x) ≤ E log truth(x) (Gibbs)."""
    testbed, exact = subject.linear, linear_gaussian()
    gain = likelihood(testbed.entry, testbed.test, seed=9).value - exact.log_prob(testbed.test)  # type: ignore[no-untyped-call]
    mean, error = float(gain.mean()), float(gain.std() / math.sqrt(len(gain)))
    if math.isnan(mean):
        raise Broken("log_prob is NaN on linear-Gaussian data", "keep log_prob finite on ordinary data")
    require(
        mean <= LEVEL * error + 0.01,
        f"log-likelihood of linear-Gaussian data beats the truth by {mean:.3g} nats (standard error {error:.2g})",
        "a likelihood too good to be true: check the constants that grow with the dimension",
    )


def bound(subject: Subject) -> None:
    """`log_prob` does not exceed what the entry's own importance weights estimate."""
    for testbed in subject.testbeds:
        x, entry = testbed.test[:32], testbed.entry
        if not isinstance(entry, HasLogProb):
            raise Absent("no log_prob")
        value = seeded_log_prob(entry, x, seed=10).value
        weights = log_weights(testbed.entry, x)
        require(
            bool((weights.std(0) > 0).any()),
            "log_weights repeats one draw",
            "draw z anew for each of the K samples",
        )
        best = torch.logsumexp(weights.double(), 0) - math.log(len(weights))
        excess = float((value - best).mean())
        require(
            excess <= 0.1,
            f"log_prob exceeds 2048 importance samples by {excess:.3g} nats on the {testbed.name}",
            "make log_prob a bound on the same density that log_weights estimates",
        )
