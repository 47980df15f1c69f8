"""Rows of an older version that cannot be compared with those of today, in one line."""

import shlex
from collections import defaultdict

from bench.record.typed import printable
from bench.report.model_summary import examples_of
from bench.report.study import Run, label

FEW = 3
"""Names that are written out."""

Version = tuple[int, int]
"""Of training and of evaluation."""


def older_rows(study: str, runs: list[Run]) -> list[str]:
    """A line on the rows of an older version that were measured on other test examples than newer ones of their data.

    None where all rows of a data set can be compared, or are of one version.
    """
    by_data: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run["status"] == "ok" and run["nll_nats"] is not None:
            by_data[run["data"]].append(run)
    newest = max((version(run) for own in by_data.values() for run in own), default=(0, 0))
    apart: list[Run] = []
    new: list[Run] = []
    for own in by_data.values():
        latest = [run for run in own if version(run) == newest]
        examples = {examples_of(run) for run in latest}
        older = [run for run in own if version(run) < newest and examples_of(run) not in examples]
        if latest and older:
            apart, new = [*apart, *older], [*new, *latest]
    if not apart:
        return []
    first = min(version(run) for run in apart)
    return [
        f"{len(apart)} rows of an older version (training {first[0]}, evaluation {first[1]}) were measured on other "
        f"test examples: {names(apart)} cannot be compared with {names(new)}, and stand beside without a rank. Make "
        f"them anew: bench run study={shlex.quote(study)}"
    ]


def version(run: Run) -> Version:
    """The versions that a row was made by; 0 where it does not say."""
    return int(run.get("training_version") or 0), int(run.get("evaluation_version") or 0)


def names(runs: list[Run]) -> str:
    """The models of some rows, of many the first."""
    models = sorted({label(run) for run in runs})
    return ", ".join(map(printable, models[:FEW])) + (f" and {len(models) - FEW} more" if len(models) > FEW else "")
