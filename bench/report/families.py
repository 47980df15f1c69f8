"""How far entries and families of them are behind the first of a data set, and at which cost."""

from typing import NamedTuple

from bench.report.marks import DAGGER, LOZENGE
from bench.report.model_summary import ModelSummary
from bench.report.numbers import quantity
from bench.report.ranking import Difference


class Gap(NamedTuple):
    """How far an entry is behind the first.

    Attributes:
        model, family: of the entry.
        nats: the difference with its interval, and ≤ or ≥ where a bound makes it one.
        told_apart: whether the two differ, by simultaneous tests.
        tested: whether anything is known of the error of the difference.
    """

    model: str
    family: str
    nats: str
    told_apart: bool
    tested: bool


class Cost(NamedTuple):
    """What an entry costs; empty where it was not measured.

    Attributes:
        training: seconds of one run.
        tuning: seconds of the trials that chose its settings.
        sampling: seconds of 1,000 samples.
    """

    training: str
    tuning: str
    sampling: str


class Standing(NamedTuple):
    """A family on a data set.

    Attributes:
        family: its name.
        model: the one of its models that has the lowest test NLL.
        gap: how far that is behind the first; None for the first's family.
        told_apart: whether each of its models is told apart from the first.
        is_floor: whether that model is fitted in one go.
        cost: of that model.
    """

    family: str
    model: str
    gap: Gap | None
    told_apart: bool
    is_floor: bool
    cost: Cost


def standings(best: ModelSummary, pairs: list[Difference]) -> list[Standing]:
    """The families of a data set by the lowest test NLL of each, that of the best model first.

    Args:
        best: the entry of the lowest NLL.
        pairs: every other one behind it, at the largest budget.
    """
    found = {family_of(best): Standing(family_of(best), best.model, None, False, best.is_floor, cost_of(best))}
    for pair in sorted(pairs, key=lambda pair: pair.interval.mean):
        other, family = pair.other, family_of(pair.other)
        of_family = [one.told_apart for one in pairs if family_of(one.other) == family]
        own = Standing(family, other.model, gap(pair), all(of_family), other.is_floor, cost_of(other))
        found.setdefault(family, own)
    return list(found.values())


def gap(pair: Difference) -> Gap:
    """A pair in words."""
    tested = pair.interval.half_width is not None
    return Gap(pair.other.model, family_of(pair.other), behind(pair), pair.told_apart, tested)


def behind(pair: Difference) -> str:
    """NLL of an entry less that of the best: ≤ where the entry's is a bound, ≥ where the best's is, ~ for both."""
    marks = {(True, False): "≥ ", (False, True): "≤ ", (True, True): "~ "}
    return marks.get((pair.best.is_bound, pair.other.is_bound), "") + quantity(pair.interval)


def family_of(cell: ModelSummary) -> str:
    """The family of an entry; of rows without one, its name."""
    return cell.named("family") or next((str(run["family"]) for run in cell.runs if run.get("family")), cell.model)


def cost_of(cell: ModelSummary) -> Cost:
    """Seconds of one run, of its trials and of samples, marked where others used the machine or it was another one."""
    marked = f" {DAGGER}" * cell.shared_machine + f" {LOZENGE}" * cell.elsewhere
    columns = ("train_seconds", "tuning_seconds", "sample_seconds_per_1k")
    found = [cell.intervals.get(column) for column in columns]
    texts = ["" if one is None else f"{quantity(one._replace(half_width=None), digits=2)} s" for one in found]
    training, tuning, sampling = texts
    return Cost(training and training + marked, tuning, sampling and sampling + marked)
