"""`bench report STUDY --models --data --columns`: the rows and columns of a study's tables that were chosen."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import unknown
from bench.record.columns import COLUMNS, averaged
from bench.record.study_folder import study_folder
from bench.record.writing import write_atomically
from bench.report.layouts import Layout, Metric, layouts
from bench.report.markup import markdown, tex
from bench.report.model_summary import ModelSummary
from bench.report.study import load
from bench.report.summary import summarise, summary_csv
from bench.report.tables import table_of
from bench.report.terminal_tables import written

NAME = "selection"
USUAL = ("nll_nats", "bits_per_dim", "kl_to_truth", "train_seconds")
"""Columns where none are chosen."""


def select(
    study: str,
    results_dir: Path,
    width: int | None,
    *,
    models: Sequence[str],
    data: Sequence[str],
    columns: Sequence[str],
) -> list[str]:
    """Writes selection.csv, .md and .tex beside the study's tables, which stay as they are; the lines to print.

    Intervals, bold and marks are those of the whole study: what is told apart is so among all of its models.

    Args:
        study, results_dir: of the tables.
        width: of the terminal; None for a log.
        models: names of entries, or of rows such as `vae (beta=4.0)`; none takes all.
        data: names of data sets; none takes all.
        columns: averaged columns of `bench list metrics`; none takes the usual ones.

    Raises:
        BenchError: there is no such study, model, data set or column; the message names the nearest.
    """
    folder = study_folder(study, results_dir)
    stored = load(folder)
    cells = summarise(stored.runs, stored.test_sets)
    own = {cell.model for cell in cells} | {str(run["model"]) for run in stored.runs}
    _held("model", models, own, study)
    _held("data set", data, {cell.data for cell in cells}, study)
    _held("column", columns, averaged(), "bench list metrics")
    shown = [cell for cell in cells if chosen(cell, models, data)]
    table = table_of(layout(columns or USUAL), shown)
    write_atomically(folder / f"{NAME}.csv", summary_csv([only(cell, columns or USUAL) for cell in shown]))
    write_atomically(folder / f"{NAME}.md", markdown([table]))
    write_atomically(folder / f"{NAME}.tex", tex([table], study))
    return [
        *written(table, (), width),
        "",
        *(f"- {note}" for note in table.notes),
        "",
        f"table: {folder / NAME}.csv, .md, .tex",
    ]


def _held(kind: str, names: Sequence[str], known: Sequence[str] | set[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise unknown(kind, name, known, where)


def chosen(cell: ModelSummary, models: Sequence[str], data: Sequence[str]) -> bool:
    """True for a row of one of these models on one of these data sets, where any are named."""
    names = {cell.model, *(str(run["model"]) for run in cell.runs)}
    return (not models or bool(names & set(models))) and (not data or cell.data in data)


def layout(columns: Sequence[str]) -> Layout:
    """A table of these columns, with the headings that they have in the others."""
    known = {metric.column: metric for one in layouts() for metric in one.metrics if not metric.floor}
    metrics = [known.get(name) or Metric(name, headed(name)) for name in columns]
    return Layout(NAME, "Chosen rows and columns", tuple(metrics))


def headed(column: str) -> str:
    """A column's name and unit."""
    unit = COLUMNS[column].unit
    return f"{column}, {unit}" if unit else column


def only(cell: ModelSummary, columns: Sequence[str]) -> ModelSummary:
    """A row with the intervals of these columns alone."""
    kept = {name: interval for name, interval in cell.intervals.items() if name in columns}
    return replace(cell, intervals=kept)
