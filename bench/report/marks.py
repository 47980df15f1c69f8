"""The marks behind a number: how it was timed, what its interval rests on, whether its bound is loose."""

from bench.record.columns import COLUMNS, bounded
from bench.report.model_summary import ModelSummary

DAGGER, DOUBLE_DAGGER, LOZENGE, SECTION, PILCROW, TRIANGLE = "†", "‡", "◊", "§", "¶", "▲"

PACKED_TIMES = frozenset({"train_seconds", "step_milliseconds"})
"""Columns of which runs that were trained together share a common time."""
MARKED_FLOOR = frozenset({"nll_nats", "bits_per_dim"})
"""Columns in which a model above the floor is marked."""


def is_time(column: str) -> bool:
    """True for a time that sharing the machine spoils."""
    return column in COLUMNS and COLUMNS[column].unit in {"s", "ms"}


def marks(cell: ModelSummary, column: str) -> str:
    """The marks of a model's number, such as `† §`; empty where it has none."""
    of_likelihood = column in bounded()
    found = (
        DAGGER * (is_time(column) and cell.shared_machine),
        DOUBLE_DAGGER * (column in PACKED_TIMES and cell.packed),
        LOZENGE * (is_time(column) and cell.elsewhere),
        SECTION * (of_likelihood and cell.loose),
        PILCROW * (of_likelihood and cell.estimated),
        TRIANGLE * (column in MARKED_FLOOR and cell.above_floor),
    )
    return " ".join(filter(None, found))
