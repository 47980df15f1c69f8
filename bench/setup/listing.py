"""`bench list`: what there is, a line each, without importing any of it."""

from pathlib import Path

from bench.paths import group_choices
from bench.record.columns import COLUMNS

GROUPS = {"models": "model", "data": "data", "studies": "study"}


def listing(what: str | None, config_dir: Path | None) -> list[str]:
    """The lines of one group, or of all of them under headings.

    Args:
        what: `models`, `data`, `studies`, `metrics`, or None for all.
        config_dir: a folder of the user's own configuration groups.
    """
    if what is None:
        return [line for name in (*GROUPS, "metrics") for line in (name, *listing(name, config_dir), "")][:-1]
    if what == "metrics":
        rows = [
            (name, f"[{column.unit}] {column.meaning}" if column.unit else column.meaning)
            for name, column in COLUMNS.items()
        ]
    else:
        rows = [(choice.name, choice.description) for choice in group_choices(GROUPS[what], config_dir)]
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{width}}  {text}" for name, text in rows]
