"""One model on one data set: its runs, and the interval of each metric over their seeds."""

from collections import Counter
from dataclasses import dataclass, field

from bench.record.columns import STATUSES
from bench.report.intervals import Interval
from bench.report.study import Run

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
        best: whether its NLL is lower than that of every other model, by the paired difference; False where another
            has one on other test examples, or any bound is loose.
    """

    data: str
    model: str
    runs: list[Run]
    intervals: dict[str, Interval]
    oracle: bool = False
    best: bool = field(default=False, compare=False)

    @property
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
        """True where any finished run warns that its bound is loose."""
        return any("bound is loose" in (run["warning"] or "") for run in self.finished)

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

    def comparable(self, other: "ModelSummary") -> bool:
        """True where both NLLs are means over the same test examples, the first so many."""
        return self.measured_on() == other.measured_on()

    def measured_on(self) -> set[int | None]:
        """Numbers of test examples that the NLLs are means of."""
        return {run["nll_examples"] for run in self.finished if run["nll_nats"] is not None}

    def by_seed(self, column: str) -> dict[int, float]:
        """seed -> value, over the finished runs that have one."""
        return {run["seed"]: run[column] for run in self.finished if run[column] is not None}


def count_words(runs: list[Run]) -> str:
    """Counts by status in words, such as `2 ok, 1 diverged`."""
    counts = Counter(run["status"] for run in runs)
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
