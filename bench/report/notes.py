"""The notes below tables and plots: what each mark stands for, and what holds of the models shown."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from bench.record.columns import bounded
from bench.report.controls import saturated
from bench.report.layouts import Layout, Metric, has_any
from bench.report.marks import DAGGER, DOUBLE_DAGGER, LOZENGE, PACKED_TIMES, SECTION, TRIANGLE
from bench.report.model_summary import ModelSummary
from bench.report.ranking import untuned_names

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
    "off": "Rows real and copycat are controls without rank. real: fresh training examples in place of samples, the "
    "floor; ± is half of the range in which 95 % of sets of real examples lie. copycat: training examples returned as "
    "samples. ↑ and ↓ mark numbers above and below that range, for most seeds; each metric alone is there for 5 % of "
    "perfect models.",
    "saturated": "C2ST tells every model of {data} from the data at its largest training set: its accuracy orders "
    "nobody there. The examples until it leaves its floor do, where they differ.",
    "prior": "The row prior draws has no rank: the same between two sets of draws from the prior, once.",
    "calibrated": "The row exact, 95 % has no rank: the 95 % quantile of the distance where the flow is exact.",
    "examples": "Models measured on different numbers of test examples are not compared with each other: another part "
    "of the test split may be easier for all of them.",
    "labels": "Every seed sees the same labels: the intervals leave out how much hangs on which they are.",
    "shared": f"{DAGGER} timed while other processes used the machine.",
    "loose": f"{SECTION} the bound may be too high by more than 0.1 nats, or it is not known by how much.",
    "unbounded": "Columns of {data} have ties, where a likelihood grows without bound: none is first there, as the "
    "lowest NLL may only be who finds them. The warning of a row says in which columns and what to do: noise on them "
    "gives a density.",
    "above": f"{TRIANGLE} not shown to be better than the floor, what is fitted in one go to the same data: its NLL is "
    "above that, or the 95 % interval of their difference holds 0. A bound counts as it stands.",
    "untuned": "untuned: every entry as it comes. No winner is named: who is first hangs on whom the default rate "
    "suits. The same command with tune=yes makes the trials.",
    "elsewhere": f"{LOZENGE} timed on another device, or by other threads, than most of the study: not seconds to "
    "compare.",
    "packed": f"{DOUBLE_DAGGER} trained as one batched model with other runs: a share of their common time.",
}

BOUND_NOTE = (
    "(≤) marks a model whose NLL is an upper bound: the true value may be lower. It is behind another only by what is "
    "left without the slack of its bound."
)


def notes_of(layout: Layout, metrics: list[Metric], shown: list[ModelSummary]) -> list[str]:
    """The notes on marks that stand somewhere in the table, and those that the layout always has."""
    columns = {metric.column for metric in metrics}
    bounds, timed, packed = bool(columns & bounded()), any(m.timing for m in metrics), bool(columns & PACKED_TIMES)
    marks: list[tuple[str, Callable[[ModelSummary], bool]]] = [
        ("interval", lambda model: has_any(model, metrics)),
        ("variants", lambda model: not model.oracle and " (" in model.model),
        ("single", lambda model: not model.control and any(is_single(model, column) for column in columns)),
        ("off", lambda model: layout.controls and model.control),
        ("bound", lambda model: bounds and model.is_bound),
        ("loose", lambda model: bounds and model.loose),
        ("estimated", lambda model: bounds and model.estimated),
        ("above", lambda model: bounds and model.above_floor),
        (layout.floor, lambda model: any(metric.floor in model.intervals for metric in metrics)),
        ("shared", lambda model: timed and model.shared_machine),
        ("elsewhere", lambda model: timed and model.elsewhere),
        ("packed", lambda model: packed and model.packed),
    ]
    notes = [name for name, stands in marks if any(map(stands, shown))] + [*layout.notes]
    if "nll_examples" in columns and several_sizes(shown):
        notes.append("examples")
    flat = [NOTES["saturated"].format(data=data) for data in saturated(shown)] if layout.controls else []
    ties = unbounded(shown) if bounds else []
    return [NOTES[name] for name in notes] + ties + flat + what_varies(shown)


def unbounded(cells: Iterable[ModelSummary]) -> list[str]:
    """A sentence that names the data sets on which a likelihood grows without bound, as their rows warn."""
    data = {cell.data for cell in cells if cell.unbounded}
    return [NOTES["unbounded"].format(data=", ".join(sorted(data)))] if data else []


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


def is_untuned(cells: Iterable[ModelSummary]) -> bool:
    """True where a study is to be tuned and a trained entry was not on some of its data."""
    by_data: dict[str, list[ModelSummary]] = defaultdict(list)
    for cell in cells:
        by_data[cell.data].append(cell)
    return any(untuned_names(own) for own in by_data.values())


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


def marked(cells: list[ModelSummary]) -> list[str]:
    """The models' names, ≤ for a bound, § for a loose one, ▲ above the floor, and the number of test examples
    where few others have it; of two as common, the smaller one."""
    counted = Counter(frozenset(cell.measured_on()) for cell in cells)
    usual = max(counted, key=lambda sizes: (counted[sizes], sum(size or 0 for size in sizes)), default=None)
    names = []
    for cell in cells:
        marks = [*["≤"] * cell.is_bound, *[SECTION] * cell.loose, *[TRIANGLE] * cell.above_floor]
        if usual != frozenset(cell.measured_on()):
            marks += [f"of {size:,}" for size in cell.measured_on() if size is not None]
        names.append(f"{cell.model} ({', '.join(marks)})" if marks else cell.model)
    return names
