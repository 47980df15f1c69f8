"""The numbers that READMEs name by an address, read from a study's own CSV files.

An address is `digits @ realnvp @ nll_nats`: data set, model, column. Of two models, `realnvp - vae`, or two columns,
`c2st - c2st_floor`, it is the difference paired by seed; the column `difference` is the NLL of one model minus that of
another as differences.csv has it, `published` a published one, `milliseconds_alone` a step as `bench retime` measured
it, in proportion to each run's evaluations of a field, the mean over runs. Of a model at several budgets and settings
it is the one at the largest budget, tuned; `vae [1/4, default]` names another. The data set `mean` is the mean of all.
"""

import math
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import pandas as pd

from bench.errors import BenchError, unknown
from bench.record.columns import bounded
from bench.record.reading import as_it_lies
from bench.record.steps import STEPS, read_steps
from bench.record.store import TABLE
from bench.report.intervals import Interval, t_interval
from bench.report.likelihoods import FOLD
from bench.report.marks import DAGGER, SECTION, TRIANGLE, is_time
from bench.report.model_summary import LOOSE
from bench.report.numbers import quantity
from bench.report.published import counterparts


class Quantity(NamedTuple):
    """A number of a study: mean and half-width of its 95 % interval, and the marks that belong to it."""

    mean: float
    half_width: float | None = None
    bound: bool = False
    best: bool = False
    marks: str = ""

    def __str__(self) -> str:
        """The number as tables have it: `**≤ 3.8 ± 1.2 † §**`."""
        number = quantity(Interval(self.mean, self.half_width, 0))
        text = f"{'≤ ' * self.bound}{number} {self.marks}".rstrip()
        return f"**{text}**" if self.best else text


class StudyValues:
    """The numbers of one study, by address.

    Args:
        folder: of the study; its files are read when they are needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def at(self, data: str, model: str, metric: str) -> Quantity | None:
        """The number at an address; None where the row has none.

        Raises:
            BenchError: there is no such row or column.
        """
        if metric == "difference":
            return self._difference(data, *self._two(model))
        if metric == "published":
            return published(data, model)
        if metric == "milliseconds_alone":
            return self._alone(data, model)
        if " - " in model or " - " in metric:
            return self._paired(data, model.split(" - "), metric.split(" - "))
        rows = _at_place(self._summary, model)
        if metric not in rows:
            raise unknown("column", metric, self._summary.columns, str(self.folder / "summary.csv"))
        if data == "mean" and not rows["data"].is_unique:
            raise BenchError(f"{self.folder / 'summary.csv'} has several rows of {model} on one data set")
        if data == "mean":
            return Quantity(float(rows[metric].dropna().mean()))
        rows = rows[rows["data"] == data]
        if len(rows) != 1:
            raise BenchError(f"{self.folder / 'summary.csv'} has no row of {data}, {model}")
        row = rows.iloc[0]
        return None if pd.isna(row[metric]) else self._marked(row, metric)

    def first_data(self) -> str:
        """The data set of the first row."""
        return str(self._summary["data"].iloc[0])

    @cached_property
    def _summary(self) -> pd.DataFrame:
        """A row a model; a number's marks stand behind it."""
        rows = self._read("summary.csv")
        return widened(rows) if "metric" in rows else rows

    @cached_property
    def _runs(self) -> pd.DataFrame:
        """The rows as text, and the `label` of each: its model and what tells it from others of that model."""
        runs = self._read(TABLE, keep_default_na=False, dtype=str)
        return runs.assign(
            label=runs["model"] + runs["variant"].map(lambda variant: f" ({variant})" if variant else "")
        )

    @cached_property
    def _pairs(self) -> pd.DataFrame:
        return self._read("differences.csv")

    def _read(self, name: str, **options: Any) -> pd.DataFrame:
        try:
            read: pd.DataFrame = pd.read_csv(as_it_lies(self.folder / name), low_memory=False, **options)
            return read.copy()  # read in pieces: pandas warns of those
        except (OSError, ValueError) as error:
            raise BenchError(
                f"{self.folder / name} cannot be read; make it with: bench report {self.folder.name}"
            ) from error

    def _marked(self, row: "pd.Series[Any]", metric: str) -> Quantity:
        """The number of a row of the summary."""
        half_width = row[f"{metric}_ci95"]
        known = None if pd.isna(half_width) or half_width == 0 else float(half_width)
        mean = float(row[metric])
        if f"{metric}_marks" in row:
            marks = " ".join(mark for mark in str(row[f"{metric}_marks"]).split() if mark != TRIANGLE)
            return Quantity(mean, known, _true(row[f"{metric}_is_bound"]), _true(row[f"{metric}_best"]), marks)
        of_likelihood = metric in bounded()
        shared, loose = is_time(metric) and _true(row["shared_machine"]), of_likelihood and self._is_loose(row)
        bound, best = (of_likelihood and _true(row[name]) for name in ("nll_is_bound", "best_nll"))
        return Quantity(mean, known, bound, best, " ".join([DAGGER] * shared + [SECTION] * loose))

    def _is_loose(self, row: "pd.Series[Any]") -> bool:
        """True for a bound whose slack is large or not known; of older studies one that a row warns of."""
        if "rung" not in row:
            runs = self._runs[(self._runs["data"] == row["data"]) & (self._runs["label"] == row["model"])]
            return bool(runs["warning"].str.contains("bound is loose").any())
        slack = row["nll_slack_nats"]
        return _true(row["nll_is_bound"]) and (pd.isna(slack) or float(slack) > LOOSE)

    def _difference(self, data: str, a: str, b: str) -> Quantity:
        """NLL of `a` minus that of `b`, of which one is the best at the final budget and setting."""
        pairs = self._pairs[self._pairs["data"] == data]
        if "best" in pairs:
            pairs = pairs.assign(tuned=pairs["setting"].fillna("").str.contains("tuned"))
            pairs = pairs.sort_values(["rung", "tuned"], na_position="first")
            ends = ("model", "best")
        else:  # a study of before there was one best: every pair
            ends = ("model_a", "model_b")
        for (first, second), sign in (((a, b), 1), ((b, a), -1)):
            rows = pairs[(pairs[ends[0]] == first) & (pairs[ends[1]] == second)]
            if len(rows):
                row = rows.iloc[-1]
                half_width = None if pd.isna(row["ci95"]) else float(row["ci95"])
                return Quantity(sign * float(row["difference_nats"]), half_width)
        raise BenchError(f"{self.folder / 'differences.csv'} has no difference of {a} and {b} on {data}")

    def _paired(self, data: str, models: list[str], columns: list[str]) -> Quantity:
        """The difference of two models in a column, or of two columns of a model, over their common seeds.

        Where a seed stands for a test fold, training sets overlap: see `bench.report.folds`.
        """
        runs = self._runs[self._runs["data"] == data]
        values = [self._by_seed(runs, model, column) for model in models for column in columns]
        if len(values) != 2 or not values[0].keys() & values[1].keys():
            raise BenchError(f"{self.folder / TABLE} has no difference of {models} in {columns} on {data}")
        first, second = values
        gaps = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
        mean, half_width, folds = t_interval(gaps)
        wider = math.sqrt(1 + folds * fold_ratio(runs))
        return Quantity(mean, None if half_width is None else wider * half_width)

    def _by_seed(self, runs: pd.DataFrame, model: str, column: str) -> dict[str, float]:
        if column not in runs:
            raise unknown("column", column, runs.columns, str(self.folder / TABLE))
        rungs = {"rung": pd.to_numeric(runs["rung"])} if "rung" in runs else {}
        here = _at_place(runs.assign(model=runs["label"], **rungs), model)
        own = here[here[column] != ""]
        return {str(seed): float(value) for seed, value in zip(own["seed"], own[column], strict=True)}

    def _alone(self, data: str, model: str) -> Quantity:
        """Milliseconds of a step timed alone, of runs that ended ok, each in proportion to its field evaluations."""
        times, runs = read_steps(self.folder / STEPS), self._runs
        runs = runs[(runs["data"] == data) & (runs["status"] == "ok")]
        here = _at_place(runs.assign(model=runs["label"], rung=pd.to_numeric(runs["rung"])), model)
        alone = [
            1000 * times[run_id].seconds(1, float(nfe) if nfe else None)
            for run_id, nfe in zip(here["run_id"], here["train_nfe"], strict=True)
            if run_id in times
        ]
        if len(alone) < max(1, len(here)) or any(times[run_id].shared_machine for run_id in here["run_id"]):
            raise BenchError(f"{self.folder / STEPS} has no step alone of {data}, {model}; make it with: bench retime")
        return Quantity(fmean(alone))

    def _two(self, models: str) -> list[str]:
        names = models.split(" - ")
        if len(names) != 2:
            raise BenchError(f"{models}: a difference is of two models, as in realnvp - vae")
        return names


def fold_ratio(runs: pd.DataFrame) -> float:
    """n_test / n_train of runs whose seeds stand for test folds; 0 of others."""
    if "varies" not in runs or not (runs["varies"] == FOLD).any():
        return 0.0
    test, train = (pd.to_numeric(runs.loc[runs["varies"] == FOLD, name]) for name in ("nll_examples", "train_examples"))
    return float((test / train).max())


def widened(rows: pd.DataFrame) -> pd.DataFrame:
    """A long summary as a row a model: each metric, and behind its name what belongs to it."""
    models: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
        place = (row["data"], row["budget"], row["setting"], row["model"])
        model = models.setdefault(place, dict(zip(("data", "rung", "setting", "model"), place, strict=True)))
        name = row["metric"]
        model |= {name: row["mean"], **{f"{name}_{part}": row[part] for part in ("ci95", "is_bound", "best")}}
        model[f"{name}_marks"] = row["marks"] or ""
    wide = pd.DataFrame(models.values())
    return wide.assign(rung=wide["rung"].astype(float))


def published(data: str, label: str) -> Quantity | None:
    """The first published likelihood that stands beside a model and can be compared."""
    model, _, variant = label.rstrip(")").partition(" (")
    for each in counterparts():
        own = (each.data, each.model, each.column) == (data, model, "nll_nats")
        if own and not each.not_comparable and (not variant or f"model.{variant}" in each.options):
            error = each.published["error"]
            return Quantity(each.value, float(error) if error else None)
    return None


def _at_place(rows: pd.DataFrame, address: str) -> pd.DataFrame:
    """The rows of a model at the budget and setting in brackets, of each data set else at the final ones."""
    model, _, place = address.partition(" [")
    rows = rows[rows["model"] == model]
    if "rung" not in rows:
        return rows
    settings = rows["setting"].fillna("")
    named = False
    for word in (word.strip() for word in place.rstrip("]").split(",") if word):
        if word[0].isdigit():
            rows = rows[abs(rows["rung"] - float(Fraction(word))) < 1e-9]
        else:
            own = settings.loc[rows.index].map(lambda setting, word=word: word in setting.split("="))
            rows = rows[own.astype(bool)]  # of no rows too, where a list would choose columns
            named = True
    # Floors have no rung; a tuned setting may be the default one too.
    tuned = settings.loc[rows.index].str.contains("tuned") & (not named)
    order = 2 * rows["rung"].fillna(0).rank(method="dense") + tuned
    return rows[order == order.groupby(rows["data"]).transform("max")]


def _true(value: Any) -> bool:
    """True for the flag's word: a column with empty cells is text."""
    return str(value) == "True"
