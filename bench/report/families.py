"""How far entries and families of them are behind the first of a data set, and at which cost."""

from collections import defaultdict
from typing import NamedTuple

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
        near: others of its models, that are not told apart from the first.
        is_floor: whether that model is fitted in one go.
        cost: of that model.
    """

    family: str
    model: str
    gap: Gap | None
    near: list[str]
    is_floor: bool
    cost: Cost

    @property
    def told_apart(self) -> bool:
        """Whether each of its models is told apart from the first."""
        return self.gap is not None and self.gap.told_apart and not self.near


def standings(best: ModelSummary, pairs: list[Difference]) -> list[Standing]:
    """The families of a data set by the lowest test NLL of each, that of the best model first.

    Args:
        best: the entry of the lowest NLL.
        pairs: every other one behind it, at the largest budget.
    """
    near: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        near[family_of(pair.other)] += [] if pair.told_apart else [pair.other.model]
    own = family_of(best)
    found = {own: Standing(own, best.model, None, near[own], best.is_floor, cost_of(best))}
    for pair in sorted(pairs, key=lambda pair: pair.interval.mean):
        other, family = pair.other, family_of(pair.other)
        others = [name for name in near[family] if name != other.model]
        found.setdefault(family, Standing(family, other.model, gap(pair), others, other.is_floor, cost_of(other)))
    return list(found.values())


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


def cost_of(cell: ModelSummary) -> Cost:
    """Seconds of one run, of its trials and of samples, marked where others used the machine or it was another one."""
    marked = f" {DAGGER}" * cell.shared_machine + f" {LOZENGE}" * cell.elsewhere
    columns = ("train_seconds", "tuning_seconds", "sample_seconds_per_1k")
    found = [cell.intervals.get(column) for column in columns]
    texts = ["" if one is None else f"{quantity(one._replace(half_width=None), digits=2)} s" for one in found]
    training, tuning, sampling = texts
    return Cost(training and training + marked, tuning, sampling and sampling + marked)
