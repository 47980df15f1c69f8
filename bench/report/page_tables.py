"""Tables of a page: of one data set each, their rows named by model, so that one filter reaches all of them."""

from typing import Any, NamedTuple

from bench.report.model_summary import ModelSummary
from bench.report.numbers import plain
from bench.report.page_ranks import Ranked
from bench.report.ranking import Difference
from bench.report.run_settings import at
from bench.report.study import Run, label
from bench.report.tables import Table, TableCell, difference_table, place_cells, place_headings, study_tables

RUN_COLUMNS = {
    "family": "family",
    "seed": "seed",
    "status": "status",
    "nll_nats": "NLL, nats",
    "train_seconds": "training, s",
    "parameters": "parameters",
    "best_step": "best step",
    "steps": "steps",
    "error": "error",
    "warning": "warning",
    "device": "device",
    "threads": "threads",
    "shared_machine": "shared machine",
    "git_commit": "commit",
    "run_id": "run",
    "command": "command",
}
"""Columns of the table of all runs; others are in table.csv, averaged ones in the tables of `layouts` too."""

HIDDEN = ("bits/dim", "KL to truth, nats", "setting")
"""Columns of ranked tables that are shown on demand; tables of their own show them too."""


class PageRow(NamedTuple):
    """A row and the model that it is of; empty where it is of none."""

    model: str
    cells: list[TableCell]


class PageTable(NamedTuple):
    """A table of a page.

    Attributes:
        name, title: its id, and what stands above it.
        headings: the first of them names the row.
        rows: of models.
        notes: on its marks.
        hidden: headings of columns that are not shown at first.
    """

    name: str
    title: str
    headings: list[str]
    rows: list[PageRow]
    notes: list[str]
    hidden: tuple[str, ...] = ()


def ranked_table(table: Ranked, name: str) -> PageTable:
    """A ranked table as one of a page."""
    rows = [PageRow(row.model, row.cells) for row in table.rows]
    return PageTable(name, f"Ranked: {table.data}", table.headings, rows, table.notes, HIDDEN)


def details(cells: list[ModelSummary], pairs: list[Difference], suffix: str) -> list[PageTable]:
    """The further tables of one data set, each named by its layout and the suffix."""
    tables = study_tables(cells)
    tables[1:1] = [difference_table(pairs)] if pairs else []
    models = sorted({cell.model for cell in cells}, key=len, reverse=True)
    return [of_one_data_set(table, models, suffix) for table in tables]


def of_one_data_set(table: Table, models: list[str], suffix: str) -> PageTable:
    """A table of one data set without the column that names it, the model in front.

    Args:
        table: with the columns data and model.
        models: names of models, no name behind one that it begins with.
        suffix: of its id.
    """
    place, data = table.headings.index("model"), table.headings.index("data")

    def turned(row: list[Any]) -> list[Any]:
        return [row[place], *(field for at, field in enumerate(row) if at not in (place, data))]

    rows = []
    for row in table.rows:
        name = row[place].text
        rows.append(PageRow(next((model for model in models if name.startswith(model)), name), turned(row)))
    return PageTable(f"{table.name}-{suffix}", table.title, turned(table.headings), rows, table.notes)


def run_table(runs: list[Run]) -> dict[str, Any]:
    """Every run, failed ones too, as a page's script draws it a sheet at a time: headings, kinds and rows.

    A cell of text is its text; one of a number its text and the number; an absent one is empty.
    """
    places = place_headings([at(run) for run in runs])
    columns = {c: heading for c, heading in RUN_COLUMNS.items() if any(run[c] is not None for run in runs)}
    rows = [
        [
            run["data"],
            label(run),
            *(plain_cell(cell) for cell in place_cells(*at(run), places)),
            *(plain_cell(field(run[column])) for column in columns),
        ]
        for run in runs
    ]
    headings = ["data", "model", *places, *columns.values()]
    return {"headings": headings, "rows": rows}


def field(value: Any) -> TableCell:
    """The cell of a run's value."""
    if value is None:
        return TableCell("", None)
    if isinstance(value, bool):
        return TableCell("yes" if value else "no", str(value))
    return TableCell(value, value) if isinstance(value, str) else TableCell(plain(value), value)


def plain_cell(cell: TableCell) -> Any:
    """A cell as the run table's script reads it."""
    return cell.text if cell.sort is None or isinstance(cell.sort, str) else [cell.text, cell.sort]
