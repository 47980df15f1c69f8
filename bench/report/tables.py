"""The summary as tables for a page, a paper, a README and a terminal."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

from bench.record.columns import bounded
from bench.record.sample_metrics import SAMPLE_METRICS, floor_sd
from bench.report.controls import MARKS, metrics_off, off_its_floor, saturated, side, with_controls
from bench.report.inert import markdown_cell
from bench.report.intervals import Interval
from bench.report.layouts import Layout, Metric, layouts
from bench.report.model_summary import ModelSummary
from bench.report.numbers import quantity
from bench.report.ranking import Difference

DAGGER, DOUBLE_DAGGER, SECTION, PILCROW = "†", "‡", "§", "¶"
PACKED_TIMES = frozenset({"train_seconds", "step_milliseconds"})
BOLD_RULE = (
    "Bold: the NLL that is told apart from every other that was measured at its budget and setting, by simultaneous "
    "tests at 5 % over seeds and test examples. A bound may show its model better, never worse: a model with a bound "
    "is behind by what is left of the gap without the bound's slack."
)
NOTES = {
    "interval": "± is the half-width of the 95 % interval of the mean: of a likelihood over seeds and test examples, "
    "of all else over seeds. A single seed has none over seeds.",
    "estimated": "¶ not every run's per-example likelihoods are kept: the interval takes their standard errors, and is "
    "at least as wide as it should be.",
    "single": "Of a single seed, ± behind a likelihood is the 95 % interval of the mean over test examples.",
    "variants": "In brackets: what tells a row from the others of its model; a row without them has the settings that "
    "most of these share. Each run's command says all of them.",
    "bound": "≤ marks an upper bound: the true value may be lower.",
    "floor": "In brackets: the same metric between real training and real test examples, itself uncertain and the same "
    "for every seed: a good model can fall below it by chance.",
    "off": "Rows real and copycat are controls without rank. real: fresh training examples in place of samples, the "
    "floor; ± is half of the range in which 95 % of sets of real examples lie. copycat: training examples returned as "
    "samples. ↑ and ↓ mark numbers above and below that range, for most seeds; each metric alone is there for 5 % of "
    "perfect models.",
    "saturated": "C2ST tells every model of {data} from the data at its largest training set: its accuracy orders "
    "nobody there. The examples until it leaves its floor do, where they differ.",
    "prior": "In brackets: the same between two sets of draws from the prior, once.",
    "calibrated": "In brackets: the 95 % quantile of the distance where the flow is exact.",
    "examples": "Models measured on different numbers of test examples are not compared with each other: another part "
    "of the test split may be easier for all of them.",
    "labels": "Every seed sees the same labels: the intervals leave out how much hangs on which they are.",
    "shared": f"{DAGGER} timed while other processes used the machine.",
    "loose": f"{SECTION} the bound may be too high by more than 0.1 nats, or it is not known by how much.",
    "packed": f"{DOUBLE_DAGGER} trained as one batched model with other runs: a share of their common time.",
}


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
    return [_table(layout, shown) for layout, shown in members if shown]


def belongs(layout: Layout, cell: ModelSummary) -> bool:
    """True where a model has a value in the columns that the table is about."""
    return not layout.having or any(column in cell.intervals for column in layout.having)


def difference_table(differences: list[Difference]) -> Table:
    """How far each entry is behind the best of its contest."""
    rows = []
    places = place_headings([(pair.rung, pair.setting) for pair in differences])
    for rung, setting, best, other, interval, told_apart in differences:
        verdict = "behind" if told_apart else "not told apart"
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
    ]
    return Table("differences", "Distance from the best model", headings, rows, notes)


BOUND_NOTE = (
    "(≤) marks a model whose NLL is an upper bound: the true value may be lower. It is behind another only by what is "
    "left without the slack of its bound."
)

PLACES = {"rung": "budget", "setting": "setting"}
"""Attributes that place a row beside its data set, and their headings."""


def place_headings(places: list[tuple[float | None, str]]) -> list[str]:
    """Headings of budget and setting, where rows differ in them."""
    columns = zip(PLACES.values(), zip(*places, strict=True), strict=True) if places else ()
    return [heading for heading, values in columns if len(set(values)) > 1]


def place_cells(rung: float | None, setting: str, headings: list[str]) -> list[TableCell]:
    """The cells of budget and setting under those headings."""
    cells = {"budget": TableCell(share(rung), rung), "setting": TableCell(setting, setting or None)}
    return [cells[heading] for heading in headings]


def share(rung: float | None) -> str:
    """A share of the budget as a fraction, such as `1/16`."""
    return "" if rung is None else str(Fraction(rung).limit_denominator(10_000))


def signed(cell: ModelSummary) -> str:
    """The model's name, behind it (≤) for a bound, § for a loose one and ¶ for an estimated interval."""
    marks = (" (≤)" if cell.is_bound else "", f" {SECTION}" if cell.loose else "", f" {PILCROW}" * cell.estimated)
    return cell.model + "".join(marks)


def text_summary(cells: list[ModelSummary]) -> list[str]:
    """The terminal's table: one line per data set and model."""
    bits = any("bits_per_dim" in cell.intervals for cell in cells)
    kl = any("kl_to_truth" in cell.intervals for cell in cells)
    metrics = [Metric("nll_nats", "NLL, nats")]
    metrics += [Metric("bits_per_dim", "bits/dim")] * bits + [Metric("kl_to_truth", "KL, nats")] * kl
    if several_sizes(cells):
        metrics.append(Metric("nll_examples", "test examples"))
    layout = Layout("text", "", (*metrics, Metric("train_seconds", "training, s", timing=True)))
    table = _table(layout, cells)
    lines = [table.headings, *([field.text for field in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def markdown(tables: Iterable[Table]) -> str:
    """summary.md."""
    parts = []
    for table in tables:
        lines = [[markdown_cell(heading) for heading in table.headings], ["---"] * len(table.headings)]
        lines += [[_markdown(cell) for cell in row] for row in table.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts.append(f"## {table.title}\n\n{body}\n\n" + "\n".join(f"- {note}" for note in table.notes) + "\n")
    return "\n".join(parts)


def _markdown(cell: TableCell) -> str:
    text = cell.text if isinstance(cell.sort, (int, float)) else markdown_cell(cell.text)
    return f"**{text}**" if cell.bold else text


def tex(tables: Iterable[Table]) -> str:
    """summary.tex: one booktabs table each."""
    parts = ["% \\usepackage{booktabs}\n"]
    for table in tables:
        lines = [" & ".join(map(_tex, table.headings)) + r" \\", r"\midrule"]
        lines += [" & ".join(_bold_tex(field) for field in row) + r" \\" for row in table.rows]
        caption = _tex(f"{table.title}. " + " ".join(table.notes))
        body = "\n".join(lines)
        columns = "l" * len(table.headings)
        parts.append(
            f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\label{{tab:{table.name}}}\n"
            f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
        )
    return "\n".join(parts)


def _table(layout: Layout, models: list[ModelSummary]) -> Table:
    """The table of a layout; its rows are those models, its columns those that any of them has."""
    metrics = [metric for metric in layout.metrics if any(metric.column in model.intervals for model in models)]
    about = {column: heading for column, heading in layout.about if any(model.named(column) for model in models)}
    shown = [model for model in models if not model.oracle or _has_any(model, metrics)]
    places = place_headings([(model.rung, model.setting) for model in shown if not model.oracle])
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
    return Table(layout.name, layout.title, headings, rows, _notes(layout, metrics, shown) + bold)


def _has_any(model: ModelSummary, metrics: list[Metric]) -> bool:
    """Any of these metrics has a value."""
    return any(metric.column in model.intervals for metric in metrics)


def _row(model: ModelSummary, places: list[str], metrics: list[Metric], about: Iterable[str]) -> list[TableCell]:
    """A model's row: its names, its budget and setting, its seeds, its metrics, its text columns."""
    names = [TableCell(model.data, model.data), *place_cells(model.rung, model.setting, places)]
    names += [TableCell(model.model, model.model), _seeds(model)]
    texts = [TableCell(model.named(column), model.named(column) or None) for column in about]
    return [*names, *(_number(metric, model) for metric in metrics), *texts]


def _beside_controls(model: ModelSummary, places: list[str], metrics: list[Metric]) -> list[TableCell]:
    """A row with what it lies off its floor by, and each number that does marked."""
    row = [*_row(model, places, [], ()), TableCell(off_its_floor(model), len(metrics_off(model)))]
    for metric in metrics:
        cell = _number(metric, model)
        mark = MARKS[side(model, metric.column)] if metric.column in SAMPLE_METRICS else ""
        row.append(cell._replace(text=f"{cell.text} {mark}".rstrip()))
    return row


def _notes(layout: Layout, metrics: list[Metric], shown: list[ModelSummary]) -> list[str]:
    """The notes on marks that stand somewhere in the table, and those that the layout always has."""
    columns = {metric.column for metric in metrics}
    bounds, timed, packed = bool(columns & bounded()), any(m.timing for m in metrics), bool(columns & PACKED_TIMES)
    marks: list[tuple[str, Callable[[ModelSummary], bool]]] = [
        ("interval", lambda model: _has_any(model, metrics)),
        ("variants", lambda model: not model.oracle and " (" in model.model),
        ("single", lambda model: not model.control and any(is_single(model, column) for column in columns)),
        ("off", lambda model: layout.controls and model.control),
        ("bound", lambda model: bounds and model.is_bound),
        ("loose", lambda model: bounds and model.loose),
        ("estimated", lambda model: bounds and model.estimated),
        (layout.floor, lambda model: any(metric.floor in model.intervals for metric in metrics)),
        ("shared", lambda model: timed and model.shared_machine),
        ("packed", lambda model: packed and model.packed),
    ]
    notes = [name for name, stands in marks if any(map(stands, shown))] + [*layout.notes]
    if "nll_examples" in columns and several_sizes(shown):
        notes.append("examples")
    flat = [NOTES["saturated"].format(data=data) for data in saturated(shown)] if layout.controls else []
    return [NOTES[name] for name in notes] + flat + what_varies(shown)


VARIES = {
    "training draw": "a training set of its own, drawn from the same law",
    "fold": "a test fold of its own; training sets overlap, for which intervals are widened (Nadeau & Bengio 2003)",
    "": "initialisation, batch order and noise alone: no interval says what another training set would give",
}


def what_varies(cells: Iterable[ModelSummary]) -> list[str]:
    """A sentence for each way in which seeds differ, with the data sets it is of."""
    of: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        for run in cell.finished:
            word = run.get("varies") or ""
            if run.get("train_examples") is not None and cell.data not in of[word]:
                of[word].append(cell.data)
    return [f"Each seed of {', '.join(of[word])} has {VARIES[word]}." for word in VARIES if of[word]]


def is_single(cell: ModelSummary, column: str) -> bool:
    """True where the interval is over the test examples of one seed."""
    interval = cell.intervals.get(column)
    return interval is not None and interval.n == 1 and interval.half_width is not None


def several_sizes(cells: Iterable[ModelSummary]) -> bool:
    """True where models of one data set are measured on different numbers of test examples."""
    sizes: dict[str, set[int | None]] = defaultdict(set)
    for cell in cells:
        sizes[cell.data] |= cell.measured_on()
    return any(len(of_model) > 1 for of_model in sizes.values())


def _seeds(cell: ModelSummary) -> TableCell:
    """Finished of all seeds, and what became of the others."""
    if cell.oracle or cell.control:
        return TableCell("", None)
    done, total = len(cell.finished), len(cell.runs)
    return TableCell(f"{done}/{total}" if done == total else f"{done}/{total} ({cell.failures})", done)


def _number(metric: Metric, cell: ModelSummary) -> TableCell:
    """A metric's cell: bound mark, interval, floor, dagger."""
    interval: Interval | None = cell.intervals.get(metric.column)
    if interval is None:
        in_vain = metric.absent and any(run.get(floor_sd("c2st")) is not None for run in cell.finished)
        return TableCell(metric.absent if in_vain and not cell.control else "", None)
    text = quantity(interval, metric.scale)
    if metric.absent and interval.n < len(cell.finished):
        text += f" ({interval.n} of {len(cell.finished)} seeds, others {metric.absent})"
    if cell.is_bound and metric.column in bounded():
        text = f"≤ {text}"
    if metric.floor in cell.intervals:
        text = f"{text} ({quantity(Interval(cell.intervals[metric.floor].mean, None, 1), digits=2)})"
    if metric.timing and cell.shared_machine:
        text += f" {DAGGER}"
    if metric.column in PACKED_TIMES and cell.packed:
        text += f" {DOUBLE_DAGGER}"
    if metric.column in bounded():
        text += f" {SECTION}" * cell.loose + f" {PILCROW}" * cell.estimated
    return TableCell(text, interval.mean, cell.best and metric.column in bounded())


TEX = {
    "±": r"$\pm$", "≤": r"$\le$", "†": r"$^\dagger$", "‡": r"$^\ddagger$", "·": r"$\cdot$", "²": r"$^2$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "§": r"$^\S$", "¶": r"$^\P$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{c: f"$^{{{d}}}$" for c, d in zip("⁻⁰¹³⁴⁵⁶⁷⁸⁹", "-013456789", strict=True)},
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(TEX.get(character, character) for character in text)


def _bold_tex(field: TableCell) -> str:
    return f"\\textbf{{{_tex(field.text)}}}" if field.bold else _tex(field.text)
