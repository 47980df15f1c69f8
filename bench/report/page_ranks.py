"""The ranked table of a data set: who is first, by how much, at what cost, and how samples look to the metrics."""

import shlex
from collections.abc import Iterable
from typing import NamedTuple

from bench.record.sample_metrics import SAMPLE_METRICS
from bench.record.store import divided
from bench.report.controls import MARKS, controls, judged, side
from bench.report.families import behind, family_of
from bench.report.layouts import Layout, Metric
from bench.report.model_summary import ModelSummary, count_words, finals
from bench.report.notes import notes_of
from bench.report.ranking import Difference
from bench.report.tables import TableCell, number_cell, off_its_floor, place_cells, place_headings
from bench.report.verdict import at_top, groups_alike, in_several_settings

NLL, BEHIND = "NLL, nats", "behind the best, nats"
LIKELIHOODS = (Metric("nll_nats", NLL), Metric("bits_per_dim", "bits/dim"), Metric("kl_to_truth", "KL to truth, nats"))
COSTS = (
    Metric("train_seconds", "training, s", timing=True),
    Metric("tuning_seconds", "tuning, s"),
    Metric("sample_seconds_per_1k", "1,000 samples, s", timing=True),
)
QUALITY = ("feature_frechet", "sliced_w2")
"""Metrics of samples, the first of which that was measured stands in the table; the others are in a table of theirs."""
EQUAL, NO_RANK = "=", "-"


class RankedRow(NamedTuple):
    """One entry, a reference or a control.

    Attributes:
        model, family: its names.
        status: what became of its runs, in words.
        cells: of the table's headings.
        commands: that make its runs again.
        draw: the command that samples from its run that is best on validation; empty where none ended well.
    """

    model: str
    family: str
    status: str
    cells: list[TableCell]
    commands: list[str]
    draw: str = ""


class Ranked(NamedTuple):
    """The ranked table of a data set; `notes` say what its marks stand for."""

    data: str
    headings: list[str]
    rows: list[RankedRow]
    notes: list[str]


class Entry(NamedTuple):
    """A summary with its place: its rank, empty without one, and how far it is behind."""

    cell: ModelSummary
    rank: int | None = None
    gap: Difference | None = None
    is_first: bool = False


def ranked(cells: list[ModelSummary], pairs: list[Difference]) -> Ranked:
    """The ranked table of one data set: of each model the row that is compared, else the one at the largest budget.

    Args:
        cells: of the data set, with its oracle.
        pairs: every entry behind the best of its contest.
    """
    entries = [*in_order(cells, at_top(pairs) if pairs else []), *without_rank(cells)]
    shown = [entry.cell for entry in entries]
    metrics = [metric for metric in LIKELIHOODS if has_value(shown, metric)]
    costs = [metric for metric in COSTS if has_value(shown, metric)]
    quality = [Metric(name, SAMPLE_METRICS[name].heading) for name in QUALITY]
    quality = [metric for metric in quality if has_value(shown, metric)][:1]
    has_floors = any(judged(cell) for cell in shown)
    places = place_headings([(cell.rung, cell.setting) for cell in shown if cell.runs and not cell.control])
    headings = ["rank", "model", "family", *(metric.heading for metric in metrics)]
    headings[4:4] = [BEHIND] if any(entry.gap for entry in entries) else []
    headings += [metric.heading for metric in costs]
    headings += [*["off the floor by"] * has_floors, *(metric.heading for metric in quality), *places, "seeds"]
    rows = []
    for entry in entries:
        cell = entry.cell
        likelihood = [number_cell(metric, cell) for metric in metrics]
        likelihood[1:1] = [gap_cell(entry)] if BEHIND in headings else []
        row = [rank_cell(entry), text(cell.model), text("" if is_beside(cell) else family_of(cell)), *likelihood]
        row += [number_cell(metric, cell) for metric in costs]
        row += [off_floor_cell(cell)] * has_floors
        row += [with_mark(number_cell(metric, cell), cell, metric.column) for metric in quality]
        row += [*place_cells(cell.rung, cell.setting, places), seeds(cell)]
        commands = [] if cell.control else [str(run["command"]) for run in cell.runs if run["command"]]
        status = "" if is_beside(cell) else count_words(cell.runs)
        draw = "" if is_beside(cell) else drawing(cell)
        rows.append(RankedRow(cell.model, row[2].text, status, row, commands, draw))
    data = next(cell.data for cell in cells)
    layout = Layout("ranked", data, (*metrics, *costs, *quality), controls=True)
    return Ranked(data, headings, rows, notes_of(layout, [*metrics, *costs, *quality], shown) + bound_note(entries))


def drawing(cell: ModelSummary) -> str:
    """The command that draws from the finished run that is best on validation, the first where that is not known."""
    validated = [run for run in cell.finished if run.get("val_nll_nats") is not None]
    best = min(validated, key=lambda run: float(run["val_nll_nats"]), default=next(iter(cell.finished), None))
    if best is None:
        return ""
    ending = "csv" if best.get("bits_per_dim") is None else "png"
    return f"bench sample {shlex.quote(divided(best['run_id'])[0])} -n 1000 --out samples.{ending}"


def in_order(cells: list[ModelSummary], pairs: list[Difference]) -> list[Entry]:
    """Models by test NLL: the most that compare with their ranks, the others, those without a likelihood."""
    entries = []
    groups = groups_alike(pairs)
    if groups and not in_several_settings(groups):
        group = sorted(groups[0], key=lambda pair: pair.interval.mean)
        entries = [Entry(group[0].best, is_first=True), *(Entry(pair.other, gap=pair) for pair in group)]
        place = 0
        for number, entry in enumerate(entries):
            place += not entry.cell.is_floor
            entries[number] = entry._replace(rank=None if entry.cell.is_floor else place)
    known = {entry.cell.model for entry in entries}
    others = [cell for cell in finals(cells) if cell.model not in known and not cell.oracle]
    return entries + [Entry(cell) for cell in sorted(others, key=by_nll)]


def by_nll(cell: ModelSummary) -> tuple[bool, float, str]:
    """The order of models by their mean NLL; those without one are last."""
    interval = cell.intervals.get("nll_nats")
    return interval is None, interval.mean if interval else 0.0, cell.model


def without_rank(cells: list[ModelSummary]) -> list[Entry]:
    """The true density, and the controls of samples."""
    data = next(cell.data for cell in cells)
    oracles = [cell for cell in cells if cell.oracle]
    return [Entry(cell) for cell in [*oracles, *controls(data, [run for cell in cells for run in cell.finished])]]


def is_beside(cell: ModelSummary) -> bool:
    """True for what is no model: the true density and the controls."""
    return cell.oracle or cell.control


def has_value(cells: Iterable[ModelSummary], metric: Metric) -> bool:
    """True where a model has a value of that column."""
    return any(metric.column in cell.intervals for cell in cells if not is_beside(cell))


def text(words: str) -> TableCell:
    """A cell of words."""
    return TableCell(words, words or None)


def rank_cell(entry: Entry) -> TableCell:
    """The rank, with = where the entry is not told apart from the first."""
    if entry.rank is None:
        return TableCell(NO_RANK, None)
    near = entry.gap is not None and not entry.gap.told_apart
    return TableCell(f"{entry.rank}{f' {EQUAL}' * near}", entry.rank)


def gap_cell(entry: Entry) -> TableCell:
    """How far the entry is behind the best; bold where the two are told apart."""
    if entry.is_first:
        return TableCell("best", 0.0)
    if entry.gap is None:
        return TableCell("", None)
    return TableCell(behind(entry.gap), entry.gap.interval.mean, entry.gap.told_apart)


def off_floor_cell(cell: ModelSummary) -> TableCell:
    """How many of the metrics lie off the floor; which they are stands in the table of samples."""
    off = off_its_floor(cell)
    return off._replace(text=off.text.partition(":")[0])


def with_mark(number: TableCell, cell: ModelSummary, metric: str) -> TableCell:
    """A metric of samples, marked where it lies off its floor."""
    return number._replace(text=f"{number.text} {MARKS[side(cell, metric)]}".rstrip())


def seeds(cell: ModelSummary) -> TableCell:
    """Finished of all runs, and what became of the others."""
    if is_beside(cell):
        return TableCell("", None)
    done, total = len(cell.finished), len(cell.runs)
    return TableCell(f"{done}/{total}" + (f" ({cell.failures})" if done < total else ""), done)


def bound_note(entries: list[Entry]) -> list[str]:
    """What ≤, ≥ and ~ mean before a distance, where one of them is a bound."""
    pairs = [entry.gap for entry in entries if entry.gap]
    if not any(pair.best.is_bound or pair.other.is_bound for pair in pairs):
        return []
    return [
        "Behind the best, ≤ stands where the row's NLL is a bound, ≥ where the best's is, ~ where both are. A model "
        "with a bound is told apart only by what is left without the bound's slack."
    ]
