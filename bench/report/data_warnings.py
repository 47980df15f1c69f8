"""What every row of a data set warns of: the data themselves, said once at the head of a page."""

from collections import defaultdict

from bench.record.typed import printable
from bench.report.study import Run

BETWEEN = "; "
"""Between the warnings of a row."""


def data_warnings(runs: list[Run]) -> list[str]:
    """A line for each data set all of whose rows that ended ok warn of the same; two rows at least."""
    by_data: dict[str, list[list[str]]] = defaultdict(list)
    for run in runs:
        if run["status"] == "ok":
            by_data[run["data"]].append(str(run.get("warning") or "").split(BETWEEN))
    lines = []
    for data, rows in by_data.items():
        shared = [part for part in rows[0] if part and all(part in row for row in rows)]
        if shared and len(rows) > 1:
            lines.append(printable(f"{data}: {BETWEEN.join(shared)}"))
    return lines
