"""One model on one data set, at one budget and setting: its runs, and the interval of each metric."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.config import is_tuned
from bench.record.columns import STATUSES
from bench.record.warnings import UNBOUNDED
from bench.report.intervals import Interval
from bench.report.study import Run

LOOSE = 0.1
"""Nats of slack from which on a bound is marked as loose."""

ORACLE = "oracle"
"""The name of the true density's row."""


@dataclass(frozen=True)
class ModelSummary:
    """The runs of one model on one data set.

    Attributes:
        data, model: the data set, and the model with what else the study varied in brackets.
        runs: all of them, failed ones too; none for the oracle.
        intervals: metric -> its interval over the finished runs that have it.
        oracle: whether this is the true density and not a model.
        control: whether this is real examples or copies of them and not a model: it has no rank.
        rung: share of the study's budget; None where its runs do not say.
        setting: `default`, `tuned` or, where what was chosen is the default, `default=tuned`; empty for older runs.
        best: whether its NLL is told apart from that of every other model at its budget and setting; False where
            another was measured on other test examples or by another version, or a likelihood grows without bound; None
            where nothing was compared with it.
        estimated: whether its interval takes standard errors for want of per-example likelihoods.
        elsewhere: whether a run of it was timed on another device, or by other threads, than most of its study.
        above_floor: whether it is trained and not shown to be better than the floor, see `bench.report.floor`.
    """

    data: str
    model: str
    runs: list[Run]
    intervals: dict[str, Interval]
    oracle: bool = False
    control: bool = False
    rung: float | None = None
    setting: str = ""
    best: bool | None = field(default=None, compare=False)
    estimated: bool = field(default=False, compare=False)
    elsewhere: bool = field(default=False, compare=False)
    above_floor: bool = field(default=False, compare=False)

    @property
    def place(self) -> tuple[Any, ...]:
        """Data set, budget, setting and model: no two summaries of a study share it."""
        return self.data, self.rung, self.setting, self.model

    @property
    def is_floor(self) -> bool:
        """True for an entry that is fitted: it has no budget, and stands beside the others at each of theirs."""
        return bool(self.finished) and all(run.get("matched_to") is None for run in self.finished)

    @property
    def untuned(self) -> bool:
        """True where its study ranks tuned runs alone and it is as it comes."""
        return any(run.get("untuned") for run in self.runs)

    @property
    def unbounded(self) -> bool:
        """True where its data have ties, so that a likelihood grows without bound, as its rows warn."""
        return any(UNBOUNDED in (run.get("warning") or "") for run in self.finished)

    @property
    def slack(self) -> float | None:
        """Nats that its NLL may lie too high by: 0 where it is exact, None where some run does not say."""
        bounds = [run.get("nll_slack_nats") for run in self.with_column("nll_nats") if run["nll_is_bound"]]
        known = [slack for slack in bounds if slack is not None]
        return None if len(known) < len(bounds) else max(known, default=0.0)

    @cached_property
    def finished(self) -> list[Run]:
        """The runs that ended well: the only ones that are averaged."""
        return [run for run in self.runs if run["status"] == "ok"]

    @property
    def is_bound(self) -> bool:
        """True where any finished run reports a bound in place of its likelihood."""
        return any(run["nll_is_bound"] for run in self.finished)

    @property
    def shared_machine(self) -> bool:
        """True where any finished run was timed on a machine that others used."""
        return any(run["shared_machine"] for run in self.finished)

    @property
    def loose(self) -> bool:
        """True where it is not known how much a bound is too high by, or that is more than `LOOSE`."""
        return self.is_bound and (self.slack is None or self.slack > LOOSE)

    @property
    def packed(self) -> bool:
        """True where any finished run was trained together with others, and its time is a share of theirs."""
        return any((run["packed"] or 1) > 1 for run in self.finished)

    @property
    def failures(self) -> str:
        """Counts of the bad ends in words, such as `1 diverged`."""
        return count_words([run for run in self.runs if run["status"] != "ok"])

    def named(self, column: str) -> str:
        """The values of a text column over the finished runs, usually one."""
        if self.oracle and column == "nll_estimator":
            return "exact"
        return ", ".join(sorted({str(run[column]) for run in self.finished if run[column] is not None}))

    def with_column(self, column: str) -> list[Run]:
        """The finished runs that have a value there."""
        return [run for run in self.finished if run[column] is not None]

    def measured_on(self) -> set[int | None]:
        """Numbers of test examples that the NLLs are means of."""
        return {run["nll_examples"] for run in self.finished if run["nll_nats"] is not None}

    def by_seed(self, column: str) -> dict[int, float]:
        """seed -> value, over the finished runs that have one."""
        return {run["seed"]: run[column] for run in self.finished if run[column] is not None}


def examples_of(run: Run) -> str:
    """The examples a run was measured on, by their hash; of rows older than that, how many."""
    return run.get("test_hash") or f"first {run['nll_examples']}"


def version_of(run: Run) -> tuple[int, int]:
    """The versions of training and of evaluation that a run was made by; 0 where it does not say."""
    return int(run.get("training_version") or 0), int(run.get("evaluation_version") or 0)


def measured_as(run: Run) -> tuple[str, tuple[int, int]]:
    """What two runs share whose likelihoods can be compared: test examples, and versions of training and evaluation."""
    return examples_of(run), version_of(run)


def comparable(cells: Sequence[ModelSummary]) -> list[ModelSummary]:
    """The largest group whose NLLs share test examples, or some of their folds, and versions."""
    measured = [frozenset(map(measured_as, cell.with_column("nll_nats"))) for cell in cells]
    groups = [
        [cell for cell, own in zip(cells, measured, strict=True) if own & one or own == one]
        for one in dict.fromkeys(measured)
    ]
    return max(groups, key=len)


def count_words(runs: list[Run]) -> str:
    """Counts by status in words, such as `2 ok, 1 diverged`."""
    return ", ".join(f"{count} {status}" for status, count in counts(runs).items())


def counts(runs: list[Run]) -> dict[str, int]:
    """Status -> number of runs, of those that occur."""
    found = Counter(run["status"] for run in runs)
    return {status: found[status] for status in STATUSES if found[status]}


def finals(cells: list[ModelSummary]) -> list[ModelSummary]:
    """Of each data set and model the cell at the largest budget, tuned where it was; oracles as they are."""
    best: dict[tuple[str, str], ModelSummary] = {}
    for cell in cells:
        known = best.get((cell.data, cell.model))
        if known is None or standing(cell) > standing(known):
            best[cell.data, cell.model] = cell
    return list(best.values())


def standing(cell: ModelSummary) -> tuple[float, bool]:
    """The order of one model's cells: by budget, and at one budget the tuned one last."""
    return 1.0 if cell.rung is None else cell.rung, is_tuned(cell.setting)
