"""A study's committed files as pandas tables: one row a run, and one row a model."""

import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.record.store import TABLE, has_table
from bench.record.study_folder import study_folder
from bench.report.study import columns_of, kind_of, load, words_of
from bench.report.summary import summarise, summary_rows


def table(study: str, results_dir: str | Path = "results") -> pd.DataFrame:
    """The rows of table.csv, one a run, with nullable types: empty where an entry does not have a quantity.

    The columns are those of `bench list metrics`, `variant`, the options that tell a run from others of its model, and
    a column for each dotted option of the runs' commands: `model.beta`, `budget.steps`, `tune.setting`, empty where a
    command does not say it.

    Raises:
        BenchError: there is no such study (the nearest names are given), or its table is absent or damaged.
    """
    columns = columns_of(load(_tabled_folder(study, results_dir)).runs)
    runs = pd.DataFrame({name: series(values) for name, values in columns.items()})
    if "variant" not in runs:
        runs["variant"] = None
    options = [options_of(words_of({"command": command})) for command in runs["command"].fillna("")]
    names = sorted({name for given in options for name in given})
    said = pd.DataFrame({name: series([given.get(name) for given in options]) for name in names}, index=runs.index)
    return pd.concat([runs, said], axis=1)


def summary(study: str, results_dir: str | Path = "results") -> pd.DataFrame:
    """One row a model on a data set, the oracle among them, with a column a metric: summary.csv has a row each.

    `n_ok` of `n_runs` seeds finished; each metric is the mean over them, with `_ci95`, the half-width of its 95 %
    interval, and `_n`, the number of values.

    Raises:
        BenchError: there is no such study (the nearest names are given), or its table is absent or damaged.
    """
    stored = load(_tabled_folder(study, results_dir))
    header, rows = summary_rows(summarise(stored.runs, stored.test_sets))
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return pd.DataFrame({name: series(list(values)) for name, values in zip(header, columns, strict=True)})


def series(values: list[Any]) -> "pd.Series[Any]":
    """A column of the nullable type that its values have."""
    return pd.Series(values, dtype=kind_of(values))


def _tabled_folder(study: str, results_dir: str | Path) -> Path:
    """The folder of a study that has a table."""
    folder = study_folder(study, Path(results_dir))
    if not has_table(folder):
        raise BenchError(f"{folder} has no {TABLE}; make it with: bench report {shlex.quote(study)}")
    return folder


def options_of(words: list[str]) -> dict[str, bool | int | float | str]:
    """The dotted options among the words of a command: `model.beta=4.0` as `model.beta` -> 4.0."""
    pairs = (word.lstrip("+").partition("=") for word in words)
    return {name: _value(text) for name, equals, text in pairs if equals and re.fullmatch(r"\w+(\.\w+)+", name)}


def _value(text: str) -> bool | int | float | str:
    """A word's value: a flag, a number, or the text itself."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
