"""The contract of an exact latent: `decode` undoes `encode`, and the other way round."""

import torch
from torch import Tensor

from bench.contract.outcome import Absent, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasLatent

ROUND_TRIP = 1e-2
"""Largest error of a round trip in units of 1 + |x|: 32-bit rounding and a solver at 1e-5, amplified by steep maps."""


def inverse(testbed: Testbed) -> None:
    """With `latent = "exact"`, decode(encode(x)) = x and encode(decode(z)) = z."""
    entry = testbed.entry
    if not isinstance(entry, HasLatent):
        raise Absent("no encode and decode")
    if entry.latent != "exact":
        raise Absent(f"latent is {entry.latent}")
    torch.manual_seed(testbed.stream(16))
    with torch.no_grad():
        z = entry.encode(testbed.test)
        check_round_trip(f"decode(encode(x)) is off by {{:.2g}} on the {testbed.name}", entry.decode(z), testbed.test)
        draws = torch.randn_like(z)
        check_round_trip(
            f"encode(decode(z)) is off by {{:.2g}} on the {testbed.name}", entry.encode(entry.decode(draws)), draws
        )


def check_round_trip(message: str, got: Tensor, wanted: Tensor) -> None:
    """Raises `Broken` unless nearly every coordinate returns: a steep spot may cost one example in a hundred."""
    error = ((got - wanted).abs() / (1 + wanted.abs())).flatten(1).amax(1)
    off = float(torch.quantile(error.nan_to_num(torch.inf), 0.99))
    require(off <= ROUND_TRIP, message.format(off), 'mend the inverse, or do not claim latent = "exact"')
