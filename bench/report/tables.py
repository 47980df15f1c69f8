"""The summary as tables for a page, a paper, a README and a terminal."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bench.record.columns import bounded
from bench.report.inert import markdown_cell
from bench.report.intervals import Interval
from bench.report.layouts import Layout, Metric, layouts
from bench.report.model_summary import ModelSummary
from bench.report.numbers import quantity
from bench.report.ranking import Difference

DAGGER, DOUBLE_DAGGER, SECTION = "†", "‡", "§"
PACKED_TIMES = frozenset({"train_seconds", "step_milliseconds"})
BOLD_RULE = (
    "Bold: the lowest NLL of a data set, where the 95 % interval of its difference to every other model, paired by "
    "seed, excludes 0 (not corrected for the number of pairs; bounds count with the number shown, and loose ones leave "
    "nothing bold)."
)
NOTES = {
    "interval": "± is the half-width of the 95 % t interval of the mean over seeds; a single seed has none over seeds.",
    "single": "Of a single seed, ± behind a likelihood is the 95 % interval of the mean over test examples.",
    "variants": "In brackets: what tells a row from the others of its model; a row without them has the settings that "
    "most of these share. Each run's command says all of them.",
    "bound": "≤ marks an upper bound: the true value may be lower.",
    "floor": "In brackets: the same metric between real training and real test examples, itself uncertain and the same "
    "for every seed: a good model can fall below it by chance.",
    "prior": "In brackets: the same between two sets of draws from the prior, once.",
    "examples": "Models measured on different numbers of test examples are not compared with each other: another part "
    "of the test split may be easier for all of them.",
    "labels": "Every seed sees the same labels: the intervals leave out how much hangs on which they are.",
    "shared": f"{DAGGER} timed while other processes used the machine.",
    "loose": f"{SECTION} few importance weights count in some run: the bound is loose, and that alone may put a model "
    "behind another.",
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
    """The NLL differences, paired by seed."""
    rows = []
    for data, a, b, interval in differences:
        verdict = (a.model if interval.mean < 0 else b.model) if interval.excludes_zero else "not told apart"
        if interval.half_width is None:
            verdict = "one seed"
        names = [TableCell(text, text) for text in (data, signed(a), signed(b))]
        number = TableCell(quantity(interval), interval.mean, interval.excludes_zero and not (a.loose or b.loose))
        rows.append([*names, TableCell(str(interval.n), interval.n), number, TableCell(verdict, verdict)])
    headings = ["data", "model A", "model B", "seeds", "NLL A - NLL B, nats", "lower number"]
    bounds = [NOTES["bound"].replace("≤ marks an upper bound", "(≤) marks a model whose NLL is an upper bound")]
    notes = [
        "Each seed gives one difference; ± is the half-width of the 95 % t interval of their mean, not corrected for "
        "the number of pairs. Bold: the interval excludes 0, and neither bound is loose.",
        *(bounds if any(a.is_bound or b.is_bound for _, a, b, _ in differences) else []),
        *([NOTES["loose"]] if any(a.loose or b.loose for _, a, b, _ in differences) else []),
    ]
    return Table("differences", "Differences between models, paired by seed", headings, rows, notes)


def signed(cell: ModelSummary) -> str:
    """The model's name, (≤) behind it for a bound and § for a loose one."""
    return cell.model + (" (≤)" if cell.is_bound else "") + (f" {SECTION}" if cell.loose else "")


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
    rows = [_row(model, metrics, about) for model in shown]
    headings = ["data", "model", "seeds", *(metric.heading for metric in metrics), *about.values()]
    bold = [BOLD_RULE] if any(cell.bold for row in rows for cell in row) else []
    return Table(layout.name, layout.title, headings, rows, _notes(layout, metrics, shown) + bold)


def _has_any(model: ModelSummary, metrics: list[Metric]) -> bool:
    """Any of these metrics has a value."""
    return any(metric.column in model.intervals for metric in metrics)


def _row(model: ModelSummary, metrics: list[Metric], about: Iterable[str]) -> list[TableCell]:
    """A model's row: its names, its seeds, its metrics, its text columns."""
    names = [TableCell(model.data, model.data), TableCell(model.model, model.model), _seeds(model)]
    texts = [TableCell(model.named(column), model.named(column) or None) for column in about]
    return [*names, *(_number(metric, model) for metric in metrics), *texts]


def _notes(layout: Layout, metrics: list[Metric], shown: list[ModelSummary]) -> list[str]:
    """The notes on marks that stand somewhere in the table, and those that the layout always has."""
    columns = {metric.column for metric in metrics}
    bounds, timed, packed = bool(columns & bounded()), any(m.timing for m in metrics), bool(columns & PACKED_TIMES)
    marks: list[tuple[str, Callable[[ModelSummary], bool]]] = [
        ("interval", lambda model: _has_any(model, metrics)),
        ("variants", lambda model: not model.oracle and " (" in model.model),
        ("single", lambda model: any(is_single(model, column) for column in columns)),
        ("bound", lambda model: bounds and model.is_bound),
        ("loose", lambda model: bounds and model.loose),
        (layout.floor, lambda model: any(metric.floor in model.intervals for metric in metrics)),
        ("shared", lambda model: timed and model.shared_machine),
        ("packed", lambda model: packed and model.packed),
    ]
    notes = [name for name, stands in marks if any(map(stands, shown))] + [*layout.notes]
    if "nll_examples" in columns and several_sizes(shown):
        notes.append("examples")
    return [NOTES[name] for name in notes]


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
    if cell.oracle:
        return TableCell("", None)
    done, total = len(cell.finished), len(cell.runs)
    return TableCell(f"{done}/{total}" if done == total else f"{done}/{total} ({cell.failures})", done)


def _number(metric: Metric, cell: ModelSummary) -> TableCell:
    """A metric's cell: bound mark, interval, floor, dagger."""
    interval: Interval | None = cell.intervals.get(metric.column)
    if interval is None:
        return TableCell("", None)
    text = quantity(interval, metric.scale)
    if cell.is_bound and metric.column in bounded():
        text = f"≤ {text}"
    if metric.floor in cell.intervals:
        text = f"{text} ({quantity(Interval(cell.intervals[metric.floor].mean, None, 1), digits=2)})"
    if metric.timing and cell.shared_machine:
        text += f" {DAGGER}"
    if metric.column in PACKED_TIMES and cell.packed:
        text += f" {DOUBLE_DAGGER}"
    if metric.column in bounded() and cell.loose:
        text += f" {SECTION}"
    return TableCell(text, interval.mean, cell.best and metric.column in bounded())


TEX = {
    "±": r"$\pm$", "≤": r"$\le$", "†": r"$^\dagger$", "‡": r"$^\ddagger$", "·": r"$\cdot$", "²": r"$^2$",
    "§": r"$^\S$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{c: f"$^{{{d}}}$" for c, d in zip("⁻⁰¹³⁴⁵⁶⁷⁸⁹", "-013456789", strict=True)},
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(TEX.get(character, character) for character in text)


def _bold_tex(field: TableCell) -> str:
    return f"\\textbf{{{_tex(field.text)}}}" if field.bold else _tex(field.text)
