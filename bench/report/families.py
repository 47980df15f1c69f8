"""How far entries and families of them are behind the first of a data set, and at which cost."""

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import NamedTuple

from bench.record.steps import StepTime
from bench.record.store import divided
from bench.report.frontier import seconds_of
from bench.report.intervals import Interval
from bench.report.marks import DAGGER, LOZENGE, marks
from bench.report.model_summary import ModelSummary
from bench.report.numbers import quantity
from bench.report.ranking import Difference


class Gap(NamedTuple):
    """How far an entry is behind the first.

    Attributes:
        model, family: of the entry.
        nats: the difference with its interval, and ≤ or ≥ where a bound makes it one; the marks of the entry's NLL.
        told_apart: whether the two differ, by simultaneous tests.
        tested: see `Difference.tested`.
    """

    model: str
    family: str
    nats: str
    told_apart: bool
    tested: bool


class Cost(NamedTuple):
    """What an entry costs; empty where it was not measured.

    Attributes:
        training: seconds of one run: of its steps alone on the machine, where these were timed.
        tuning: seconds of the trials that chose its settings.
        sampling: seconds of 1,000 samples.
        seconds: those of training.
    """

    training: str
    tuning: str
    sampling: str
    seconds: float | None = None


class Standing(NamedTuple):
    """A family on a data set.

    Attributes:
        family: its name.
        model: the one of its models that has the lowest test NLL.
        gap: how far that is behind the first; None for the first's family.
        near: others of its models, that are not told apart from the first.
        untested: others of its models, that could not be.
        is_floor: whether that model is fitted in one go.
        cost: of that model.
    """

    family: str
    model: str
    gap: Gap | None
    near: list[str]
    untested: list[str]
    is_floor: bool
    cost: Cost

    @property
    def told_apart(self) -> bool:
        """Whether each of its models is told apart from the first."""
        return self.gap is not None and self.gap.told_apart and not (self.near or self.untested)


def standings(best: ModelSummary, pairs: list[Difference], steps: Mapping[str, StepTime]) -> list[Standing]:
    """The families of a data set by the lowest test NLL of each, that of the best model first.

    Args:
        best: the entry of the lowest NLL.
        pairs: every other one behind it, at the largest budget.
        steps: run_id -> step time.
    """
    ordered = sorted(pairs, key=lambda pair: pair.interval.mean)
    found = {}
    for cell, ahead in ((best, None), *((pair.other, gap(pair)) for pair in ordered)):
        family = family_of(cell)
        if family not in found:
            others = [pair for pair in ordered if family_of(pair.other) == family and pair.other is not cell]
            found[family] = Standing(
                family, cell.model, ahead, not_told(others), untested(others), cell.is_floor, cost_of(cell, steps)
            )
    return list(found.values())


def not_told(pairs: Iterable[Difference]) -> list[str]:
    """The models that are tested and not told apart from the best."""
    return [pair.other.model for pair in pairs if pair.tested and not pair.told_apart]


def untested(pairs: Iterable[Difference]) -> list[str]:
    """The models that cannot be tested against the best: see `Difference.tested`."""
    return [pair.other.model for pair in pairs if not (pair.tested or pair.told_apart)]


def gap(pair: Difference) -> Gap:
    """A pair in words."""
    nats = f"{behind(pair)} {marks(pair.other, 'nll_nats')}".rstrip()
    return Gap(pair.other.model, family_of(pair.other), nats, pair.told_apart, pair.tested)


def behind(pair: Difference) -> str:
    """NLL of an entry less that of the best: ≤ where the entry's is a bound, ≥ where the best's is, ~ for both."""
    marks = {(True, False): "≥ ", (False, True): "≤ ", (True, True): "~ "}
    return marks.get((pair.best.is_bound, pair.other.is_bound), "") + quantity(pair.interval)


def family_of(cell: ModelSummary) -> str:
    """The family of an entry; of rows without one, its name."""
    return cell.named("family") or next((str(run["family"]) for run in cell.runs if run.get("family")), cell.model)


def cost_of(cell: ModelSummary, steps: Mapping[str, StepTime]) -> Cost:
    """Seconds of one run, of its trials and of samples, marked where others used the machine or it was another one."""
    marked = f" {DAGGER}" * cell.shared_machine + f" {LOZENGE}" * cell.elsewhere
    timed = [steps.get(divided(run["run_id"])[0]) for run in cell.finished]
    alone = [seconds_of(run, step) for run, step in zip(cell.finished, timed, strict=True)]
    known = [one for one in alone if one is not None]
    seconds, busy = None, ""
    if known and len(known) == len(alone):
        seconds, busy = fmean(known), f" {DAGGER}" * any(step is not None and step.shared_machine for step in timed)
    elif swept := cell.intervals.get("train_seconds"):
        seconds, busy = swept.mean, marked
    tuning, sampling = (
        in_seconds(found.mean) if (found := cell.intervals.get(column)) else ""
        for column in ("tuning_seconds", "sample_seconds_per_1k")
    )
    training = "" if seconds is None else in_seconds(seconds) + busy
    return Cost(training, tuning, sampling and sampling + marked, seconds)


def in_seconds(seconds: float) -> str:
    """Seconds by two digits."""
    return f"{quantity(Interval(seconds, None, 1), digits=2)} s"
