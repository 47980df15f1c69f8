"""Floors and controls of the metrics of samples: the rows *real* and *copycat*, and who lies off its floor by what."""

from collections import Counter
from collections.abc import Iterable
from statistics import fmean

from bench.record.sample_metrics import SAMPLE_METRICS, copycat, floor, floor_sd, half_range, off_floor
from bench.report.intervals import Interval
from bench.report.layouts import Layout
from bench.report.model_summary import ModelSummary
from bench.report.study import Run

REAL, COPYCAT = "real", "copycat"
"""Names of the rows: fresh training examples, and training examples of which copies are looked for."""
MARKS = {1: "↑", -1: "↓", 0: ""}
SATURATED = 0.995
"""C2ST from which on its accuracy tells models apart no longer."""


def with_controls(cells: list[ModelSummary]) -> list[ModelSummary]:
    """The models, before those of each data set its two controls, where a run has them."""
    rows: list[ModelSummary] = []
    for cell in cells:
        if not rows or rows[-1].data != cell.data:
            rows += controls(cell.data, [run for each in cells if each.data == cell.data for run in each.finished])
        rows.append(cell)
    return rows


def with_floors(cells: list[ModelSummary], layout: Layout) -> list[ModelSummary]:
    """The models, before those of each data set a row of the floors that the layout's metrics have."""
    floors = {metric.column: metric.floor for metric in layout.metrics if metric.floor}
    rows: list[ModelSummary] = []
    for cell in cells:
        if not rows or rows[-1].data != cell.data:
            runs = [run for each in cells if each.data == cell.data for run in each.finished]
            found = {name: values for name, column in floors.items() if (values := known(runs, column))}
            means = {name: Interval(fmean(values), None, len(values)) for name, values in found.items()}
            rows += [ModelSummary(cell.data, layout.floor_row, [], means, control=True)] if means else []
        rows.append(cell)
    return rows


def controls(data: str, runs: list[Run]) -> list[ModelSummary]:
    """The rows of the controls of one data set; those of runs of before there were controls have a floor alone.

    *real* has the floors, ± half the range in which 95 % of sets of real examples lie.
    """
    floors = {name: interval for name in SAMPLE_METRICS if (interval := floor_range(runs, name)) is not None}
    copies = {}
    for name in SAMPLE_METRICS:
        values = known(runs, copycat(name))
        if values:
            copies[name] = Interval(fmean(values), None, len(values))
    rows = [
        ModelSummary(data, REAL, [], floors, control=True),
        ModelSummary(data, COPYCAT, runs, copies, control=True),
    ]
    return [row for row in rows if row.intervals]


def floor_range(runs: list[Run], metric: str) -> Interval | None:
    """The mean floor of a metric over runs, ± half of its range where its spread is known."""
    floors, deviations = known(runs, floor(metric)), known(runs, floor_sd(metric))
    if not floors:
        return None
    return Interval(fmean(floors), half_range(fmean(deviations)) if deviations else None, len(floors))


def known(runs: list[Run], column: str) -> list[float]:
    """The values of a column over the runs that have one."""
    return [run[column] for run in runs if run.get(column) is not None]


def side(cell: ModelSummary, metric: str) -> int:
    """1 where most finished runs lie above their floor's 95 % range, -1 where most lie below, else 0."""
    column, own, spread = copycat(metric) if cell.control else metric, floor(metric), floor_sd(metric)
    sides = [
        off_floor(run[column], run[own], run[spread])
        for run in cell.finished
        if run.get(column) is not None and run.get(spread) is not None
    ]
    (most, count), *_ = Counter(sides).most_common(1) or [(0, 0)]
    return most if 2 * count > len(sides) else 0


def distance(cell: ModelSummary, metric: str) -> float:
    """How far a model lies from its floor, in halves of the floor's range; largest possible where that has no width."""
    column = copycat(metric) if cell.control else metric
    gaps = [
        abs(run[column] - run[floor(metric)]) / max(half_range(run[floor_sd(metric)]), 1e-12)
        for run in cell.finished
        if run.get(column) is not None and run.get(floor_sd(metric)) is not None
    ]
    return fmean(gaps) if gaps else 0.0


def judged(cell: ModelSummary) -> list[str]:
    """The metrics of which a row has a floor."""
    return [name for name in SAMPLE_METRICS if any(run.get(floor_sd(name)) is not None for run in cell.finished)]


def saturated(cells: Iterable[ModelSummary]) -> list[str]:
    """Data sets of two models or more, all of which C2ST tells from the data nearly without error."""
    values: dict[str, list[float]] = {}
    for cell in cells:
        if "c2st" in cell.intervals and not cell.control:
            values.setdefault(cell.data, []).append(cell.intervals["c2st"].mean)
    return [data for data, means in values.items() if len(means) > 1 and min(means) >= SATURATED]
