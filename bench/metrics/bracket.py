"""How far annealed importance sampling may be off: what half its steps lose, and a bound from above on simulated data.

Bidirectional Monte Carlo (Grosse, Ghahramani & Adams 2015, arXiv:1511.02543): with z from the prior and x from p(x|z),
z is a draw of the posterior of this x. Chains that start there and go back to the prior have weights of mean 1 / p(x),
so that minus the logarithm of their mean bounds log p(x) from above in expectation. Chains from the prior bound it from
below on the same x: the truth lies between.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bench.metrics import ais
from bench.metrics.ais import Annealing
from bench.models.entry import HasDecoder, HasSimulator
from bench.models.parts.importance import iwae

SIMULATED = 50
"""Examples drawn from the model for the bracket: differences of log weights have an sd near half a nat each."""


class Bracket(NamedTuple):
    """Bounds of log p(x) of examples drawn from the model, in nats.

    Attributes:
        lower: by chains from the prior.
        upper: by chains from the posterior, back.
    """

    lower: Float[Tensor, " n"]
    upper: Float[Tensor, " n"]

    @property
    def gap(self) -> float:
        """Their mean distance: the mean lower bound is at most so far below the truth, but for noise."""
        return float((self.upper - self.lower).mean())


def rise_by_doubling(
    entry: HasDecoder,
    x: Float[Tensor, "n *event"],
    value: Float[Tensor, " n"],
    annealing: Annealing,
    rows: int,
    tick: Callable[[], None],
) -> float | None:
    """Mean nats by which `value`, annealed in all steps, exceeds an estimate by half of them; None for one step."""
    if annealing.steps < 2:
        return None
    halved = replace(annealing, steps=annealing.steps // 2)
    parts = [iwae(ais.log_weights(entry, part, halved, tick)).value for part in chunks(x, annealing, rows)]
    return float((value - torch.cat(parts)).mean())


def bracket(
    entry: HasSimulator, annealing: Annealing, examples: int, rows: int, tick: Callable[[], None] = lambda: None
) -> Bracket:
    """Both bounds of as many simulated examples.

    The chains of one x all start at the z that x was drawn from. They take the step sizes of the chains from the prior,
    which know nothing of that z: pilots that started there would, and their step sizes would make the weights biased.

    Args:
        entry: in evaluation mode.
        annealing: of the row.
        examples: simulated ones.
        rows: most chains in one call, one example's at least.
        tick: called before each step; it may raise to stop.
    """
    z = entry.prior_sample(examples)
    x = entry.simulate(z)
    betas = ais.sigmoidal(annealing.steps)[::-1]
    lower, upper = [], []
    starts = chunks(z, annealing, rows)
    for part, start in zip(chunks(x, annealing, rows), starts, strict=True):
        forward = ais.from_prior(entry, part, annealing, tick)
        exact = start.expand(annealing.chains, *start.shape)
        # The k-th move back is along the density of the (T - k)-th move forward.
        backward = ais.anneal(entry, part, exact, betas, tick, forward.step_sizes.flip(0), annealing.leapfrogs)
        lower.append(iwae(forward.log_weights).value)
        upper.append(-iwae(backward.log_weights).value)
    return Bracket(torch.cat(lower), torch.cat(upper))


def chunks(values: Tensor, annealing: Annealing, rows: int) -> Iterator[Tensor]:
    """Examples, so many at a time that their chains are at most `rows`."""
    return iter(torch.split(values, max(1, rows // (annealing.chains + annealing.pilots))))
