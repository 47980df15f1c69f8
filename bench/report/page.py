"""The page: HTML that asks nothing of the network, its plots beside it or within."""

import base64
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.record.columns import COLUMNS
from bench.report.inert import slug
from bench.report.model_summary import ModelSummary, count_words
from bench.report.numbers import plain
from bench.report.run_settings import at
from bench.report.study import Run, Study, label
from bench.report.style import Plot
from bench.report.tables import Table, TableCell, place_cells, place_headings

RUN_COLUMNS = {
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

ORIGINS = {
    "git_commit": "Commits of the code",
    "torch_version": "Versions of torch",
    "device": "Devices",
    "threads": "CPU threads",
    "nll_space": "Report spaces",
}
"""Columns whose distinct values stand under "Where it came from"."""


SCALES = {
    "pixels": "Images: dequantised pixels, or pixels of 0 and 1, also as bits per dimension.",
    "standardised": "Columns: standardised by the training rows; nll_unit_nats in table.csv is in their own units.",
    "own coordinates": "Other data: their own coordinates.",
}
"""Words of report spaces, and what a page of such data says of them."""

TRUTH = "Where the exact density is known it stands in the row oracle."


def render(
    study: Study,
    cells: list[ModelSummary],
    tables: list[Table],
    plots: list[Plot],
    answers: Sequence[str] = (),
    notices: Sequence[str] = (),
    *,
    single_file: bool = False,
) -> str:
    """report.html: tables, style, script and plots, linked as plots/NAME.png; equal input gives equal text.

    What the study comes to and notices stand at the head of the page. With `single_file` the plots are in the page, as
    data URIs, so that it can be sent on its own.
    """
    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    places = place_headings([at(run) for run in study.runs])
    environment.filters |= {"source": embedded if single_file else linked, "slug": slug}
    return environment.get_template("report.html").render(
        study=study.name,
        single_file=single_file,
        counts=count_words(study.runs),
        scales=scales_of(study.runs),
        answers=answers,
        notices=notices,
        runs=study.runs,
        models=sorted({cell.model for cell in cells if not cell.oracle}),
        tables=tables,
        data_sets=len({cell.data for cell in cells}),
        sections=_sections(cells, plots),
        places=places,
        unhappy=[(run, label(run), place_cells(*at(run), places)) for run in study.runs if run["status"] != "ok"],
        run_table=_run_table(study.runs, places),
        glossary=COLUMNS,
        origins={heading: _counted(study.runs, column) for column, heading in ORIGINS.items()},
        shared=sum(bool(run["shared_machine"]) for run in study.runs),
    )


def scales_of(runs: list[Run]) -> list[str]:
    """What a page says of the report spaces of its own data."""
    spaces = {str(run.get("nll_space") or "") for run in runs}
    said = [words for space, words in SCALES.items() if any(space in own for own in spaces)]
    return said + [TRUTH] * any(run.get("oracle_nll_nats") is not None for run in runs)


def linked(plot: Plot) -> str:
    """The address of a plot relative to the page."""
    return quote(f"plots/{plot.name}.png")


def embedded(plot: Plot) -> str:
    """The plot itself, as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(plot.png).decode('ascii')}"


def _sections(cells: list[ModelSummary], plots: list[Plot]) -> dict[str, list[Plot]]:
    """data set -> its plots, in the order of the tables; those of all data sets last."""
    sections: dict[str, list[Plot]] = {cell.data: [] for cell in cells}
    for plot in plots:
        sections.setdefault(plot.data, []).append(plot)
    return {data: plots for data, plots in sections.items() if plots}


def _run_table(runs: list[Run], places: list[str]) -> Table:
    """Every run, failed ones too, with the columns `places` after its data."""
    columns = {c: heading for c, heading in RUN_COLUMNS.items() if any(run[c] is not None for run in runs)}
    rows = [
        [
            TableCell(run["data"], run["data"]),
            *place_cells(*at(run), places),
            TableCell(label(run), label(run)),
            *(_field(run[column]) for column in columns),
        ]
        for run in runs
    ]
    return Table("runs", "All runs", ["data", *places, "model", *columns.values()], rows, [])


def _field(value: Any) -> TableCell:
    if value is None:
        return TableCell("", None)
    if isinstance(value, bool):
        return TableCell("yes" if value else "no", str(value))
    return TableCell(value, value) if isinstance(value, str) else TableCell(plain(value), value)


def _counted(runs: list[Run], column: str) -> list[str]:
    """Each distinct value of a column with the number of runs that have it."""
    values = [str(run[column]) for run in runs if run[column] is not None]
    return [f"{value} ({n} run{'s' * (n > 1)})" for value, n in sorted(Counter(values).items())]
