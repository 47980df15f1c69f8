"""Differences between models, paired by seed, and the model that is best of its data set: what tables print bold."""

from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

from bench.report.intervals import Interval, paired_difference
from bench.report.model_summary import ModelSummary
from bench.report.study import write_csv


class Difference(NamedTuple):
    """NLL of `a` minus NLL of `b` in nats, paired by seed."""

    data: str
    a: ModelSummary
    b: ModelSummary
    interval: Interval


def differences(cells: list[ModelSummary]) -> list[Difference]:
    """Every pair of models measured on the same examples of the same data set that share a finished seed."""
    entries = [cell for cell in cells if not cell.oracle]
    pairs = [(a, b) for a, b in combinations(entries, 2) if a.data == b.data and a.comparable(b)]
    intervals = [(a, b, paired_difference(a.by_seed("nll_nats"), b.by_seed("nll_nats"))) for a, b in pairs]
    return [Difference(a.data, a, b, interval) for a, b, interval in intervals if interval is not None]


def differences_csv(differences: list[Difference]) -> str:
    """differences.csv: model_a minus model_b in nats, with its 95 % t interval over the seeds that both finished."""
    header = ["data", "model_a", "model_b", "n", "difference_nats", "ci95", "low", "high", "a_is_bound", "b_is_bound"]
    rows: list[list[Any]] = []
    for data, a, b, (mean, half_width, n) in differences:
        ends = [None, None] if half_width is None else [mean - half_width, mean + half_width]
        rows.append([data, a.model, b.model, n, mean, half_width, *ends, a.is_bound, b.is_bound])
    return write_csv(header, rows)


def with_best(cell: ModelSummary, entries: list[ModelSummary]) -> ModelSummary:
    """The model with `best` set: its NLL is lower than every other's, and no bound among them is loose."""
    own = cell.by_seed("nll_nats")
    others = [other for other in entries if other is not cell and "nll_nats" in other.intervals]
    paired = [paired_difference(own, o.by_seed("nll_nats")) if o.comparable(cell) else None for o in others]
    tight = not any(each.loose for each in (cell, *others))
    best = tight and bool(paired) and all(d is not None and d.mean < 0 and d.excludes_zero for d in paired)
    return replace(cell, best=best)
