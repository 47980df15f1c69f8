"""Rows of an older version, which are not compared with those of today, in a line each."""

import shlex
from collections import defaultdict
from collections.abc import Iterable

from bench.record.typed import printable
from bench.report.model_summary import version_of
from bench.report.study import Run, label

FEW = 3
"""Names that are written out."""


def older_rows(study: str, runs: list[Run]) -> list[str]:
    """Lines on the rows of an older version that stand beside newer ones of their data.

    The first is of versions of training and evaluation: such rows have no common rank. One more is of each entry that
    has rows of several versions of its own; these are compared, as different variants of it.
    """
    by_data: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run["status"] == "ok" and run["nll_nats"] is not None:
            by_data[run["data"]].append(run)
    return [*of_bench(study, by_data), *of_entries(by_data.values())]


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


def names(runs: list[Run]) -> str:
    """The models of some rows, of many the first."""
    models = sorted({label(run) for run in runs})
    return ", ".join(map(printable, models[:FEW])) + (f" and {len(models) - FEW} more" if len(models) > FEW else "")
