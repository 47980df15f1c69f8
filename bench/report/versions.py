"""Rows of an older version, which are not compared with those of today, in a line each."""

import shlex
from collections import defaultdict
from collections.abc import Iterable

from bench.record.key import EVALUATION_VERSION, TRAINING_VERSION
from bench.record.typed import printable
from bench.report.model_summary import version_of
from bench.report.study import Run, label

FEW = 3
"""Names that are written out."""


def older_rows(study: str, runs: list[Run]) -> list[str]:
    """Lines on the rows of an older version that stand beside newer ones of their data.

    The first is of versions of training and evaluation: such rows have no common rank. The second is of data sets all
    of whose rows are older than what a run makes today. One more is of each entry that has rows of several versions of
    its own; these are compared, as different variants of it.
    """
    by_data: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run["status"] == "ok" and run["nll_nats"] is not None:
            by_data[run["data"]].append(run)
    return [*of_bench(study, by_data), *before_today(study, by_data), *of_entries(by_data.values())]


def of_bench(study: str, by_data: dict[str, list[Run]]) -> list[str]:
    """A line on rows of an older training or evaluation; none where each data set has rows of one version alone."""
    apart: list[Run] = []
    new: list[Run] = []
    for own in by_data.values():
        newest = max(map(version_of, own))
        older = [run for run in own if version_of(run) < newest]
        if older:
            apart, new = [*apart, *older], [*new, *(run for run in own if version_of(run) == newest)]
    if not apart:
        return []
    before, now = min(map(version_of, apart)), max(map(version_of, new))
    return [
        f"{len(apart)} rows of {names(apart)} are of an older version ({said(before)}) than those of {names(new)} "
        f"({said(now)}): the two are not compared, and stand beside each other without a common rank. Make the older "
        f"anew: bench run study={shlex.quote(study)}"
    ]


def before_today(study: str, by_data: dict[str, list[Run]]) -> list[str]:
    """A line on data sets that have rows of an older training or evaluation alone."""
    today = TRAINING_VERSION, EVALUATION_VERSION
    groups = [own for own in by_data.values() if max(map(version_of, own)) < today]
    if not groups:
        return []
    rows = [run for own in groups for run in own]
    newest = said(max(map(version_of, rows)))
    return [
        f"all rows of {names(rows, 'data')} are of an older version ({newest}) than what a run makes today "
        f"({said(today)}), with which they do not compare. Make them anew: "
        f"bench run study={shlex.quote(study)}"
    ]


def of_entries(groups: Iterable[list[Run]]) -> list[str]:
    """A line for each entry with rows of several versions of its own on one data set."""
    versions: dict[str, set[int]] = defaultdict(set)
    count: dict[str, int] = defaultdict(int)
    for own in groups:
        by_model: dict[str, list[tuple[int, Run]]] = defaultdict(list)
        for run in own:
            if run.get("entry_version") is not None:
                by_model[run["model"]].append((int(run["entry_version"]), run))
        for model, rows in by_model.items():
            found = {version for version, _ in rows}
            if len(found) > 1:
                versions[model] |= found
                count[model] += sum(version < max(found) for version, _ in rows)
    return [
        f"{count[model]} rows of {printable(model)} are of an older version of this entry "
        f"({', '.join(map(str, sorted(found)[:-1]))}, beside {max(found)}): they stand for what it was"
        for model, found in versions.items()
    ]


def said(version: tuple[int, int]) -> str:
    """The versions of training and evaluation in words."""
    return f"training {version[0]}, evaluation {version[1]}"


def names(runs: list[Run], column: str = "") -> str:
    """The models of some rows, or another column of theirs, of many the first."""
    found = sorted({run[column] if column else label(run) for run in runs})
    return ", ".join(map(printable, found[:FEW])) + (f" and {len(found) - FEW} more" if len(found) > FEW else "")
