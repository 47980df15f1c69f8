"""The contract of samples in any number of coordinates: a step that keeps the density leaves them where they are.

A Barker step (Barker 1965) proposes y = g(x) or y = g⁻¹(x), and accepts it with a chance of
σ(log p(y) - log p(x) + log |g'|). It keeps p. So steps that move all samples outward by a factor are accepted as often
as those inward, whatever p is:

    E_p[σ(log p(g x) - log p(x) + log |g'|)] = E_p[σ(log p(g⁻¹ x) - log p(x) - log |g'|)].

Samples that are too near to each other, clipped or drawn at another temperature accept more steps outward. No constant
of p enters, no mass is summed, and the terms lie between 0 and 1, so that heavy tails do no harm.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bench.contract.likelihood import log_densities
from bench.contract.outcome import LEVEL, Absent, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasLogProb, HasLogWeights

FORGIVEN = 0.004
"""Difference of two acceptance rates that is allowed beside its error: 32-bit rounding and a solver's."""

MOST_WEIGHED = 1024
"""Samples whose density takes 64 importance weights each."""

DIRECTIONS = 2
FLIPS = 4
"""Bits of each sample that are flipped, one at a time."""


@dataclass(frozen=True)
class Step:
    """A map of examples and its inverse.

    Attributes:
        name: what the step does.
        out, back: the examples after the map, and after its inverse.
        log_det: log |g'|.
    """

    name: str
    out: Float[Tensor, "n dim"]
    back: Float[Tensor, "n dim"]
    log_det: float


def moments(testbed: Testbed) -> None:
    """Barker steps from samples go either way equally often: outward and inward, to and fro, bits on and off."""
    x = testbed.draws
    if not isinstance(testbed.entry, (HasLogProb, HasLogWeights)):
        raise Absent("no log_prob and no log_weights")
    if testbed.partition is not None:
        raise Absent("samples are counted in cells")
    if isinstance(testbed.entry, HasLogWeights):
        x = x[:MOST_WEIGHED]
    if testbed.spec.kind == "binary":
        flips(testbed, x)
        return
    here, here_few = log_densities(testbed.entry, testbed.shaped(x), testbed.stream(40))
    require_finite(here, testbed)
    for number, step in enumerate(steps(testbed, x)):
        there = [
            log_densities(testbed.entry, testbed.shaped(moved), testbed.stream(41 + 2 * number + k))
            for k, moved in enumerate((step.out, step.back))
        ]
        # Few and many weights of a bound: what is left of its bias is less than what the others took away.
        rates = [
            (torch.sigmoid(out - at + step.log_det), torch.sigmoid(back - at - step.log_det))
            for at, out, back in ((here, there[0][0], there[1][0]), (here_few, there[0][1], there[1][1]))
        ]
        drift, coarse = (out - back for out, back in rates)
        mean, error = float(drift.mean()), float(drift.std()) / math.sqrt(len(drift))
        bias = abs(float(coarse.mean()) - mean)
        out, back = (float(rate.mean()) for rate in rates[0])
        require(
            abs(mean) <= FORGIVEN + LEVEL * error + bias,
            f"samples on the {testbed.name} are not those of log_prob: {step.name} {out:.3f} of {len(x)} steps are "
            f"accepted and {back:.3f} of the reverse ones, with a standard error of {error:.2g}",
            "draw from the density that log_prob describes: no clipping, no other temperature or scale, with all noise",
        )


def steps(testbed: Testbed, x: Float[Tensor, "n dim"]) -> Iterator[Step]:
    """Away from the data's mean in all coordinates and in the leading two, and along the leading one.

    Sizes are such that log p changes by about one nat.
    """
    train = testbed.train.flatten(1)
    centre = train.mean(0)
    scales, axes = torch.linalg.eigh(torch.cov(train.T.double()))
    leading = axes[:, -DIRECTIONS:].float()
    away = x - centre
    for name, part, rank in (
        ("outward", away, x.shape[1]),
        ("outward along the leading axes", away @ leading @ leading.T, DIRECTIONS),
    ):
        size = 0.7 / math.sqrt(rank)
        yield Step(name, x + part * math.expm1(size), x + part * math.expm1(-size), size * rank)
    shift = leading[:, -1] * float(scales[-1].sqrt())
    yield Step("along the leading axis", x + shift, x - shift, 0.0)


def flips(testbed: Testbed, x: Float[Tensor, "n dim"]) -> None:
    """`moments` of bits: steps that flip one move neither their number nor mean and spread along the leading axis."""
    train = testbed.train.flatten(1)
    centre = train.mean(0)
    axis = torch.linalg.eigh(torch.cov(train.T.double())).eigenvectors[:, -1].float()
    torch.manual_seed(testbed.stream(48))
    which = torch.rand_like(x).topk(min(FLIPS, x.shape[1]), dim=1).indices
    here, here_few = log_densities(testbed.entry, testbed.shaped(x), testbed.stream(40))
    require_finite(here, testbed)
    drifts = {name: torch.zeros(2, len(x), dtype=torch.float64) for name in ("number", "mean", "spread")}
    for k in range(which.shape[1]):
        index = which[:, k : k + 1]
        sign = 1 - 2 * x.gather(1, index)
        flipped = testbed.shaped(x.scatter_add(1, index, sign))
        there, there_few = log_densities(testbed.entry, flipped, testbed.stream(50 + k))
        before, step = (x - centre) @ axis, sign[:, 0] * axis[index[:, 0]]
        changes = {"number": sign[:, 0], "mean": step, "spread": (before + step).square() - before.square()}
        for row, accepted in enumerate((torch.sigmoid(there - here), torch.sigmoid(there_few - here_few))):
            for name, change in changes.items():
                drifts[name][row] += accepted * change
    for name, (drift, coarse) in drifts.items():
        mean, error = float(drift.mean()), float(drift.std()) / math.sqrt(len(drift))
        scale = float(drift.square().mean().sqrt())
        bias = abs(float(coarse.mean()) - mean)
        require(
            abs(mean) <= FORGIVEN * scale + LEVEL * error + bias,
            f"samples on the {testbed.name} are not those of log_prob: steps that keep the density move the {name} of "
            f"{len(x)} of them by {mean:.3g}, with a standard error of {error:.2g}",
            "draw from the distribution that log_prob describes: no other temperature or scale of the prior",
        )


def require_finite(log_density: Float[Tensor, " n"], testbed: Testbed) -> None:
    """Raises `Broken` where samples have no density."""
    bad = int((~log_density.isfinite()).sum())
    require(
        bad == 0,
        f"log_prob is not finite at {bad} of {len(log_density)} samples on the {testbed.name}",
        "keep log_prob finite where sample draws",
    )
