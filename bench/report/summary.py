"""From runs to one row per data set and model: means over seeds, intervals, failures, the oracle."""

from collections import defaultdict
from typing import Any

from bench.record.columns import averaged, errors
from bench.report.intervals import Interval, normal_interval, t_interval
from bench.report.model_summary import ORACLE, ModelSummary, count_words
from bench.report.ranking import with_best
from bench.report.study import Run, label, write_csv


def summarise(runs: list[Run]) -> list[ModelSummary]:
    """One cell per data set and model in the order of `runs`, and behind each data set its oracle where it is known."""
    groups: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        groups[run["data"]][label(run)].append(run)
    cells: list[ModelSummary] = []
    for data, models in groups.items():
        entries = [_cell(data, model, group) for model, group in models.items()]
        cells += [with_best(entry, entries) for entry in entries]
        cells += _oracle(data, [run for group in models.values() for run in group])
    return cells


def summary_csv(models: list[ModelSummary]) -> str:
    """summary.csv: a row a model; each metric with `_ci95` (half-width of its 95 % interval) and `_n` (values)."""
    return write_csv(*summary_rows(models))


def summary_rows(models: list[ModelSummary]) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns of summary.csv, and its rows."""
    about = ("nll_estimator", "nll_space", "recon_kind", "matched_to")
    header = ["data", "model", "n_ok", "n_runs", "statuses", *about, "nll_is_bound", "shared_machine", "best_nll"]
    header += [f"{metric}{suffix}" for metric in averaged() for suffix in ("", "_ci95", "_n")]
    return header, [_summary_row(model, about) for model in models]


def _cell(data: str, model: str, runs: list[Run]) -> ModelSummary:
    cell = ModelSummary(data, model, runs, {})
    values = {metric: list(cell.by_seed(metric).values()) for metric in averaged()}
    cell.intervals.update({metric: t_interval(of_seeds) for metric, of_seeds in values.items() if of_seeds})
    for metric, column in errors().items():
        if len(values[metric]) == 1:
            error = next(iter(cell.by_seed(column).values()), None)
            cell.intervals[metric] = normal_interval(values[metric][0], error)
    return cell


def _oracle(data: str, runs: list[Run]) -> list[ModelSummary]:
    """The true density's row: its NLL on the test split, which is the same for all runs unless the data are redrawn."""
    by_seed = {run["seed"]: run["oracle_nll_nats"] for run in runs if run["oracle_nll_nats"] is not None}
    if not by_seed:
        return []
    values = list(by_seed.values())
    nll = t_interval(values) if len(set(values)) > 1 else Interval(values[0], None, 1)
    return [ModelSummary(data, ORACLE, [], {"nll_nats": nll, "kl_to_truth": Interval(0.0, None, nll.n)}, oracle=True)]


def _summary_row(cell: ModelSummary, about: tuple[str, ...]) -> list[Any]:
    row: list[Any] = [cell.data, cell.model]
    if cell.oracle:
        row += [None, None, None, "exact", None, None, None, False, None, None]
    else:
        row += [
            len(cell.finished),
            len(cell.runs),
            count_words(cell.runs),
            *(cell.named(column) or None for column in about),
        ]
        row += [cell.is_bound, cell.shared_machine, cell.best] if cell.finished else [None, None, None]
    for metric in averaged():
        row += cell.intervals.get(metric, (None, None, None))
    return row
