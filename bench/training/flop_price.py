"""The price of a training step in FLOPs: counted in one step now and then, carried over to those in between."""

from collections.abc import Callable

from torch import Tensor

from bench.metrics.compute import count_flops
from bench.models.entry import Entry, field_evaluations
from bench.training.history import History

COUNT_EVERY = 25
"""Intervals between two counts of a step's FLOPs: under the counter a step takes two to three times as long."""


class FlopPrice:
    """FLOPs of an entry's training steps, charged to its history.

    The last count stands in the history, so that a checkpoint carries it.

    Attributes:
        solves_ode: whether the entry counts evaluations of a field.
    """

    def __init__(self, entry: Entry, history: History, runs: int = 1) -> None:
        """For steps that are each those of so many runs, among which FLOPs are divided."""
        self.entry, self.history, self.runs = entry, history, runs
        self.solves_ode = field_evaluations(entry) is not None

    def evaluations(self) -> int:
        """The entry's running count of field evaluations; 0 for an entry that solves no ODE."""
        return (field_evaluations(self.entry) or 0) if self.solves_ode else 0

    def count_due(self, intervals: int) -> bool:
        """True when the first step of the next interval is counted, after so many."""
        return intervals % COUNT_EVERY == 0

    def count(self, step: Callable[[], Tensor]) -> Tensor:
        """The loss of `step`, taken under the FLOP counter and charged at what was counted."""
        history, losses = self.history, list[Tensor]()
        spent, evaluations = history.flops, self.evaluations()
        history.counted_flops = count_flops(lambda: losses.append(step())) // self.runs
        history.counted_evaluations = self.evaluations() - evaluations
        history.flops = spent + history.counted_flops  # the step has charged itself at the price before
        return losses[0]

    def charge(self, evaluations: int) -> None:
        """Adds a step that evaluated the field so many times."""
        self.history.flops += self.of(evaluations)

    def of(self, evaluations: int) -> float:
        """FLOPs of a step with so many field evaluations: in proportion to them, or all alike where there are none."""
        history = self.history
        share = evaluations / history.counted_evaluations if history.counted_evaluations else 1.0
        return history.counted_flops * share
