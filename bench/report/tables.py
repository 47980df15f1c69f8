"""The summary as tables, ready for a page, a paper, a README and a terminal."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from bench.record.columns import bounded
from bench.record.sample_metrics import SAMPLE_METRICS, floor_sd
from bench.report.controls import MARKS, distance, judged, side, with_controls, with_floors
from bench.report.intervals import Interval
from bench.report.layouts import Layout, Metric, has_any, layouts
from bench.report.marks import PILCROW, SECTION, TRIANGLE, marks
from bench.report.model_summary import ModelSummary
from bench.report.notes import BOLD_RULE, BOUND_NOTE, NOTES, notes_of, several_sizes, unbounded
from bench.report.numbers import quantity
from bench.report.ranking import Difference

FEW = 3
"""Metrics off their floor that are named one by one."""


class TableCell(NamedTuple):
    """One cell of a table: its text, what it is sorted by (None: last) and whether it is bold."""

    text: str
    sort: float | str | None
    bold: bool = False


class Table(NamedTuple):
    """A table ready to be written in any format."""

    name: str
    title: str
    headings: list[str]
    rows: list[list[TableCell]]
    notes: list[str]


def study_tables(cells: list[ModelSummary]) -> list[Table]:
    """The tables of a study, each of the models that belong in it; columns without any value are left out."""
    members = [(layout, [cell for cell in cells if belongs(layout, cell)]) for layout in layouts()]
    return [table_of(layout, shown) for layout, shown in members if shown]


def belongs(layout: Layout, cell: ModelSummary) -> bool:
    """True where a model has a value in the columns that the table is about."""
    return not layout.having or any(column in cell.intervals for column in layout.having)


def difference_table(differences: list[Difference]) -> Table:
    """How far each entry is behind the best of its contest."""
    rows = []
    places = place_headings([(pair.rung, pair.setting) for pair in differences])
    for pair in differences:
        rung, setting, best, other, interval, told_apart = pair
        verdict = pair.verdict
        if interval.half_width is None:
            verdict = "one seed" if interval.n < 2 else "no interval"
        names = [TableCell(best.data, best.data), *place_cells(rung, setting, places)]
        names += [TableCell(text, text) for text in (signed(other), signed(best))]
        number = TableCell(quantity(interval), interval.mean, told_apart)
        rows.append([*names, TableCell(str(interval.n), interval.n), number, TableCell(verdict, verdict)])
    headings = ["data", *places, "model", "best", "seeds", "NLL behind the best, nats", "verdict"]
    pairs = [cell for pair in differences for cell in (pair.best, pair.other)]
    notes = [
        "± is the half-width of each difference's own 95 % interval, over seeds and test examples. Bold: behind, by "
        "tests that hold for all models of a data set, budget and setting at once.",
        *([BOUND_NOTE] if any(cell.is_bound for cell in pairs) else []),
        *([NOTES["loose"]] if any(cell.loose for cell in pairs) else []),
        *([NOTES["estimated"]] if any(cell.estimated for cell in pairs) else []),
        *unbounded(pairs),
        *([NOTES["above"]] if any(cell.above_floor for cell in pairs) else []),
    ]
    return Table("differences", "Distance from the best model", headings, rows, notes)


PLACES = {"rung": "budget", "setting": "setting"}
"""Attributes that place a row beside its data set, and their headings."""


def place_headings(places: Sequence[tuple[float | None, str | None]]) -> list[str]:
    """Headings of budget and setting, where rows differ in them."""
    columns = zip(PLACES.values(), zip(*places, strict=True), strict=True) if places else ()
    return [heading for heading, values in columns if len(set(values)) > 1]


def place_cells(rung: float | None, setting: str | None, headings: list[str]) -> list[TableCell]:
    """The cells of budget and setting under those headings."""
    cells = {"budget": TableCell(share(rung), rung), "setting": TableCell(setting or "", setting or None)}
    return [cells[heading] for heading in headings]


def share(rung: float | None) -> str:
    """A share of the budget as a fraction, such as `1/16`."""
    return "" if rung is None else str(Fraction(rung).limit_denominator(10_000))


def signed(cell: ModelSummary) -> str:
    """The model's name, behind it (≤) for a bound, § a loose one, ¶ an estimated interval, ▲ above the floor."""
    marks = (
        " (≤)" * cell.is_bound,
        f" {SECTION}" * cell.loose,
        f" {PILCROW}" * cell.estimated,
        f" {TRIANGLE}" * cell.above_floor,
    )
    return cell.model + "".join(marks)


def summary_table(cells: list[ModelSummary]) -> Table:
    """Likelihood and training time of each model, in the order of `cells`."""
    bits = any("bits_per_dim" in cell.intervals for cell in cells)
    kl = any("kl_to_truth" in cell.intervals for cell in cells)
    metrics = [Metric("nll_nats", "NLL, nats")]
    metrics += [Metric("bits_per_dim", "bits/dim")] * bits + [Metric("kl_to_truth", "KL, nats")] * kl
    if several_sizes(cells):
        metrics.append(Metric("nll_examples", "test examples"))
    layout = Layout("text", "", (*metrics, Metric("train_seconds", "training, s", timing=True)))
    return table_of(layout, cells)


def table_of(layout: Layout, models: list[ModelSummary]) -> Table:
    """The table of a layout; its rows are those models, its columns those that any of them has."""
    metrics = [metric for metric in layout.metrics if any(metric.column in model.intervals for model in models)]
    about = {column: heading for column, heading in layout.about if any(model.named(column) for model in models)}
    shown = [model for model in models if not model.oracle or has_any(model, metrics)]
    places = place_headings([(model.rung, model.setting) for model in shown if not model.oracle])
    shown = with_floors(shown, layout)
    rows = [_row(model, places, metrics, about) for model in shown]
    headings = ["data", *places, "model", "seeds", *(metric.heading for metric in metrics), *about.values()]
    if layout.controls:
        shown = with_controls(shown)
        rows = [_beside_controls(model, places, metrics) for model in shown]
        start = headings.index("seeds") + 1
        headings.insert(start, "off the floor by")
        if not any(row[start].text for row in rows):  # runs of before floors had a spread
            del headings[start]
            rows = [row[:start] + row[start + 1 :] for row in rows]
    bold = [BOLD_RULE] if any(cell.bold for row in rows for cell in row) else []
    return Table(layout.name, layout.title, headings, rows, notes_of(layout, metrics, shown) + bold)


def _row(model: ModelSummary, places: list[str], metrics: list[Metric], about: Iterable[str]) -> list[TableCell]:
    """A model's row: its names, its budget and setting, its seeds, its metrics, its text columns."""
    names = [TableCell(model.data, model.data), *place_cells(model.rung, model.setting, places)]
    names += [TableCell(model.model, model.model), _seeds(model)]
    texts = [TableCell(model.named(column), model.named(column) or None) for column in about]
    return [*names, *(number_cell(metric, model) for metric in metrics), *texts]


def _beside_controls(model: ModelSummary, places: list[str], metrics: list[Metric]) -> list[TableCell]:
    """A row with what it lies off its floor by, and each number that does marked."""
    row = [*_row(model, places, [], ()), off_its_floor(model)]
    for metric in metrics:
        cell = number_cell(metric, model)
        mark = MARKS[side(model, metric.column)] if metric.column in SAMPLE_METRICS else ""
        row.append(cell._replace(text=f"{cell.text} {mark}".rstrip()))
    return row


def off_its_floor(cell: ModelSummary) -> TableCell:
    """How many metrics a row lies off its floor by, and the farthest of them; empty where there is no floor."""
    of = judged(cell)
    if not of:
        return TableCell("", None)
    off = {name: which for name in of if (which := side(cell, name))}
    farthest = sorted(off, key=lambda name: -distance(cell, name))[:FEW]
    named = ", ".join(f"{SAMPLE_METRICS[name].heading} {MARKS[off[name]]}" for name in farthest)
    return TableCell(f"{len(off)} of {len(of)}" + (f": {named}{', …' * (len(off) > FEW)}" if off else ""), len(off))


def _seeds(cell: ModelSummary) -> TableCell:
    """Finished of all seeds, and what became of the others."""
    if cell.oracle or cell.control:
        return TableCell("", None)
    done, total = len(cell.finished), len(cell.runs)
    return TableCell(f"{done}/{total}" if done == total else f"{done}/{total} ({cell.failures})", done)


def number_cell(metric: Metric, cell: ModelSummary) -> TableCell:
    """A metric's cell: bound mark, interval, marks."""
    interval: Interval | None = cell.intervals.get(metric.column)
    if interval is None:
        in_vain = metric.absent and any(run.get(floor_sd("c2st")) is not None for run in cell.finished)
        return TableCell(metric.absent if in_vain and not cell.control else "", None)
    text = quantity(interval, metric.scale)
    if metric.absent and interval.n < len(cell.finished):
        text += f" ({interval.n} of {len(cell.finished)} seeds, others {metric.absent})"
    if cell.is_bound and metric.column in bounded():
        text = f"≤ {text}"
    text = f"{text} {marks(cell, metric.column)}".rstrip()
    return TableCell(text, interval.mean, bool(cell.best) and metric.column in bounded())
