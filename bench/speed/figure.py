"""One line of a speed table: what was timed, beside what, against which target."""

import csv
import io
import statistics
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from bench.speed.interleave import Spread, ratios

COLUMNS = {
    "case": "the comparison, as `bench speed CASE` names it",
    "what": "what was timed",
    "ours": "median of this project's figure; for `ladder` and `reach`, of the method that `what` names",
    "theirs": "median of the other side's; for `overhead`, of forward, backward and optimiser alone; for `ladder` and "
    "`reach`, of the first rung, FFJORD as published",
    "unit": "of both",
    "ratio": "median over rounds of ours / theirs; for `overhead`, of the share of a training step; for `reach`, over "
    "seeds",
    "ratio_low": "lower quartile over rounds",
    "ratio_high": "upper quartile over rounds",
    "target": "what `ratio`, or `ours` where there is no ratio, should be",
    "met": "yes or no, which is said of `reach` too where a seed does not get there; else empty without a figure",
    "flops": "floating-point operations of what `ours` counts, a step, call or sample: matrix products alone; for "
    "`reach`, steps times those of a step of the ladder",
    "peak_fraction": "share of the fastest matrix product: for `ladder` median over rounds beside it, else right "
    "after the case's first such figure; empty for what multiplies no matrices, for exponents and where two rows above "
    "are compared",
    "compile_seconds": "before the first step, not in `ours`; empty where nothing is compiled",
    "device": "processor or GPU",
    "threads": "CPU threads torch used",
    "torch_version": "version of torch",
    "git_commit": "commit of the code, with + when files had changed",
    "note": "how it was timed",
}


PER_SECOND: dict[str, Callable[[float], float]] = {
    "ms": lambda milliseconds: 1e3 / milliseconds,
    "ms/step": lambda milliseconds: 1e3 / milliseconds,
    "s": lambda seconds: 1 / seconds,
    "samples/s": lambda rate: rate,
}
"""Steps, calls or samples a second, from a figure in that unit."""


@dataclass(frozen=True)
class Target:
    """A limit, and on which side of it the figure should be."""

    limit: float
    at_most: bool = True

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.limit:g}"

    def met(self, value: float) -> bool:
        """True where `value` is on the right side."""
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True)
class Figure:
    """One measurement of a case: the columns of the same names.

    Attributes:
        missed: there is no figure because what was timed did not get to its end, so that the target is not met.
    """

    case: str
    what: str
    unit: str
    ours: float | None
    theirs: float | None = None
    ratio: Spread | None = None
    target: Target | None = None
    note: str = ""
    flops: float | None = None
    peak_fraction: float | None = None
    compile_seconds: float | None = None
    missed: bool = False

    @property
    def flops_per_second(self) -> float | None:
        """FLOP/s at the speed measured; None without either, or for another unit than of time or rate."""
        if self.ours is None or self.flops is None or self.unit not in PER_SECOND:
            return None
        return self.flops * PER_SECOND[self.unit](self.ours)

    @property
    def met(self) -> str:
        """`yes`, `no`, or empty where there is nothing to judge."""
        value = self.ratio.median if self.ratio else self.ours
        if self.target is None:
            return ""
        if value is None:
            return "no" if self.missed else ""
        return "yes" if self.target.met(value) else "no"

    def row(self, surroundings: dict[str, str]) -> dict[str, str]:
        """Every column as text."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        spread = self.ratio
        plain["ratio"] = spread and spread.median
        plain["ratio_low"], plain["ratio_high"] = spread and spread.low, spread and spread.high
        plain["met"] = self.met
        return {name: cell({**plain, **surroundings}[name]) for name in COLUMNS}


def side_by_side(case: str, what: str, seconds: list[list[float]], target: Target, note: str) -> Figure:
    """The figure of two interleaved blocks: medians of the seconds of ours and theirs, ratios round by round."""
    ours, theirs = seconds
    return Figure(
        case,
        what,
        "s",
        statistics.median(ours),
        theirs=statistics.median(theirs),
        ratio=ratios(ours, theirs),
        target=target,
        note=note,
    )


def cell(value: object) -> str:
    """A number with four digits, None as nothing."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def csv_text(rows: list[dict[str, str]]) -> str:
    """The rows under the header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of an earlier table, a column that it lacks left empty; none where it has one that is not known."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        known = set(reader.fieldnames or ()) <= COLUMNS.keys()
        return [{name: row.get(name, "") for name in COLUMNS} for row in reader] if known else []


def figure_table(rows: list[dict[str, str]]) -> list[str]:
    """The rows as aligned text, the notes below."""
    header = ["case", "what", "ours", "theirs", "unit", "ratio", "quartiles", "target", "met"]
    lines = [header]
    for row in rows:
        quartiles = f"{row['ratio_low']}..{row['ratio_high']}" if row["ratio"] else ""
        lines.append([quartiles if name == "quartiles" else row[name] for name in header])
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    text = ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    notes = [f"{row['case']}, {row['what']}: {row['note']}" for row in rows if row["note"]]
    return [*text, "", *notes] if notes else text
