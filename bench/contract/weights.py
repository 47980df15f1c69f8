"""The contract of importance weights: each of K is a draw of its own."""

import math

import torch

from bench.contract.outcome import LEVEL, Absent, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasLogWeights

CALLS = 64
SAMPLES = 64
EXAMPLES = 16
FORGIVEN = 0.1


def weights(testbed: Testbed) -> None:
    """The mean of K log weights varies from call to call as that of K independent ones: by their variance over K.

    One draw repeated K times makes it vary K times as much, each drawn twice twice as much; antithetic draws make it
    vary less, which is no fault, and weights that are all the same in all calls are those of an exact posterior.
    """
    entry = testbed.entry
    if not isinstance(entry, HasLogWeights):
        raise Absent("no log_weights")
    torch.manual_seed(testbed.stream(35))
    with torch.no_grad():
        drawn = torch.stack([entry.log_weights(testbed.test[:EXAMPLES], SAMPLES) for _ in range(CALLS)]).double()
    rounding = (1e-5 * (1 + drawn.abs().mean((0, 1)))).square()
    within = drawn.var(1).mean(0) + rounding
    between = (drawn.mean(1) - drawn.mean((0, 1))).square() * CALLS / (CALLS - 1)
    ratio = (SAMPLES * between / (within + SAMPLES * rounding)).mean(1)
    mean, error = float(ratio.mean()), float(ratio.std()) / math.sqrt(CALLS)
    require(
        mean <= 1 + FORGIVEN + LEVEL * error,
        f"log_weights of {SAMPLES} samples on the {testbed.name} varies from call to call like that of "
        f"{max(1, round(SAMPLES / max(mean, 1)))}: draws are repeated",
        "draw z anew for each of the K samples",
    )
