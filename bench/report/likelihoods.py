"""Log-likelihoods of some entries' runs, gathered for their comparison: on one test set, or on folds.

Products come from products.npz. Where a run has none there, its standard error stands in, with what can only widen an
interval: see `bench.report.variance.Squares`.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.report.comparison import Measured
from bench.report.folds import Folds
from bench.report.model_summary import examples_of, measured_as
from bench.report.products import LARGEST, TRUTH, TestSet
from bench.report.shared_test_set import SharedTestSet
from bench.report.variance import Products, Squares, Sums, less_truth

Run = dict[str, Any]
Group = Mapping[str, Sequence[Run]]
"""Entry -> its finished runs that have a likelihood."""

FOLD = "fold"
"""`varies` of runs whose seeds differ in their test fold."""


def comparable_groups(entries: Group) -> list[dict[str, list[Run]]]:
    """The entries, divided so that those measured on the same examples, or on some of the same folds, are together.

    Rows of different versions of training or evaluation never are: what differs may be the version.
    """
    groups: list[tuple[set[Any], dict[str, list[Run]]]] = []
    for entry, runs in entries.items():
        examples, own = {measured_as(run) for run in runs}, {entry: list(runs)}
        touching = [group for group in groups if group[0] & examples]
        for other, of_other in touching:
            examples, own = examples | other, of_other | own
        groups = [group for group in groups if group not in touching] + [(examples, own)]
    return [{entry: own[entry] for entry in entries if entry in own} for _, own in groups]


def measured(entries: Group, test_sets: Mapping[str, TestSet]) -> Measured | None:
    """The log-likelihoods of entries that are comparable; None where their examples are mixed, or errors unknown."""
    runs = [run for of_entry in entries.values() for run in of_entry]
    if all(run.get("varies") == FOLD for run in runs):
        return on_folds(entries)
    places = rows_of(entries)
    examples = {examples_of(run) for run in runs}
    sums = sums_of(entries, test_sets.get(examples.pop())) if len(examples) == 1 else None
    return None if sums is None else SharedTestSet(sums, places)


def kl_measured(entries: Group, test_sets: Mapping[str, TestSet]) -> Measured | None:
    """Minus the divergences from the true density, entry by entry; None where the values are not known."""
    examples = {examples_of(run) for of_entry in entries.values() for run in of_entry}
    test_set = test_sets.get(examples.pop()) if len(examples) == 1 else None
    if test_set is None or TRUTH not in test_set.place:
        return None
    ids = [run["run_id"] for of_entry in entries.values() for run in of_entry]
    if not all(run_id in test_set.place for run_id in ids):
        return None
    kept = [test_set.place[row] for row in (*ids, TRUTH)]
    whole = Products(
        test_set.products.examples, test_set.products.means[kept], test_set.products.products[np.ix_(kept, kept)]
    )
    less = less_truth(whole, len(ids))
    return SharedTestSet(less, rows_of(entries)) if np.isfinite(less.products).all() else None


def rows_of(entries: Group) -> dict[str, list[int]]:
    """Entry -> the places of its runs when all stand one behind the other."""
    places: dict[str, list[int]] = {}
    count = 0
    for entry, runs in entries.items():
        places[entry] = list(range(count, count := count + len(runs)))
    return places


def on_folds(entries: Group) -> Measured | None:
    """Entries on disjoint test folds; runs of one fold count as their mean."""
    values: dict[str, dict[str, list[float]]] = {entry: defaultdict(list) for entry in entries}
    ratios = []
    for entry, runs in entries.items():
        for run in runs:
            values[entry][examples_of(run)].append(-run["nll_nats"])
            if run.get("train_examples"):
                ratios.append(run["nll_examples"] / run["train_examples"])
    means = {entry: {fold: float(np.mean(own)) for fold, own in of.items()} for entry, of in values.items()}
    return Folds(means, max(ratios)) if ratios else None


def by_error(entries: Group, column: str, error: str) -> Measured | None:
    """Minus another column, with the standard errors of its rows; None where one has none or examples differ."""
    having = {entry: [run for run in runs if run.get(column) is not None] for entry, runs in entries.items()}
    having = {entry: runs for entry, runs in having.items() if runs}
    if not having or len({examples_of(run) for runs in having.values() for run in runs}) > 1:
        return None
    sums = sums_of(having, None, column, error)
    return None if sums is None else SharedTestSet(sums, rows_of(having))


def sums_of(
    entries: Group, test_set: TestSet | None, column: str = "nll_nats", error: str = "nll_standard_error"
) -> Sums | None:
    """Sums over the runs of all entries, one behind the other; None where a run has not even a standard error."""
    runs = [run for of_entry in entries.values() for run in of_entry]
    n = int(runs[0]["nll_examples"] or 0)
    rows = [None if test_set is None else test_set.place.get(run["run_id"]) for run in runs]
    known = [place for place, row in enumerate(rows) if row is not None]
    own = np.array([squares_of(run.get(error), n) for run in runs])
    stored = np.ix_(*2 * [[row for row in rows if row is not None]])
    if test_set is not None:
        own[known] = test_set.products.products.diagonal()[stored[0][:, 0]]
    if n < 2 or not (own < n * LARGEST**2).all():
        return None
    entry = np.repeat(np.arange(len(entries)), [len(of_entry) for of_entry in entries.values()])
    squares = Squares(n, np.array([-run[column] for run in runs]), own, entry)
    if test_set is None or not known:
        return squares
    square, together = squares.square(), np.ix_(known, known)
    products = test_set.products.products[stored]
    square[together] = np.where(np.isnan(products), square[together], products)
    return Products(n, squares.means, square)


def squares_of(error: float | None, n: int) -> float:
    """The sum of squared deviations of n values whose mean has this standard error."""
    return math.nan if error is None else error * error * n * (n - 1)
