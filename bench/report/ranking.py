"""The best entry of a data set and what it is told apart from: what tables print bold and differences.csv holds."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from bench.config import TUNED, is_tuned
from bench.report.comparison import Comparison, Measured, comparison, mean_interval
from bench.report.floor import above_floor, above_floor_by_mean
from bench.report.intervals import Interval
from bench.report.likelihoods import by_error, comparable_groups, kl_measured, measured
from bench.report.model_summary import ModelSummary
from bench.report.products import TestSet
from bench.report.study import write_csv

TestSets = Mapping[str, TestSet]


class Difference(NamedTuple):
    """How far an entry is behind the best of those measured on the same examples.

    Attributes:
        rung, setting: at which they are compared.
        best, other: the entries.
        interval: NLL of `other` minus that of `best` in nats.
        told_apart: whether the two differ, by the simultaneous tests of all entries against the best.
    """

    rung: float | None
    setting: str
    best: ModelSummary
    other: ModelSummary
    interval: Interval
    told_apart: bool

    @property
    def tested(self) -> bool:
        """True where the other can be told apart: the difference has an error, and a bound is loose by a known part."""
        return self.interval.half_width is not None and self.other.slack is not None

    @property
    def verdict(self) -> str:
        """What the tests say of the other, in words."""
        return "behind" if self.told_apart else "not told apart" if self.tested else "not tested"


class Contest(NamedTuple):
    """Entries that are compared with each other: on one data set, at one budget and setting.

    Attributes:
        rung, setting: of the contest.
        cells: by name.
    """

    rung: float | None
    setting: str
    cells: dict[str, ModelSummary]


def contests(cells: list[ModelSummary]) -> list[Contest]:
    """The contests of one data set that name a best.

    Where several entries were tuned, they meet tuned alone: as they come, who is first hangs on whom the default rate
    suits. So a study that is to be tuned names no best while an entry is not. One tuned entry in a study of others
    as they come meets them as it comes itself.
    """
    if untuned_names(cells):
        return []
    every = meetings(cells)
    tuned = [contest for contest in every if contest.setting == TUNED]
    others = [contest for contest in every if contest.setting != TUNED]
    if tuned and (len(trained(tuned)) > 1 or trained(others) <= trained(tuned)):
        return tuned
    return others


def trained(contests: list[Contest]) -> set[str]:
    """Names of the entries of some contests, without the floors."""
    return {name for contest in contests for name, cell in contest.cells.items() if not cell.is_floor}


def untuned_names(cells: list[ModelSummary]) -> set[str]:
    """Names of the trained entries without a tuned run, of a study that is to be tuned."""
    own = [cell for cell in cells if cell.runs and not cell.is_floor and not cell.control]
    tuned = {cell.model for cell in own if is_tuned(cell.setting)}
    return {cell.model for cell in own if cell.untuned} - tuned


def meetings(cells: list[ModelSummary]) -> list[Contest]:
    """The entries of one data set by budget and setting; a floor, which has no budget, is in each."""
    floors = [cell for cell in cells if cell.is_floor]
    by_place: dict[tuple[float | None, str], list[ModelSummary]] = defaultdict(list)
    for cell in cells:
        if not cell.is_floor:
            for setting in cell.setting.split("="):
                by_place[cell.rung, setting].append(cell)
    places = by_place or {(None, ""): []}
    return [
        Contest(rung, setting, {cell.model: cell for cell in [*floors, *own]})
        for (rung, setting), own in places.items()
    ]


def with_likelihoods(cells: list[ModelSummary], test_sets: TestSets) -> list[ModelSummary]:
    """The entries of one data set with intervals over seeds and test examples.

    `best` is one that wins every contest it takes part in; None for one that is compared with nothing.
    """
    outcomes: dict[tuple[Any, ...], list[bool]] = defaultdict(list)
    above: set[tuple[Any, ...]] = set()
    for meeting in meetings(cells):
        for group in groups_of(meeting):
            take_intervals(group, meeting, test_sets)
            above |= behind_floor(group, meeting, test_sets)
    for contest in contests(cells):
        groups = groups_of(contest)
        result = compared(groups[0], contest, test_sets) if len(groups) == 1 else None
        if len(groups) > 1 or (result is not None and result.differences):
            for name, cell in contest.cells.items():
                outcomes[cell.place].append(result is not None and result.winner == name)
    known = {row for one in test_sets.values() for row in one.rows}
    bounded = not any(cell.unbounded for cell in cells)
    return [
        replace(
            cell,
            best=bounded and all(outcomes[cell.place]) if outcomes[cell.place] else None,
            estimated=is_estimated(cell, known),
            above_floor=cell.place in above,
        )
        for cell in cells
    ]


def is_estimated(cell: ModelSummary, known: set[str]) -> bool:
    """True where an interval over seeds and examples rests on standard errors."""
    runs = cell.with_column("nll_nats")
    return len(runs) > 1 and not all(run["run_id"] in known or run.get("varies") == "fold" for run in runs)


def groups_of(contest: Contest) -> list[dict[str, Any]]:
    """The finished runs of a contest's entries, divided into groups measured on the same examples."""
    return comparable_groups(
        {name: runs for name, cell in contest.cells.items() if (runs := cell.with_column("nll_nats"))}
    )


def take_intervals(group: dict[str, Any], contest: Contest, test_sets: TestSets) -> None:
    """Gives the entries of a group their intervals of NLL, of bits a dimension, and of the distance to the truth."""
    likelihoods = measured(group, test_sets)
    divergences = kl_measured(group, test_sets) or by_error(group, "kl_to_truth", "kl_standard_error")
    for name in group:
        cell = contest.cells[name]
        if likelihoods is not None and likelihoods.runs(name) > 1:
            nll = negative(likelihoods, name)
            bits = cell.intervals.get("bits_per_dim")
            if bits is not None and cell.intervals["nll_nats"].mean:
                scale = bits.mean / cell.intervals["nll_nats"].mean
                half = None if nll.half_width is None else nll.half_width * abs(scale)
                cell.intervals["bits_per_dim"] = Interval(bits.mean, half, nll.n)
            cell.intervals["nll_nats"] = nll
        if divergences is not None and "kl_to_truth" in cell.intervals and divergences.runs(name) > 1:
            cell.intervals["kl_to_truth"] = negative(divergences, name)


def behind_floor(group: dict[str, Any], contest: Contest, test_sets: TestSets) -> set[tuple[Any, ...]]:
    """The places of a group's entries that are not shown to be better than the floor."""
    likelihoods = measured(group, test_sets)
    members = {name: contest.cells[name] for name in group}
    behind = above_floor_by_mean(members) if likelihoods is None else above_floor(likelihoods, members)
    return {members[name].place for name in behind}


def negative(measure: Measured, name: str) -> Interval:
    """The interval of minus the mean."""
    interval = mean_interval(measure, name)
    return interval._replace(mean=-interval.mean)


def compared(group: dict[str, Any], contest: Contest, test_sets: TestSets) -> Comparison | None:
    """The comparison of a group; None where nothing is known of its errors."""
    likelihoods = measured(group, test_sets)
    slack = {name: contest.cells[name].slack for name in group}
    return None if likelihoods is None else comparison(likelihoods, slack)


def differences(cells: list[ModelSummary], test_sets: TestSets) -> list[Difference]:
    """Every entry behind the best of its contest, among those measured on the same test examples."""
    by_data: dict[str, list[ModelSummary]] = defaultdict(list)
    for cell in cells:
        if not cell.oracle:
            by_data[cell.data].append(cell)
    rows = []
    for entries in by_data.values():
        for contest in contests(entries):
            for group in groups_of(contest):
                result = compared(group, contest, test_sets)
                if result is not None:
                    best = contest.cells[result.best]
                    rows += [
                        Difference(contest.rung, contest.setting, best, contest.cells[name], gap, name in result.worse)
                        for name, gap in sorted(result.differences.items(), key=lambda item: item[1].mean)
                    ]
    return rows


def differences_csv(differences: list[Difference]) -> str:
    """differences.csv: NLL of each entry minus that of the best in nats, with its own 95 % interval.

    `told_apart` is empty where nothing is known of the error of a difference, or of how loose a bound is.
    """
    header = ["data", "rung", "setting", "best", "model", "n", "difference_nats", "ci95", "low", "high"]
    header += ["best_is_bound", "model_is_bound", "slack_nats", "told_apart"]
    rows: list[list[Any]] = []
    for pair in differences:
        rung, setting, best, other, (mean, half_width, n), told_apart = pair
        ends = [None, None] if half_width is None else [mean - half_width, mean + half_width]
        verdict = told_apart if told_apart or pair.tested else None
        names = [best.data, rung, setting or None, best.model, other.model]
        rows.append([*names, n, mean, half_width, *ends, best.is_bound, other.is_bound, other.slack, verdict])
    return write_csv(header, rows)
