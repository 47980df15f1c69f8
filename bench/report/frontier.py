"""Curves of test NLL over the rungs of a ladder against what training costs, and the front of the best."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bench.config import is_tuned
from bench.record.steps import StepTime
from bench.record.store import divided
from bench.report.model_summary import ModelSummary, comparable
from bench.report.notes import marked
from bench.report.plot import Plot
from bench.report.study import Run

NO_SECONDS = "Seconds are left out"
"""What the caption of a plot says where step times are missing."""


class Cost(NamedTuple):
    """An axis of cost.

    Attributes:
        name: in a sentence.
        label: of the axis.
        of: a run's cost, given its entry's step time; None where it is not known.
    """

    name: str
    label: str
    of: Callable[[Run, StepTime | None], float | None]


COSTS = (
    Cost("seconds", "training, s (time of a step measured alone)", lambda run, step: seconds_of(run, step)),
    Cost("FLOP", "training, FLOP", lambda run, step: run["train_flops"]),
    Cost("steps", "training steps", lambda run, step: run["steps"]),
)


def seconds_of(run: Run, step: StepTime | None) -> float | None:
    """Seconds of a run's steps alone on the machine; None where its step was not timed."""
    return None if step is None or not run["steps"] else step.seconds(run["steps"], run["train_nfe"])


class Curve(NamedTuple):
    """One entry in one setting, over its budgets.

    Attributes:
        name: model and marks.
        cells: by rising budget.
        hollow: whether its markers are: it is the entry as it comes, beside the same tuned.
    """

    name: str
    cells: list[ModelSummary]
    hollow: bool

    @property
    def model(self) -> str:
        """The entry's name, which its style goes by."""
        return self.cells[0].model


def curves_of(cells: Sequence[ModelSummary]) -> list[Curve]:
    """The cells by model and setting, in the order in which they first stand."""
    grouped: dict[tuple[str, bool], list[ModelSummary]] = defaultdict(list)
    for cell in cells:
        grouped[cell.model, is_tuned(cell.setting)].append(cell)
    names = marked([max(group, key=budget_of) for group in grouped.values()])
    return [
        Curve(name, sorted(group, key=budget_of), not tuned and (model, True) in grouped)
        for name, ((model, tuned), group) in zip(names, grouped.items(), strict=True)
    ]


def budget_of(cell: ModelSummary) -> float:
    """The share of the study's budget that a cell has."""
    return 1.0 if cell.rung is None else cell.rung


def points(
    curve: Curve, cost: Cost, steps: Mapping[str, StepTime], column: str = "nll_nats"
) -> list[tuple[float, float]]:
    """Mean cost and mean NLL, or another column's, at each budget; none where a run's cost is not known."""
    found = []
    for cell in curve.cells:
        spent = [cost.of(run, steps.get(divided(run["run_id"])[0])) for run in cell.with_column("nll_nats")]
        known = [value for value in spent if value]
        if len(known) < len(spent):
            return []
        found.append((float(np.mean(known)), cell.intervals[column].mean))
    return found


def front(
    curves: Sequence[Curve], cost: Cost, steps: Mapping[str, StepTime], column: str = "nll_nats"
) -> list[tuple[float, float]]:
    """The points, of those measured on the same examples, that no other beats in both cost and NLL, by rising cost."""
    compared = {cell.place for cell in comparable([cell for curve in curves for cell in curve.cells])}
    beside = [(cell, at) for c in curves for cell, at in zip(c.cells, points(c, cost, steps, column), strict=True)]
    return frontier([point for cell, point in beside if cell.place in compared])


def broken(curve: Curve, at: list[tuple[float, float]], rungs: Sequence[float]) -> list[tuple[float, float]]:
    """The points with a NaN between two whose rungs are no neighbours: nothing is known of what lies between."""
    found = at[:1]
    for skipped, point in zip(skips(curve, rungs), at[1:], strict=True):
        found += [(math.nan, math.nan)] * skipped + [point]
    return found


def skips(curve: Curve, rungs: Sequence[float]) -> list[bool]:
    """Of each two points that follow one another whether a rung lies between them."""
    places = [rungs.index(budget_of(cell)) for cell in curve.cells]
    return [after - before > 1 for before, after in pairwise(places)]


def rungs_of(curves: Sequence[Curve]) -> list[float]:
    """The rungs that any entry was measured at, rising."""
    return sorted({budget_of(cell) for curve in curves for cell in curve.cells})


def has_gap(curves: Sequence[Curve]) -> bool:
    """True where some curve is broken."""
    rungs = rungs_of(curves)
    return any(any(skips(curve, rungs)) for curve in curves)


def frontier(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, NLL) that no other beats in both, by rising cost."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if not front or y < front[-1][1]:
            front.append((x, y))
    return front


def lacks_seconds(plots: Sequence[Plot]) -> bool:
    """True where a plot of these has no seconds, for want of step times."""
    return any(NO_SECONDS in plot.caption for plot in plots if plot.name.startswith("frontier-"))
