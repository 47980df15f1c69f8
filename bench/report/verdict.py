"""What a study comes to, in a sentence for each data set: who is first, not told apart, above the floor."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from bench.report.model_summary import ModelSummary, examples_of
from bench.report.numbers import quantity
from bench.report.ranking import Difference


def verdicts(cells: list[ModelSummary], pairs: list[Difference]) -> list[str]:
    """A sentence or two for each data set that names a best, at its largest budget.

    Args:
        cells: of the study.
        pairs: every entry behind the best of its contest.
    """
    by_data: dict[str, list[Difference]] = defaultdict(list)
    for pair in pairs:
        by_data[pair.best.data].append(pair)
    return [verdict(data, at_top(own), cells) for data, own in by_data.items()]


def at_top(pairs: list[Difference]) -> list[Difference]:
    """The pairs at the largest budget."""
    top = max(pair.rung or 1.0 for pair in pairs)
    return [pair for pair in pairs if (pair.rung or 1.0) == top]


def verdict(data: str, pairs: list[Difference], cells: list[ModelSummary]) -> str:
    """One data set in words."""
    bests = {pair.best.place: pair.best for pair in pairs}
    if len(bests) > 1:
        return (
            f"{data}: models are of different versions, were measured on different test examples or meet in several "
            "settings; none is first."
        )
    if any(cell.unbounded for cell in cells if cell.data == data):
        return f"{data}: columns have ties, where a likelihood grows without bound; none is first."
    best = pairs[0].best
    number = quantity(best.intervals["nll_nats"])
    near = [pair.other.model for pair in pairs if not pair.told_apart]
    members = {pair.other.place for pair in pairs} | {best.place}
    among = "models were measured on different test examples; among those on the same ones "
    others = among if measured_elsewhere(data, members, cells) else ""
    first = f"{data}: {others}{best.model} has the lowest test NLL, {'≤ ' * best.is_bound}{number} nats"
    apart = ", told apart from every other model" if best.best else ", not compared with all others"
    told = f"; not told apart from it: {', '.join(near)}" if near else apart
    above = [cell.model for cell in cells if cell.above_floor and cell.place in members]
    floor = f" Not shown to be better than the floor: {', '.join(above)}." if above else ""
    return f"{first}{told}.{floor}"


def measured_elsewhere(data: str, members: Collection[tuple[Any, ...]], cells: list[ModelSummary]) -> bool:
    """True where a model of the data set shares no test example with those that are compared."""
    examples = {
        cell.place: {examples_of(run) for run in cell.runs if run.get("nll_nats") is not None} for cell in cells
    }
    shared = set().union(*(examples[place] for place in members))
    own = [examples[cell.place] for cell in cells if cell.data == data and not (cell.control or cell.oracle)]
    return any(found and not found & shared for found in own)
