"""The models of a grid by rank, as a terminal shows them: numbers, marks and verdicts are those of the page."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.config import TUNED
from bench.record.store import divided
from bench.report.collect import read_only
from bench.report.data_warnings import data_warnings
from bench.report.families import behind
from bench.report.model_summary import ModelSummary
from bench.report.notes import NOTES, is_untuned
from bench.report.ranking import Contest, Difference, differences, groups_of, meetings
from bench.report.summary import summarise
from bench.report.tables import Table, TableCell, share, summary_table
from bench.report.terminal_tables import written
from bench.report.verdict import verdicts

BEHIND = "behind the first, nats"

LEAVES = ("training, s", "test examples", "seeds", "bits/dim", BEHIND, "KL, nats", "rank")
"""Columns in the order in which they go where the terminal is too narrow for all."""

NAMED = ("data", "budget", "setting")
"""Columns that a table's title says."""


def ranked(study: str, results_dir: Path, data_of: Mapping[str, str], width: int | None) -> list[str]:
    """A table for each data set that some runs are of, at their largest budget, in lines of at most `width` columns.

    What else the study has there is in the tables too: ranks and tests are of all, as on the page. Where entries were
    tuned, the tables are of tuned ones.

    Args:
        study: under the results folder.
        results_dir: that folder.
        data_of: data set of each run, by its id.
        width: of the terminal; None for a log.

    Raises:
        BenchError: the study's files cannot be read as what they should be.
    """
    runs, test_sets = read_only(results_dir / study, set(data_of.values()))
    cells = summarise(runs, test_sets)
    asked = {cell.place for cell in cells if any(divided(run["run_id"])[0] in data_of for run in cell.runs)}
    pairs = differences(cells, test_sets)
    lines, more = ranked_tables(cells, pairs, asked, width)
    untuned = [NOTES["untuned"]] if is_untuned(cells) else []
    return [*lines, *verdicts(cells, pairs), *mark_notes(cells), *untuned, *data_warnings(runs), *more]


def ranked_tables(
    cells: list[ModelSummary], pairs: Iterable[Difference], asked: set[tuple[Any, ...]], width: int | None
) -> tuple[list[str], list[str]]:
    """A table for each data set, and a line that says how many of other budgets and settings there are.

    Args:
        cells: of the study.
        pairs: every entry behind the best of its contest.
        asked: places of summaries, one of which at least is in each table.
        width: of the terminal; None for a log.
    """
    lines: list[str] = []
    left_out = 0
    for data in dict.fromkeys(cell.data for cell in cells):
        every = meetings_of([cell for cell in cells if cell.data == data], asked)
        shown = at_top(every)
        left_out += len(every) - len(shown)
        for meeting in shown:
            lines += [title(data, meeting), *written(table_of(meeting, pairs), LEAVES, width), ""]
    return lines, [f"{left_out} tables of other budgets and settings are on the page."] if left_out else []


def mark_notes(cells: Iterable[ModelSummary]) -> list[str]:
    """What the marks that stand in the tables of a terminal mean."""
    shown = [cell for cell in cells if cell.finished]
    stand = {
        "bound": any(cell.is_bound for cell in shown),
        "loose": any(cell.loose for cell in shown),
        "above": any(cell.above_floor for cell in shown),
        "shared": any(cell.shared_machine for cell in shown),
        "elsewhere": any(cell.elsewhere for cell in shown),
    }
    return [NOTES[name] for name, stands in stand.items() if stands]


def meetings_of(cells: list[ModelSummary], asked: set[tuple[Any, ...]]) -> list[Contest]:
    """The meetings on one data set that some summaries take part in, by their places; floors alone meet too."""
    own = [cell for cell in cells if not cell.oracle]
    trained = {cell.place for cell in own if not cell.is_floor}
    return [
        meeting
        for meeting in meetings(own)
        if any(cell.place in asked and (cell.place in trained or not trained) for cell in meeting.cells.values())
    ]


def at_top(every: list[Contest]) -> list[Contest]:
    """Those at the largest budget, and of these the tuned ones where there are any."""
    top = max((meeting.rung or 1.0 for meeting in every), default=1.0)
    largest = [meeting for meeting in every if (meeting.rung or 1.0) == top]
    return [meeting for meeting in largest if meeting.setting == TUNED] or largest


def title(data: str, meeting: Contest) -> str:
    """Data set, share of the budget and setting of a table."""
    budget = "" if meeting.rung in (None, 1.0) else f"{share(meeting.rung)} of the budget"
    setting = "" if meeting.setting in ("", "default") else meeting.setting
    return ", ".join(filter(None, (data, budget, setting)))


def table_of(meeting: Contest, pairs: Iterable[Difference]) -> Table:
    """The models of one meeting from the first to the last, those without a likelihood behind them."""
    cells = sorted(meeting.cells.values(), key=nll)
    table = summary_table(cells)
    others = {
        pair.other.model: pair
        for pair in pairs
        if (pair.best.data, pair.rung, pair.setting) == (cells[0].data, meeting.rung, meeting.setting)
    }
    places = ranks(cells, meeting)
    rows = []
    for cell, row in zip(cells, table.rows, strict=True):
        own = by_heading(table, row, NAMED)
        number = TableCell(str(places.get(cell.model, "")), None, cell.best is True)
        rows.append([number, *own, TableCell(distance(others.get(cell.model)), None)])
    headings = ["rank", *(name for name in table.headings if name not in NAMED), BEHIND]
    if not any(row[-1].text for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    return table._replace(headings=headings, rows=rows)


def by_heading(table: Table, row: list[TableCell], left_out: tuple[str, ...]) -> list[TableCell]:
    """The cells of a row but for those under some headings."""
    return [cell for heading, cell in zip(table.headings, row, strict=True) if heading not in left_out]


def nll(cell: ModelSummary) -> float:
    """What models are ranked by; infinite for one without."""
    interval = cell.intervals.get("nll_nats")
    return float("inf") if interval is None else interval.mean


def ranks(cells: list[ModelSummary], meeting: Contest) -> dict[str, int]:
    """Places of models, 1 the first; none for floors, and none at all where test examples differ."""
    if len(groups_of(meeting)) != 1:
        return {}
    trained = [cell.model for cell in cells if not cell.is_floor and "nll_nats" in cell.intervals]
    return {model: place for place, model in enumerate(trained, 1)}


def distance(pair: Difference | None) -> str:
    """How far a model is behind the first of its contest, and whether that is sure."""
    if pair is None:
        return ""
    told = behind(pair)
    return told if pair.interval.half_width is None else f"{told}  {pair.verdict}"
