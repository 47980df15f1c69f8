"""Cards: the answer of a data set at a glance, for the first screen of a page and for the index."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from bench.record.sample_metrics import SAMPLE_METRICS
from bench.report.families import Cost, Gap, Standing, cost_of, family_of, gap, not_told, standings, untested
from bench.report.marks import marks
from bench.report.model_summary import ModelSummary
from bench.report.numbers import quantity
from bench.report.ranking import Difference, untuned_names
from bench.report.strips import Strip, strips
from bench.report.study import Study
from bench.report.tables import share
from bench.report.verdict import at_top, groups_alike, in_several_settings, members

State = Literal["sure", "family sure", "undecided", "open"]


DISTANCES = ("feature_frechet", "sliced_w2")
"""Metrics of samples of which the first that was measured stands on a card: lower is nearer to the data."""


class Nearest(NamedTuple):
    """Whose samples are nearest to test examples.

    Attributes:
        metric: of samples, lower is nearer.
        model, value: the entry of the lowest mean.
        own: the value of the entry that is first by likelihood.
    """

    metric: str
    model: str
    value: str
    own: str


class Card(NamedTuple):
    """One data set.

    Attributes:
        data: its name.
        state: `sure`, the first is told apart from every other model; `family sure`, from every one of another family;
            `undecided`, from fewer; `open`, none is first.
        why: what makes it open, else empty.
        place: the share of the budget and the setting that entries meet at, in words.
        first, family, nll: the entry of the lowest test NLL.
        is_floor: whether that is a reference that is fitted in one go, and no trained model.
        next: the second.
        next_family: the first trained entry of another family than the first one's, where that is not the second.
        others: number of entries compared with the first.
        apart: number of entries that were measured otherwise, and are compared with each other alone.
        near: entries that are tested and not told apart from the first.
        untested: entries that cannot be tested against it.
        without: trained entries of the same budget and setting that have no likelihood.
        samples: whose samples are nearest to the data; None where no metric was measured of several.
        cost: of the first.
        families: the best entry of each family, that of the first one first.
        commands: that make the runs of the first again.
        strips: pictures of the data and of its samples.
    """

    data: str
    state: State
    why: str = ""
    place: str = ""
    first: str = ""
    family: str = ""
    nll: str = ""
    is_floor: bool = False
    next: Gap | None = None
    next_family: Gap | None = None
    others: int = 0
    apart: int = 0
    near: Sequence[str] = ()
    untested: Sequence[str] = ()
    without: Sequence[str] = ()
    samples: Nearest | None = None
    cost: Cost = Cost("", "", "")
    families: Sequence[Standing] = ()
    commands: Sequence[str] = ()
    strips: Sequence[Strip] = ()


def cards(study: Study, cells: list[ModelSummary], pairs: list[Difference]) -> list[Card]:
    """A card for each data set of a study, in the order of its tables."""
    by_data: dict[str, list[Difference]] = {cell.data: [] for cell in cells}
    for pair in pairs:
        by_data[pair.best.data].append(pair)
    of = {data: [cell for cell in cells if cell.data == data] for data in by_data}
    return [card(study, data, of[data], at_top(own) if own else []) for data, own in by_data.items()]


def card(study: Study, data: str, cells: list[ModelSummary], pairs: list[Difference]) -> Card:
    """The card of one data set.

    Args:
        study: whose pictures it shows.
        data: the data set.
        cells: of it.
        pairs: every entry behind the best, at the largest budget.
    """
    groups = groups_alike(pairs)
    if any(cell.unbounded for cell in cells):
        return Card(data, "open", "Columns have ties, where a likelihood grows without bound.")
    if not groups:
        return Card(data, "open", why_open(cells))
    if in_several_settings(groups):
        return Card(data, "open", "Models meet in several settings.")
    pairs, *others = groups
    best = pairs[0].best
    ordered = sorted(pairs, key=lambda pair: pair.interval.mean)
    second, *later = ordered
    family = family_of(best)
    elsewhere = (pair for pair in ordered if family_of(pair.other) != family and not pair.other.is_floor)
    abroad = next(elsewhere, None)
    return Card(
        data,
        state_of(best, pairs, cells),
        place=place_of(pairs[0]),
        first=best.model,
        family=family,
        nll=f"{'≤ ' * best.is_bound}{quantity(best.intervals['nll_nats'])} {marks(best, 'nll_nats')}".rstrip(),
        without=[cell.model for cell in without_likelihood(pairs[0], cells)],
        is_floor=best.is_floor,
        next=gap(second),
        next_family=gap(abroad) if abroad in later else None,
        others=len(pairs),
        apart=sum(len(members(group)) for group in others),
        near=not_told(ordered),
        untested=untested(ordered),
        samples=nearest(best, [pair.other for pair in ordered]),
        cost=cost_of(best, study.steps),
        families=standings(best, pairs, study.steps),
        commands=[str(run["command"]) for run in best.runs if run["command"]],
        strips=strips(study, data, best.model),
    )


def state_of(best: ModelSummary, pairs: list[Difference], cells: list[ModelSummary]) -> State:
    """How sure it is who is first; of a family, where all are compared and those not told apart are its own."""
    if best.best:
        return "sure"
    compared = {best.model, *(pair.other.model for pair in pairs)}
    if any("nll_nats" in cell.intervals and cell.model not in compared for cell in cells if not cell.oracle):
        return "undecided"
    families = {family_of(pair.other) for pair in pairs}
    near = {family_of(pair.other) for pair in pairs if not pair.told_apart}
    return "family sure" if near == {family_of(best)} != families else "undecided"


def nearest(best: ModelSummary, others: list[ModelSummary]) -> Nearest | None:
    """Whose samples have the lowest mean distance to test examples, of trained entries and the first."""
    compared = [best, *(cell for cell in others if not cell.is_floor)]
    for metric in DISTANCES:
        measured = [cell for cell in compared if metric in cell.intervals]
        if best in measured and len(measured) > 1:
            first = min(measured, key=lambda cell: cell.intervals[metric].mean)
            own, lowest = (quantity(cell.intervals[metric]) for cell in (best, first))
            return Nearest(SAMPLE_METRICS[metric].heading, first.model, lowest, own)
    return None


def without_likelihood(pair: Difference, cells: list[ModelSummary]) -> list[ModelSummary]:
    """The trained entries of a contest whose likelihood was not measured, void or lost with their runs."""
    return [
        cell
        for cell in cells
        if (cell.rung, pair.setting in cell.setting.split("=")) == (pair.rung, True)
        and cell.runs
        and not (cell.control or cell.oracle)
        and "nll_nats" not in cell.intervals
    ]


def place_of(pair: Difference) -> str:
    """Budget and setting in words, such as `tuned, budget 1`; empty where a study has one of each."""
    words = [pair.setting] if pair.setting else []
    return ", ".join([*words, *([f"budget {share(pair.rung)}"] if pair.rung not in (None, 1.0) else [])])


def why_open(cells: list[ModelSummary]) -> str:
    """Why a data set without a comparison names no first."""
    if untuned_names(cells):
        return "Every model is as it comes: who is first hangs on whom the default rate suits."
    finished = sum(bool(cell.finished) for cell in cells if not cell.oracle)
    return "No two models have finished the same seed." if finished > 1 else "Fewer than two models have finished."
