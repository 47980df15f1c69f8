"""Metrics that mean nothing for some data: their cells stay empty, and the row says why."""

from collections.abc import Callable, Mapping

from bench.errors import NotMeasured
from bench.record.store import Record


def measured(metrics: Mapping[str, Callable[[], float]]) -> Record:
    """The value of each metric; one that is not measured has none, and its reason stands in `warning`."""
    record: Record = {}
    for name, metric in metrics.items():
        try:
            record[name] = metric()
        except NotMeasured as reason:
            record = joined(record, {"warning": f"{name}: {reason}"})
    return record


def joined(*records: Record) -> Record:
    """Records as one, the later first; their warnings one after the other, each once."""
    together: Record = {}
    warnings: list[str] = []
    for record in records:
        together |= record
        warnings += [line for line in (record.get("warning") or "").split("; ") if line and line not in warnings]
    return together | ({"warning": "; ".join(warnings)} if warnings else {})
