"""Ranks of entries over data sets, with the critical difference of Nemenyi's test (Demšar 2006, JMLR 7, section 3.2.2).

Data sets must be independent for that. Those whose true density is known are toys of one kind, and count as one block:
an entry's rank there is the mean of its ranks.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from bench.report.intervals import LEVEL
from bench.report.model_summary import ModelSummary
from bench.report.studentized_range import quantile

FEWEST_BLOCKS = 10
"""Independent data sets below which ranks decide nothing."""

TOYS = "toys"


class Ranks(NamedTuple):
    """Mean ranks.

    Attributes:
        blocks: number of independent data sets.
        means: entry -> mean rank over them, 1 the best; by rising rank.
        critical: difference of two mean ranks from which on they are told apart at 5 %.
    """

    blocks: int
    means: dict[str, float]
    critical: float

    @property
    def decide(self) -> bool:
        """True where there are data sets enough."""
        return self.blocks >= FEWEST_BLOCKS


def ranks_of(cells: list[ModelSummary]) -> Ranks | None:
    """Ranks of the entries that were measured on every data set; None for fewer than two of these or of data sets.

    Args:
        cells: one of each data set and model, such as `finals` gives.
    """
    nll: dict[str, dict[str, float]] = defaultdict(dict)
    known: set[str] = set()
    for cell in cells:
        if not cell.oracle and "nll_nats" in cell.intervals:
            nll[cell.data][cell.model] = cell.intervals["nll_nats"].mean
            known |= {cell.data} if "kl_to_truth" in cell.intervals else set()
    everywhere = sorted(set.intersection(*map(set, nll.values()))) if nll else []
    blocks: dict[str, list[list[float]]] = defaultdict(list)
    for data, of_data in nll.items():
        blocks[TOYS if data in known else data].append(places([of_data[model] for model in everywhere]))
    if len(everywhere) < 2 or len(blocks) < 2:
        return None
    means = np.mean([np.mean(block, 0) for block in blocks.values()], 0)
    order = sorted(zip(means.tolist(), everywhere, strict=True))
    return Ranks(len(blocks), {model: mean for mean, model in order}, critical_difference(len(everywhere), len(blocks)))


def places(values: Sequence[float]) -> list[float]:
    """The rank of each value, the lowest first; equal ones share the mean of theirs."""
    at = defaultdict(list)
    for rank, value in enumerate(sorted(values), 1):
        at[value].append(rank)
    return [fmean(at[value]) for value in values]


def critical_difference(entries: int, blocks: int) -> float:
    """Nemenyi's: q sqrt(k (k + 1) / 6 N), q the quantile of the studentized range over root two."""
    q = quantile(LEVEL, entries, math.inf) / math.sqrt(2)
    return q * math.sqrt(entries * (entries + 1) / (6 * blocks))
