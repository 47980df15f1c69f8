"""Early stopping: the best validation value so far, and the patience that ends training without a better one."""

from bench.training.history import History


def is_best(history: History, value: float) -> bool:
    """Notes a validation value, smaller is better; True where it is the best so far."""
    if value < history.best_value:
        history.best_step, history.best_value, history.stale = history.step, value, 0
        return True
    history.stale += 1
    return False


def out_of_patience(history: History, patience: int | None) -> bool:
    """True after `patience` validations without improvement; None never stops early."""
    return patience is not None and history.stale >= patience
