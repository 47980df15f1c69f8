"""What a study comes to, in a sentence for each data set: who is first, not told apart, above the floor."""

from collections import defaultdict

from bench.report.model_summary import ModelSummary
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
    best = pairs[0].best
    number = quantity(best.intervals["nll_nats"])
    near = [pair.other.model for pair in pairs if not pair.told_apart]
    first = f"{data}: {best.model} has the lowest test NLL, {'≤ ' * best.is_bound}{number} nats"
    apart = ", told apart from every other model" if best.best else ", not compared with all others"
    told = f"; not told apart from it: {', '.join(near)}" if near else apart
    members = {pair.other.place for pair in pairs} | {best.place}
    above = [cell.model for cell in cells if cell.above_floor and cell.place in members]
    floor = f" Not shown to be better than the floor: {', '.join(above)}." if above else ""
    return f"{first}{told}.{floor}"
