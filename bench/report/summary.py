"""From runs to one row per data set, budget, setting and model: means, intervals, failures, the oracle."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from bench.config import BOTH, DEFAULT, TUNED
from bench.record.columns import COLUMNS, averaged, bounded, errors
from bench.report.intervals import Interval, normal_interval, t_interval
from bench.report.likelihoods import FOLD
from bench.report.marks import marks
from bench.report.model_summary import ORACLE, ModelSummary, count_words, counts
from bench.report.products import TestSet
from bench.report.ranking import with_likelihoods
from bench.report.study import Run, label, write_csv

NONE: Mapping[str, TestSet] = MappingProxyType({})

Place = tuple[float | None, str, str]
"""Rung, setting and label of a model's runs."""


def summarise(runs: list[Run], test_sets: Mapping[str, TestSet] = NONE) -> list[ModelSummary]:
    """One cell per data set, budget, setting and model in the order of `runs`; behind each data set its oracle.

    Args:
        runs: rows of the study.
        test_sets: of its products.npz; without one, intervals take standard errors.
    """
    groups: dict[str, dict[Place, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        groups[run["data"]][run.get("rung"), run.get("setting") or "", label(run)].append(run)
    cells: list[ModelSummary] = []
    for data, models in groups.items():
        in_both(models)
        cells += with_likelihoods([_cell(data, place, group) for place, group in models.items()], test_sets)
        cells += _oracle(data, [run for group in models.values() for run in group])
    return with_machines(cells)


def with_machines(cells: list[ModelSummary]) -> list[ModelSummary]:
    """All cells; those are told that ran on another device, or by other threads, than most runs of all data sets.

    Data sets share a table, and its columns of times.
    """
    of = [Counter((run.get("device"), run.get("threads")) for run in cell.finished) for cell in cells]
    most = max(total, key=lambda machine: total[machine]) if (total := sum(of, Counter())) else None
    return [
        replace(cell, elsewhere=any(machine != most for machine in own)) for cell, own in zip(cells, of, strict=True)
    ]


def in_both(models: dict[Place, list[Run]]) -> None:
    """Puts runs that are as they come and tuned into both groups, where other seeds of the model are in only one."""
    for rung, setting, name in list(models):
        places: list[Place] = [(rung, DEFAULT, name), (rung, TUNED, name)]
        if setting == BOTH and any(place in models for place in places):
            shared = models.pop((rung, setting, name))
            for place in places:
                models[place] = sorted([*models[place], *shared], key=lambda run: int(run["seed"]))


LONG = ("data", "model", "setting", "budget", "metric", "unit", "mean", "ci95", "n", "is_bound", "best", "marks")


def summary_csv(models: list[ModelSummary]) -> str:
    """summary.csv: a row a quantity of a model, with the half-width of its 95 % interval and its number of values.

    A model's first rows, `runs_ok`, `runs_failed`, ..., count how its n runs ended. `best` is told apart from every
    other model at its budget and setting, and empty where that is not asked; `marks` are those of the tables.
    """
    return write_csv(LONG, (row for model in models for row in _long_rows(model)))


def _long_rows(cell: ModelSummary) -> Iterator[list[Any]]:
    place = [cell.data, cell.model, cell.setting or None, cell.rung]
    for status, count in counts(cell.runs).items():
        yield [*place, f"runs_{status}", "runs", count, None, len(cell.runs), False, None, None]
    for metric in averaged():
        if metric in cell.intervals:
            unit = COLUMNS[metric].unit or None
            verdict = [cell.is_bound, None if cell.oracle else cell.best] if metric in bounded() else [False, None]
            yield [*place, metric, unit, *cell.intervals[metric], *verdict, marks(cell, metric) or None]


def summary_rows(models: list[ModelSummary]) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns of `bench.summary`, and its rows: one a model."""
    about = ("nll_estimator", "nll_space", "recon_kind", "matched_to")
    header = [
        "data",
        "rung",
        "setting",
        "model",
        "n_ok",
        "n_runs",
        "statuses",
        *about,
        "nll_is_bound",
        "shared_machine",
        "best_nll",
        "above_floor",
    ]
    header += [f"{metric}{suffix}" for metric in averaged() for suffix in ("", "_ci95", "_n")]
    return header, [_summary_row(model, about) for model in models]


def _cell(data: str, place: Place, runs: list[Run]) -> ModelSummary:
    """The intervals of all metrics over runs; `bench.report.ranking` replaces those of the likelihood."""
    rung, setting, model = place
    cell = ModelSummary(data, model, runs, {}, rung=rung, setting=setting)
    for metric in averaged():
        having = cell.with_column(metric)
        if having:
            cell.intervals[metric] = widened(t_interval([run[metric] for run in having]), having)
    for metric, column in errors().items():
        if metric in cell.intervals and cell.intervals[metric].n == 1:
            error = next(iter(cell.by_seed(column).values()), None)
            cell.intervals[metric] = normal_interval(cell.intervals[metric].mean, error)
    return cell


def widened(interval: Interval, runs: list[Run]) -> Interval:
    """The interval of a mean over folds, whose training sets overlap; that of other runs as it is."""
    ratios = [run["nll_examples"] / run["train_examples"] for run in runs if is_fold(run)]
    if not ratios or interval.half_width is None:
        return interval
    return interval._replace(half_width=interval.half_width * math.sqrt(1 + interval.n * max(ratios)))


def is_fold(run: Run) -> bool:
    """True for a run on one of several test folds, whose sizes are known."""
    return run.get("varies") == FOLD and bool(run.get("train_examples")) and bool(run.get("nll_examples"))


def _oracle(data: str, runs: list[Run]) -> list[ModelSummary]:
    """The true density's row: its NLL on the test split, which is the same for all runs unless the data are redrawn."""
    by_seed = {run["seed"]: run["oracle_nll_nats"] for run in runs if run["oracle_nll_nats"] is not None}
    if not by_seed:
        return []
    values = list(by_seed.values())
    nll = t_interval(values) if len(set(values)) > 1 else Interval(values[0], None, 1)
    return [ModelSummary(data, ORACLE, [], {"nll_nats": nll, "kl_to_truth": Interval(0.0, None, nll.n)}, oracle=True)]


def _summary_row(cell: ModelSummary, about: tuple[str, ...]) -> list[Any]:
    row: list[Any] = [cell.data, cell.rung, cell.setting or None, cell.model]
    if cell.oracle:
        row += [None, None, None, "exact", None, None, None, False, None, None, None]
    else:
        row += [
            len(cell.finished),
            len(cell.runs),
            count_words(cell.runs),
            *(cell.named(column) or None for column in about),
        ]
        row += [cell.is_bound, cell.shared_machine, cell.best, cell.above_floor] if cell.finished else [None] * 4
    for metric in averaged():
        row += cell.intervals.get(metric, (None, None, None))
    return row
