"""From runs to one row per data set and model: means over seeds, intervals, failures, the oracle."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

from bench.record.columns import STATUSES, averaged, errors
from bench.report.intervals import Interval, normal_interval, paired_difference, t_interval
from bench.report.study import Run, label, write_csv

ORACLE = "oracle"


@dataclass(frozen=True)
class ModelSummary:
    """The runs of one model on one data set.

    Attributes:
        data, model: the data set, and the model with what else the study varied in brackets.
        runs: all of them, failed ones too; none for the oracle.
        intervals: metric -> its interval over the finished runs that have it.
        oracle: whether this is the true density and not a model.
        best: whether its NLL is lower than that of every other model, by the paired difference; False where another
            has one on other test examples, or any bound is loose.
    """

    data: str
    model: str
    runs: list[Run]
    intervals: dict[str, Interval]
    oracle: bool = False
    best: bool = field(default=False, compare=False)

    @property
    def finished(self) -> list[Run]:
        """The runs that ended well: the only ones that are averaged."""
        return [run for run in self.runs if run["status"] == "ok"]

    @property
    def is_bound(self) -> bool:
        """True where any finished run reports a bound in place of its likelihood."""
        return any(run["nll_is_bound"] for run in self.finished)

    @property
    def shared_machine(self) -> bool:
        """True where any finished run was timed on a machine that others used."""
        return any(run["shared_machine"] for run in self.finished)

    @property
    def loose(self) -> bool:
        """True where any finished run warns that its bound is loose."""
        return any("bound is loose" in (run["warning"] or "") for run in self.finished)

    @property
    def packed(self) -> bool:
        """True where any finished run was trained together with others, and its time is a share of theirs."""
        return any((run["packed"] or 1) > 1 for run in self.finished)

    @property
    def failures(self) -> str:
        """Counts of the bad ends in words, such as `1 diverged`."""
        return count_words([run for run in self.runs if run["status"] != "ok"])

    def named(self, column: str) -> str:
        """The values of a text column over the finished runs, usually one."""
        if self.oracle and column == "nll_estimator":
            return "exact"
        return ", ".join(sorted({str(run[column]) for run in self.finished if run[column] is not None}))

    def comparable(self, other: "ModelSummary") -> bool:
        """True where both NLLs are means over the same test examples, the first so many."""
        return self.measured_on() == other.measured_on()

    def measured_on(self) -> set[int | None]:
        """Numbers of test examples that the NLLs are means of."""
        return {run["nll_examples"] for run in self.finished if run["nll_nats"] is not None}

    def by_seed(self, column: str) -> dict[int, float]:
        """seed -> value, over the finished runs that have one."""
        return {run["seed"]: run[column] for run in self.finished if run[column] is not None}


class Difference(NamedTuple):
    """NLL of `a` minus NLL of `b` in nats, paired by seed."""

    data: str
    a: ModelSummary
    b: ModelSummary
    interval: Interval


def count_words(runs: list[Run]) -> str:
    """Counts by status in words, such as `2 ok, 1 diverged`."""
    counts = Counter(run["status"] for run in runs)
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])


def summarise(runs: list[Run]) -> list[ModelSummary]:
    """One cell per data set and model in the order of `runs`, and behind each data set its oracle where it is known."""
    groups: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        groups[run["data"]][label(run)].append(run)
    cells: list[ModelSummary] = []
    for data, models in groups.items():
        entries = [_cell(data, model, group) for model, group in models.items()]
        cells += [_marked(entry, entries) for entry in entries]
        cells += _oracle(data, [run for group in models.values() for run in group])
    return cells


def differences(cells: list[ModelSummary]) -> list[Difference]:
    """Every pair of models measured on the same examples of the same data set that share a finished seed."""
    entries = [cell for cell in cells if not cell.oracle]
    pairs = [(a, b) for a, b in combinations(entries, 2) if a.data == b.data and a.comparable(b)]
    intervals = [(a, b, paired_difference(a.by_seed("nll_nats"), b.by_seed("nll_nats"))) for a, b in pairs]
    return [Difference(a.data, a, b, interval) for a, b, interval in intervals if interval is not None]


def summary_csv(models: list[ModelSummary]) -> str:
    """summary.csv: a row a model; each metric with `_ci95` (half-width of its 95 % interval) and `_n` (values)."""
    return write_csv(*summary_rows(models))


def summary_rows(models: list[ModelSummary]) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns of summary.csv, and its rows."""
    about = ("nll_estimator", "nll_space", "recon_kind", "matched_to")
    header = ["data", "model", "n_ok", "n_runs", "statuses", *about, "nll_is_bound", "shared_machine", "best_nll"]
    header += [f"{metric}{suffix}" for metric in averaged() for suffix in ("", "_ci95", "_n")]
    return header, [_summary_row(model, about) for model in models]


def differences_csv(found: list[Difference]) -> str:
    """differences.csv: model_a minus model_b in nats, with its 95 % t interval over the seeds that both finished."""
    header = ["data", "model_a", "model_b", "n", "difference_nats", "ci95", "low", "high", "a_is_bound", "b_is_bound"]
    rows: list[list[Any]] = []
    for data, a, b, (mean, half_width, n) in found:
        ends = [None, None] if half_width is None else [mean - half_width, mean + half_width]
        rows.append([data, a.model, b.model, n, mean, half_width, *ends, a.is_bound, b.is_bound])
    return write_csv(header, rows)


def _cell(data: str, model: str, runs: list[Run]) -> ModelSummary:
    cell = ModelSummary(data, model, runs, {})
    values = {metric: list(cell.by_seed(metric).values()) for metric in averaged()}
    cell.intervals.update({metric: t_interval(found) for metric, found in values.items() if found})
    for metric, column in errors().items():
        if len(values[metric]) == 1:
            error = next(iter(cell.by_seed(column).values()), None)
            cell.intervals[metric] = normal_interval(values[metric][0], error)
    return cell


def _marked(cell: ModelSummary, entries: list[ModelSummary]) -> ModelSummary:
    """The cell with `best` set."""
    own = cell.by_seed("nll_nats")
    others = [other for other in entries if other is not cell and "nll_nats" in other.intervals]
    paired = [paired_difference(own, o.by_seed("nll_nats")) if o.comparable(cell) else None for o in others]
    tight = not any(each.loose for each in (cell, *others))
    best = tight and bool(paired) and all(d is not None and d.mean < 0 and d.excludes_zero for d in paired)
    return ModelSummary(cell.data, cell.model, cell.runs, cell.intervals, best=best)


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
