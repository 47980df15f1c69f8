"""The rungs of a ladder of budgets: an entry that is fitted has one, the others' must come out as different budgets."""

from collections import defaultdict
from collections.abc import Sequence

from bench.config import Budget
from bench.errors import BenchError
from bench.setup.grid import RUNG, without_rung

Setting = tuple[str, ...]
"""Overrides of cells that differ in seed and rung alone."""

Limits = tuple[int | None, float | None, float | None]
"""Steps, seconds and FLOPs of a budget."""


class Rungs:
    """The rungs of each setting of a grid that have been met."""

    def __init__(self) -> None:
        self.fitted: set[Setting] = set()
        self.limits: dict[Setting, dict[Limits, float]] = defaultdict(dict)

    def repeats_fitted(self, words: Sequence[str]) -> bool:
        """True where a fitted entry's cells were met before, at another rung."""
        setting = without_rung(words)
        met = setting in self.fitted
        self.fitted.add(setting)
        return met

    def add(self, words: Sequence[str], budget: Budget) -> None:
        """Notes the budget of a rung.

        Raises:
            BenchError: another rung came out as the same budget.
        """
        met = self.limits[without_rung(words)]
        limits = (budget.steps, budget.seconds, budget.flops)
        other = met.setdefault(limits, budget.rung)
        if other != budget.rung:
            raise BenchError(
                f"budget.ladder: rungs {other:g} and {budget.rung:g} are both budget.steps={budget.steps} when "
                "rounded; give more steps or rungs further apart"
            )


def names_rung(words: Sequence[str]) -> bool:
    """True where the overrides give a rung."""
    return len(without_rung(words)) < len(words)


def at_top(overrides: Sequence[str]) -> list[str]:
    """The overrides at rung 1, the rung's word in its place."""
    return [word if without_rung([word]) else f"{RUNG}=1.0" for word in overrides]
