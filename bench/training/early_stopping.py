"""Early stopping: the best validation value so far, and the patience that ends training without a better one."""

from bench.models.optimise import ROUNDING
from bench.training.history import History

LATE_ENOUGH = 0.8
"""Share of the budget from which on the best weights are those of a schedule run to its end: its rate has fallen to a
tenth there."""


def is_best(history: History, value: float, share: float) -> bool:
    """Notes a validation value after that share of the budget, smaller is better; True where it is the best so far."""
    if value < history.best_value:
        history.best_step, history.best_value, history.best_at = history.step, value, share
        return True
    return False


def out_of_patience(history: History, patience: float | None, share: float) -> bool:
    """True when the last improvement lies `patience`, a share of the budget, back; None never stops early."""
    return patience is not None and share - history.best_at >= patience - ROUNDING


def far_from_end(best_at: float | None) -> str | None:
    """A line for a row whose best weights lie far from the end of its schedule; None for others."""
    if best_at is None or best_at >= LATE_ENOUGH - ROUNDING:
        return None
    return f"its best weights lie at {100 * best_at:.0f} % of the budget: a shorter schedule may do better"
