"""A study's committed files as pandas tables: one row a run, and one row a model."""

import shlex
from pathlib import Path

import pandas as pd

from bench.errors import BenchError
from bench.record.store import TABLE
from bench.report.study import frame, load, series, study_folder
from bench.report.summary import summarise, summary_rows


def table(study: str, results_dir: str | Path = "results") -> pd.DataFrame:
    """The rows of table.csv, one a run, with nullable types: empty where an entry does not have a quantity.

    The columns are those of `bench list metrics` and `variant`: the options that tell a run from others of its model,
    such as `beta=4.0`, of which each has a column of its own as well (`beta`, as text, empty where it is not said).

    Raises:
        BenchError: there is no such study (the nearest names are given), or its table is absent or damaged.
    """
    runs = frame(load(_tabled_folder(study, results_dir)).runs)
    if "variant" not in runs:
        runs["variant"] = None
    options = runs["variant"].map(_options)
    for name in sorted({name for given in options for name in given} - set(runs.columns)):
        runs[name] = [given.get(name) for given in options]
    return runs


def summary(study: str, results_dir: str | Path = "results") -> pd.DataFrame:
    """One row a model on a data set, the oracle among them, in the columns of summary.csv.

    `n_ok` of `n_runs` seeds finished; each metric is the mean over them, with `_ci95`, the half-width of its 95 %
    interval, and `_n`, the number of values.

    Raises:
        BenchError: there is no such study (the nearest names are given), or its table is absent or damaged.
    """
    stored = load(_tabled_folder(study, results_dir))
    header, rows = summary_rows(summarise(stored.runs, stored.test_sets))
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return pd.DataFrame({name: series(list(values)) for name, values in zip(header, columns, strict=True)})


def _tabled_folder(study: str, results_dir: str | Path) -> Path:
    """The folder of a study that has a table."""
    folder = study_folder(study, Path(results_dir))
    if not (folder / TABLE).exists():
        raise BenchError(f"{folder} has no {TABLE}; make it with: bench report {shlex.quote(study)}")
    return folder


def _options(variant: str | None) -> dict[str, str]:
    """`beta=4.0, eval.estimator=ais` as option -> value; a word without `=`, such as a hash, is none."""
    pairs = [word.partition("=") for word in _words(variant or "")]
    return {name: value for name, equals, value in pairs if equals}


def _words(variant: str) -> list[str]:
    """The parts between commas, but for commas within a list such as `widths=[64, 64]`."""
    words = [""]
    depth = 0
    for character in variant:
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth == 0:
            words.append("")
        else:
            words[-1] += character
    return [word.strip() for word in words]
