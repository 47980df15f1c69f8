"""What a study comes to, in a sentence for each data set: who is first, not told apart, above the floor."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from bench.config import TUNED
from bench.report.families import not_told, untested
from bench.report.model_summary import ModelSummary, examples_of
from bench.report.numbers import quantity
from bench.report.ranking import Difference

FEW = 5
"""Names in a sentence, from which on they are counted: the table has them all."""


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


def groups_alike(pairs: list[Difference]) -> list[list[Difference]]:
    """The pairs by the best that they are behind, the largest group first: models that were measured alike."""
    groups: dict[tuple[Any, ...], list[Difference]] = defaultdict(list)
    for pair in pairs:
        groups[(pair.rung, pair.setting, *pair.best.place)].append(pair)
    return sorted(groups.values(), key=len, reverse=True)


def in_several_settings(groups: list[list[Difference]]) -> bool:
    """True where groups differ by their budget or setting, and not by how they were measured alone."""
    return len({(group[0].rung, group[0].setting) for group in groups}) > 1


def verdict(data: str, pairs: list[Difference], cells: list[ModelSummary]) -> str:
    """One data set in words."""
    groups = groups_alike(pairs)
    if in_several_settings(groups):
        return f"{data}: models meet in several settings; none is first."
    if any(cell.unbounded for cell in cells if cell.data == data):
        return f"{data}: columns have ties, where a likelihood grows without bound; none is first."
    elsewhere = measured_elsewhere(data, members(groups[0]), cells)
    if len(groups) == 1:
        among = "models were measured on different test examples; among those on the same ones " if elsewhere else ""
        return f"{data}: {among}{of_group(groups[0], cells)}"
    what = "on different test examples" if elsewhere else "by different versions"
    return " ".join(
        [
            f"{data}: none is first of all, measured as they were {what}.",
            *(f"Of {len(members(group))} that compare, {of_group(group, cells)}" for group in groups),
        ]
    )


def members(group: list[Difference]) -> set[tuple[Any, ...]]:
    """The places of the models of a group."""
    return {pair.other.place for pair in group} | {group[0].best.place}


def of_group(group: list[Difference], cells: list[ModelSummary]) -> str:
    """Who is first of models that compare, who is not told apart from it, who is above the floor."""
    best = group[0].best
    number = quantity(best.intervals["nll_nats"])
    near, unknown = not_told(group), untested(group)
    tuned = " of those tuned" if group[0].setting == TUNED else ""
    first = f"{best.model} has the lowest test NLL{tuned}, {'≤ ' * best.is_bound}{number} nats"
    apart = ", told apart from every other model" if best.best else ", not compared with all others"
    told = f"; not told apart from it: {first_names(near)}" if near else "" if unknown else apart
    told += f"; not tested against it: {first_names(unknown)}" if unknown else ""
    above = [cell.model for cell in cells if cell.above_floor and cell.place in members(group)]
    floor = f" Not shown to be better than the floor: {first_names(above)}." if above else ""
    return f"{first}{told}.{floor}"


def first_names(names: list[str]) -> str:
    """Names in a row; of many the first few, and how many more there are."""
    more = len(names) - FEW
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:FEW])} and {more} more"


def measured_elsewhere(data: str, members: Collection[tuple[Any, ...]], cells: list[ModelSummary]) -> bool:
    """True where a model of the data set shares no test example with those that are compared."""
    examples = {
        cell.place: {examples_of(run) for run in cell.runs if run.get("nll_nats") is not None} for cell in cells
    }
    shared = set().union(*(examples[place] for place in members))
    own = [examples[cell.place] for cell in cells if cell.data == data and not (cell.control or cell.oracle)]
    return any(found and not found & shared for found in own)
