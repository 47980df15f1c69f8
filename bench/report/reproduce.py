"""`bench reproduce`: what a study obtained beside what was published, from its stored table alone."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.record.columns import COLUMNS
from bench.record.store import TABLE
from bench.report.intervals import LEVEL, Interval, normal_interval, t_interval
from bench.report.numbers import quantity
from bench.report.study import label, load, study_folder, words_of

PUBLISHED = Path(__file__).with_name("published.csv")

HEADINGS = ("data", "entry", "quantity", "obtained", "published", "difference", "published by")

NOTE = (
    f"obtained: mean and {LEVEL:.0%} interval over seeds, of a single seed or the data that over test examples; "
    "published: with the error that was given. Nets and training may differ; the difference says how far apart the "
    "numbers are."
)


def reproduce(study: str, results_dir: Path) -> list[str]:
    """A table in lines: one for each published number that the study has a counterpart of, and a note.

    Where no error was published, that side has none. How sure a published number is stands behind its source: `read`
    and `quoted` from the paper, or `recalled`.

    Raises:
        BenchError: the study is unknown or has no table, or nothing published stands beside it.
    """
    folder = study_folder(study, results_dir)
    if not (folder / TABLE).exists():
        raise BenchError(f"{folder} has no {TABLE}; make it with: bench report {study}")
    runs = [run for run in load(folder).runs if run["status"] == "ok"]
    rows: list[tuple[str, ...]] = [HEADINGS]
    for published in pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False).to_dict("records"):
        rows += [compared(published, *result) for result in obtained(runs, published)]
    if len(rows) == 1:
        raise BenchError(f"nothing published stands beside the data of study {study}; see {PUBLISHED.name}")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, "", NOTE]


def obtained(runs: list[dict[str, Any]], published: dict[Any, Any]) -> list[tuple[str, Interval, str]]:
    """The study's values of a published quantity: whose, the value with its interval, and what that is over.

    The runs are those of the data set and the entry whose command has the published options; each way in which the
    study varied what those leave open has its own value. A property of the data itself is looked up in any run.
    """
    oracle, column = published["model"] == "", published["column"]
    options = set(published["options"].split())
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        same = run["data"] == published["data"] and (oracle or run["model"] == published["model"])
        if same and options <= set(words_of(run)) and run[column] is not None:
            groups["oracle" if oracle else label(run)].append(run)
    return [(name, *mean_of(group, column, oracle)) for name, group in groups.items()]


def mean_of(runs: list[dict[str, Any]], column: str, oracle: bool) -> tuple[Interval, str]:
    """The mean over seeds, of a single seed or the data themselves the interval over test examples."""
    values = [float(run[column]) for run in runs]
    if len(values) > 1 and not oracle:
        return t_interval(values), f" ({len(values)} seeds)"
    error = runs[0].get(COLUMNS[column].error)
    return normal_interval(values[0], error), "" if oracle else " (1 seed)"


def compared(published: dict[Any, Any], name: str, interval: Interval, over: str) -> tuple[str, ...]:
    """One row of the table."""
    error = f" ± {published['error']}" if published["error"] else ""
    kind = f" ({published['error_kind']})" if published["error_kind"] else ""
    return (
        published["data"],
        name,
        published["column"],
        f"{quantity(interval, digits=6)}{over}",
        f"{published['value']}{error}{kind}",
        f"{interval.mean - float(published['value']):+.4f}",
        f"{published['who']}; {published['source']}; {published['certainty']}",
    )
