"""The budget of a rung: the limits of the top budget times the rung's share."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from bench.config import Budget
from bench.errors import BenchError


def at_rung(budget: Budget) -> Budget:
    """The budget of the rung that it names: its limits are those of the top times the share, steps rounded.

    Raises:
        BenchError: a share that is none, or a ladder with equal rungs.
    """
    rung = share("budget.rung", budget.rung)
    ladder = None if budget.ladder is None else [share("budget.ladder", one) for one in budget.ladder]
    if ladder is not None and (not ladder or len(set(ladder)) < len(ladder)):
        raise BenchError(f"budget.ladder={budget.ladder}: give rungs that differ, such as [1/16,1/4,1], or null")
    return replace(
        budget,
        steps=None if budget.steps is None else max(1, round(budget.steps * rung)),
        seconds=None if budget.seconds is None else budget.seconds * rung,
        flops=None if budget.flops is None else budget.flops * rung,
        ladder=ladder,
        rung=rung,
    )


def share(option: str, value: Any) -> float:
    """A share of the budget: a number, or text such as `1/16`.

    Raises:
        BenchError: it is no number above 0 and at most 1.
    """
    try:
        number = float(Fraction(value)) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise BenchError(f"{option}: '{value}' is no share of the budget; write 0.25 or 1/4") from error
    if not 0 < number <= 1:
        raise BenchError(f"{option}: {value} is no share of the budget; give numbers above 0 and at most 1")
    return number
